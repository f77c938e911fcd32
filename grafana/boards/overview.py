"""Overview, for the wall display of a shift: what is happening now, whether it is unusual, who is waiting."""

from grafana.boards.thresholds import DUE, NONE_EXPECTED, OLD, SPIKE_UNITS
from grafana.dashboard import Board, Row
from grafana.panels import BAD, GOOD, WARNING, counts, lines, link, stat, table

BOARD = Board(
    uid="sichtflug-overview",
    title="Overview",
    description="For the wall display of a shift: what is happening now, whether it is unusual, and who is waiting.",
    rows=(
        Row(
            "What is happening now?",
            (
                stat("overview/open", "short"),
                stat("overview/waiting", "short"),
                stat("overview/oldest", "dtdurations", steps=OLD),
                stat("overview/due", "short", steps=DUE),
                stat("overview/sla_met", "percentunit", steps=((0.8, WARNING), (0.9, GOOD)), first=BAD),
                stat("overview/clearance", "percentunit", steps=((0.8, WARNING), (1.0, GOOD)), first=BAD),
                stat("overview/spikes_now", "short", steps=NONE_EXPECTED),
                stat("overview/as_of", "dateTimeAsIso"),
            ),
        ),
        Row(
            "Is it unusual?",
            (
                counts("overview/arrivals"),
                counts("overview/escalations"),
                table(
                    "overview/spikes",
                    SPIKE_UNITS,
                    links={"place": link("Escalations", "sichtflug-escalations")},
                    height=6,
                ),
            ),
        ),
        Row(
            "Who is waiting?",
            (
                lines("overview/backlog", "short", width=10),
                table(
                    "overview/queues",
                    {"oldest_seconds": "dtdurations", "first_response_p90_seconds": "dtdurations"},
                    steps={"due_15m": DUE},
                    links={"queue_name": link("Backlog of this queue", "sichtflug-backlog", queue="queue_value")},
                    hidden=("queue_value",),
                    width=14,
                ),
            ),
        ),
    ),
)
