"""Input and output: Kafka, ClickHouse, Faust, Prometheus, environment and command line around the pure `streams`."""
