"""No process, no network, no engine."""
