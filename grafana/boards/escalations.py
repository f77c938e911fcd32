"""Escalations: how many, of which kinds, whether it is a spike; from channel to queue to conversations."""

from grafana.boards.thresholds import NONE_EXPECTED, SPIKE_UNITS
from grafana.dashboard import Board, Row
from grafana.panels import counts, link, stat, table

BOARD = Board(
    uid="sichtflug-escalations",
    title="Escalations",
    description="How many conversations escalate, by kind, whether that is unusual, and which ones they are.",
    has_window=True,
    rows=(
        Row(
            "How many, and is it unusual?",
            (
                stat("escalations/count", "short", width=6),
                stat("escalations/rate", "short", decimals=1, width=6),
                stat("escalations/exposures", "short", width=6),
                stat("overview/spikes_now", "short", steps=NONE_EXPECTED, width=6),
                counts("overview/escalations"),
                counts("escalations/by_channel"),
                table("overview/spikes", SPIKE_UNITS, height=6),
            ),
        ),
        Row(
            "Where, and which conversations?",
            (
                table(
                    "escalations/by_place",
                    {},
                    links={
                        "channel_name": link("Only this channel", "sichtflug-escalations", channel="channel_value"),
                        "queue_name": link("Only this queue", "sichtflug-escalations", queue="queue_value"),
                    },
                    hidden=("channel_value", "queue_value"),
                ),
                table("escalations/conversations", {"at": "dateTimeAsIso", "conversation_id": "string"}),
            ),
        ),
    ),
)
