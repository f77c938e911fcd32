"""The shift between channels, sync and async, public and private, and customers who switch between them."""

from grafana.dashboard import Board, Row
from grafana.panels import bars, counts, lines, stat, table

BOARD = Board(
    uid="sichtflug-channel-mix",
    title="Channel mix",
    description="Where customers contact us, and how that shifts.",
    has_window=True,
    rows=(
        Row(
            "Where do customers contact us?",
            (
                stat("channel_mix/contacts", "short", width=4),
                stat("channel_mix/sync_ratio", "percentunit", width=4),
                stat("channel_mix/public_ratio", "percentunit", width=4),
                stat("channel_mix/drift_now", "short", decimals=3, width=4),
                stat("channel_mix/known", "percentunit", width=4),
                stat("channel_mix/burden", "short", decimals=2, width=4),
            ),
        ),
        Row(
            "How does it shift?",
            (
                counts("channel_mix/by_channel", stacking="percent"),
                bars("channel_mix/before", "percentunit"),
                counts("channel_mix/modes", stacking="percent"),
                counts("channel_mix/visibility", stacking="percent"),
                lines("channel_mix/drift", "short"),
                counts("channel_mix/messages"),
            ),
        ),
        Row(
            "Do customers have to contact us again?",
            (
                lines("channel_mix/repeats", "percentunit"),
                lines("channel_mix/containment", "percentunit", maximum=1),
                table("channel_mix/by_queue", {"share_of_queue": "percentunit"}),
            ),
        ),
    ),
)
