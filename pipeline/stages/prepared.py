"""What was found or made before the stages of a worker are constructed."""

from typing import NamedTuple

from pipeline.ledger.rules_version import Configuration


class Prepared(NamedTuple):
    """The rules' version that checkpoints carry, and how many partitions the topic of customer facts has."""

    configuration: Configuration
    fact_partition_count: int
