"""Expected bands as rows: a Native block of a few minutes of all watched series."""

from collections.abc import Mapping, Sequence

from pipeline.clickhouse import native
from pipeline.clickhouse.native import TextCache
from streams.spikes.bands import Band

TABLE = "expected_band_revisions"
_TEXTS = ("log", "measure", "scope", "tenant", "queue", "channel")
_FLOATS = ("expected_count", "lower_count", "upper_count")
COLUMNS = (*_TEXTS, "start", "observed_count", *_FLOATS)


def band_block(log: str, minutes: Mapping[int, Sequence[Band]]) -> tuple[bytes, int]:
    """Return the block of these bands by minute since the epoch, and its number of rows."""
    rows = [(minute, band) for minute, bands in minutes.items() for band in bands]
    cache = TextCache()
    texts = [[log] * len(rows), *(list(column) for column in zip(*(band.series for _, band in rows), strict=True))]
    columns = [(name, "String", native.few_texts(values, cache)) for name, values in zip(_TEXTS, texts, strict=True)]
    columns.append(("start", "DateTime('UTC')", native.integers("I", (minute * 60 for minute, _ in rows))))
    columns.append(("observed_count", "UInt32", native.integers("I", (band.observed for _, band in rows))))
    columns += [
        (name, "Float32", native.floats(values))
        for name, values in zip(
            _FLOATS, zip(*((band.expected, band.lower, band.upper) for _, band in rows), strict=True), strict=True
        )
    ]
    return native.block(len(rows), columns), len(rows)
