"""Pipeline: whether everything is read, folded and written, and whether the books balance."""

from grafana.dashboard import Board, Row
from grafana.panels import BAD, WARNING, counts, measured, table

QUANTILE = "histogram_quantile({}, sum by (le) (rate(sichtflug_{}_seconds_bucket[5m])))"

BOARD = Board(
    uid="sichtflug-pipeline",
    title="Pipeline",
    description="Whether everything is read, folded and written, and whether the books balance.",
    since="now-1h",
    has_prometheus=True,
    rows=(
        Row(
            "Do we keep up?",
            (
                measured(
                    "Consumer lag",
                    "Records in Kafka that are not folded yet, by partition.",
                    "short",
                    ("sichtflug_lag_records", "{{partition}}"),
                ),
                measured(
                    "Lag in time",
                    "Age of the last record folded, by the broker's time; 0 at the end of the log.",
                    "s",
                    ("sichtflug_lag_seconds", "{{partition}}"),
                ),
                measured(
                    "Freshness",
                    "From the broker's time of the oldest event of a flush until it is queryable. The target is 2 s.",
                    "s",
                    (QUANTILE.format(0.5, "freshness"), "p50"),
                    (QUANTILE.format(0.99, "freshness"), "p99"),
                    steps=((2, WARNING), (30, BAD)),
                ),
                measured(
                    "Flushes",
                    "Duration of a flush, from taking the rows until ClickHouse acknowledged them.",
                    "s",
                    (QUANTILE.format(0.5, "flush"), "p50"),
                    (QUANTILE.format(0.99, "flush"), "p99"),
                ),
                measured(
                    "Rows written",
                    "Rows written to ClickHouse per second.",
                    "short",
                    ("sum(rate(sichtflug_flushed_rows_total[5m]))", "rows"),
                ),
                measured("Partitions", "Partitions by worker.", "short", ("sichtflug_partitions", "{{instance}}")),
            ),
        ),
        Row(
            "Is anything lost?",
            (
                table(
                    "pipeline/partitions",
                    {"watermark_age_seconds": "dtdurations"},
                    steps={"out_of_balance": ((1, BAD),), "watermark_age_seconds": ((120, WARNING), (600, BAD))},
                ),
                counts("pipeline/rejections"),
                table("pipeline/workers", {"seen_seconds_ago": "dtdurations"}, width=12),
            ),
        ),
    ),
)
