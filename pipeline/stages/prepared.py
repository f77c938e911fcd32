"""Results of the preparation that the stages of a worker are constructed with."""

from typing import NamedTuple

from pipeline.ledger.rules_version import Configuration


class Prepared(NamedTuple):
    """The rules version that checkpoints carry, and the number of partitions of the topic of customer facts."""

    configuration: Configuration
    fact_partition_count: int
