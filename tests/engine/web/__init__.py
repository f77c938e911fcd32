"""The page's server, over HTTP."""
