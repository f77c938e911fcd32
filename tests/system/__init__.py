"""Worker processes, brokers and the embedded ClickHouse."""
