"""The spike detector on a file of counts: what it would have told, and a picture of it."""
