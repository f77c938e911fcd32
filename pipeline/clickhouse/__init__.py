"""The client of ClickHouse, and what it writes and reads."""
