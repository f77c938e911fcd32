"""The contract with producers and consumers: records in, dead letters and alerts out."""
