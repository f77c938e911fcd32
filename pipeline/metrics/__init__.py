"""The metrics of workers for Prometheus."""
