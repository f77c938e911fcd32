"""The books of a partition: its records by outcome."""

import msgspec


class Books(msgspec.Struct):
    """Records of a partition's log by outcome: `consumed = applied + duplicate + rejected`.

    The other counters are subsets of `applied`: late behind the watermark, of an unknown type (ignored), clamped to the
    broker's time, on a channel without configuration, with optional fields dropped, and identities discarded at the
    cap.
    """

    consumed: int = 0
    applied: int = 0
    duplicate: int = 0
    rejected: int = 0
    late: int = 0
    ignored: int = 0
    clamped: int = 0
    unknown_channel: int = 0
    dropped_field: int = 0
    forgotten: int = 0
