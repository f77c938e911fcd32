"""The embedded ClickHouse."""
