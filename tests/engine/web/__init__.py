"""The page's server, asked over HTTP."""
