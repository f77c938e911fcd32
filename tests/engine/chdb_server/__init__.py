"""The embedded ClickHouse as a separate server, over HTTP."""
