"""Public and community: what spreads, and how customers help each other."""

from grafana.dashboard import Board, Row
from grafana.panels import BAD, GOOD, WARNING, counts, lines, stat, table

BOARD = Board(
    uid="sichtflug-public",
    title="Public and community",
    description="What spreads in public, and how much customers help each other.",
    since="now-24h",
    rows=(
        Row(
            "Is something spreading?",
            (
                stat("public/shares_now", "short", width=4),
                stat("public/growth", "short", decimals=2, steps=((0, GOOD), (2, WARNING), (4, BAD)), width=4),
                stat("public/largest", "percentunit", width=4),
                stat("public/peer_ratio", "percentunit", width=4),
                stat("public/before_staff", "percentunit", width=4),
                stat("public/saved", "short", width=4),
                counts("public/shares"),
                counts("public/reach"),
                table("public/roots", {"root_post": "string"}),
            ),
        ),
        Row(
            "Do customers help each other?",
            (
                counts("public/solutions"),
                lines("public/first_answer", "s"),
                table("public/helpers", {"day": "string", "from_top_10_percent": "percentunit"}),
            ),
        ),
    ),
)
