"""Every client of Kafka."""
