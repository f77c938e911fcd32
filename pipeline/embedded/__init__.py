"""Kafka and ClickHouse as child processes."""
