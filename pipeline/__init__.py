"""How it runs: every door to the world (Kafka, ClickHouse, Faust, Prometheus, environment, command line)."""
