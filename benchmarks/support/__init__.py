"""Traffic, processes and filled databases for the measurements."""
