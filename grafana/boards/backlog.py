"""Backlog: its size, its age, how fast it clears, which SLA targets are at risk; at any past instant."""

from grafana.boards.thresholds import DUE, OLD
from grafana.dashboard import Board, Row
from grafana.panels import counts, lines, stat, table

BOARD = Board(
    uid="sichtflug-backlog",
    title="Backlog",
    description="What is open, how old it is, how fast it clears, and which SLA targets are at risk.",
    has_window=True,
    rows=(
        Row(
            "What is open?",
            (
                stat("overview/open", "short", width=4),
                stat("backlog/average", "short", decimals=1, width=4),
                stat("overview/oldest", "dtdurations", steps=OLD, width=4),
                stat("backlog/to_clear", "dtdurations", width=4),
                stat("overview/due", "short", steps=DUE, width=4),
                stat("backlog/due_60", "short", steps=DUE, width=4),
                lines("overview/backlog", "short"),
                counts("backlog/flows"),
            ),
        ),
        Row(
            "Who has been waiting, and for how long?",
            (
                lines("backlog/by_queue", "short", stacking="normal"),
                lines("backlog/age", "short", stacking="normal"),
                lines("backlog/waiting", "short", stacking="normal"),
                lines("backlog/at_risk", "short"),
            ),
        ),
        Row(
            "Do we meet our SLA targets?",
            (
                lines("backlog/sla", "percentunit", width=8, maximum=1),
                lines("backlog/first_response", "s", width=8),
                lines("backlog/resolution", "s", width=8),
                table(
                    "backlog/queues_at",
                    {
                        "reopened_ratio": "percentunit",
                        "transferred_ratio": "percentunit",
                        "sla_met_ratio": "percentunit",
                        "first_response_p90_seconds": "dtdurations",
                        "resolution_p90_seconds": "dtdurations",
                    },
                ),
            ),
        ),
    ),
)
