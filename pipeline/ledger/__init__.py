"""The durable state in ClickHouse."""
