"""What workers say of themselves to Prometheus."""
