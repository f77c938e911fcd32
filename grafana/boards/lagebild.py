"""Lagebild, the shift's wall: what is happening now, is it unusual, who waits."""

from grafana.boards.steps import DUE, NONE_EXPECTED, OLD, SPIKE_UNITS
from grafana.dashboard import Board, Row
from grafana.panels import BAD, GOOD, WARNING, counts, lines, link, stat, table

BOARD = Board(
    uid="sichtflug-lagebild",
    title="Lagebild",
    description="The shift's wall: what is happening now, is it unusual, who waits.",
    rows=(
        Row(
            "What is happening now?",
            (
                stat("lagebild/open", "short"),
                stat("lagebild/waiting", "short"),
                stat("lagebild/oldest", "dtdurations", steps=OLD),
                stat("lagebild/due", "short", steps=DUE),
                stat("lagebild/sla_met", "percentunit", steps=((0.8, WARNING), (0.9, GOOD)), first=BAD),
                stat("lagebild/clearance", "percentunit", steps=((0.8, WARNING), (1.0, GOOD)), first=BAD),
                stat("lagebild/spikes_now", "short", steps=NONE_EXPECTED),
                stat("lagebild/as_of", "dateTimeAsIso"),
            ),
        ),
        Row(
            "Is it unusual?",
            (
                counts("lagebild/arrivals"),
                counts("lagebild/escalations"),
                table(
                    "lagebild/spikes",
                    SPIKE_UNITS,
                    links={"place": link("Escalations", "sichtflug-escalations")},
                    height=6,
                ),
            ),
        ),
        Row(
            "Who waits?",
            (
                lines("lagebild/backlog", "short", width=10),
                table(
                    "lagebild/queues",
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
