"""What the numbers mean: pure functions from batches of plain values to plain values.

No clock, no I/O, no logging, no Kafka, Faust or ClickHouse. `pipeline` runs what is defined here.
"""
