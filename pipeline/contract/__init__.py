"""The border: records in, dead letters and alerts out."""
