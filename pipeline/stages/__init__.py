"""The three stages of a worker: interactions, customers, rolling."""
