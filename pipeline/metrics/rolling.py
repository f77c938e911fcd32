"""The rolling numbers of the last passed minute for Prometheus, from the process that runs the rolling stage.

To bound the number of series, cells are omitted, and tenants, queues and channels beyond the largest hundred.
ClickHouse has all of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.spikes.calendars import SeriesStates
from streams.spikes.episodes import Episode

WINDOWS = {300: "5m", 3_600: "1h", 86_400: "24h", 604_800: "7d"}
SCOPE = ("scope", "tenant", "queue", "channel")
#: Per window: column of `rolling`, metric, further labels, meaning.
OF_WINDOWS: Sequence[tuple[str, str, dict[str, str], str]] = (
    ("contact_count", "contacts", {}, "Inbound conversations opened in the window, a transfer chain once"),
    ("inbound_message_count", "inbound_messages", {}, "Messages from customers in the window"),
    ("arrived_count", "arrivals", {}, "Conversations opened and reopened in the window"),
    ("departed_count", "departures", {}, "Conversations that left the backlog in the window"),
    ("escalated_functional_count", "escalations", {"kind": "functional"}, "Escalations in the window, by kind"),
    ("escalated_hierarchical_count", "escalations", {"kind": "hierarchical"}, ""),
    ("escalated_handoff_count", "escalations", {"kind": "handoff"}, ""),
    ("escalated_regulatory_count", "escalations", {"kind": "regulatory"}, ""),
    ("escalated_exposure_count", "escalations", {"kind": "exposure"}, ""),
    ("sla_met_count", "sla_met", {}, "SLA targets met in the window"),
    ("sla_missed_count", "sla_missed", {}, "SLA targets that fell due in the window and were missed"),
    ("drift", "channel_mix_drift", {}, "Jensen-Shannon distance of the channel mix from that of the weeks before"),
)
#: The same for numbers that do not depend on the window.
OF_THE_MOMENT: Sequence[tuple[str, str, dict[str, str], str]] = (
    ("open_count", "backlog_conversations", {}, "Conversations open at the end of the last minute that passed"),
    ("waiting_agent_count", "backlog_waiting", {"waiting_on": "agent"}, "Open conversations by whom they wait for"),
    ("waiting_customer_count", "backlog_waiting", {"waiting_on": "customer"}, ""),
    ("waiting_third_party_count", "backlog_waiting", {"waiting_on": "third_party"}, ""),
    ("sla_due_15m_count", "sla_due", {"within": "15m"}, "Open SLA targets that fall due soon"),
    ("sla_due_60m_count", "sla_due", {"within": "60m"}, ""),
    ("oldest_since", "backlog_oldest_timestamp_seconds", {}, "Since when the oldest open conversation has been open"),
)
EPISODE = ("measure", *SCOPE, "severity")


class RollingMetrics(Collector):
    """The metrics of the rolling stage. Empty before `evaluated` and after `clear`, except for the counters."""

    COLUMNS: ClassVar[Sequence[str]] = [column for column, *_ in (*OF_WINDOWS, *OF_THE_MOMENT)]

    def __init__(self, registry: CollectorRegistry) -> None:
        self._watermark_ms = 0
        self._rows: Sequence[tuple[Any, ...]] = ()
        self._episodes: Sequence[Episode] = ()
        self._states = SeriesStates(0, 0, 0)
        self.insert_failures = Counter(
            "sichtflug_rolling_insert_failures",
            "Failed inserts of episodes, windows and checkpoints by the rolling stage; each is retried",
            registry=registry,
        )
        self.forged_progress = Counter(
            "sichtflug_rolling_forged_progress",
            "Records on the progress topic that no worker wrote; they are ignored",
            registry=registry,
        )
        registry.register(self)

    def evaluated(self, watermark_ms: int, episodes: Sequence[Episode], states: SeriesStates) -> None:
        """Set the watermark up to which all minutes are evaluated, the ongoing episodes, and the numbers of series."""
        self._watermark_ms, self._episodes, self._states = watermark_ms, episodes, states

    def written(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Set the newest rolling windows, as rows of `RollingStore.windows`."""
        self._rows = rows

    def clear(self) -> None:
        """Clear the numbers, because another process runs the stage now."""
        self._watermark_ms, self._rows, self._episodes = 0, (), ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current numbers as metrics. Called by the thread that serves them."""
        if not self._watermark_ms:
            return
        meaning = "All events up to here are folded and evaluated"
        yield GaugeMetricFamily("sichtflug_settled_timestamp_seconds", meaning, self._watermark_ms / 1000)
        rows = self._rows
        index = {column: place for place, column in enumerate(self.COLUMNS, 1 + len(SCOPE))}
        yield from _families("rolling_", OF_WINDOWS, rows, index, has_window=True)
        shortest = [row for row in rows if row[0] == min(WINDOWS)]
        yield from _families("", OF_THE_MOMENT, shortest, index, has_window=False)
        yield from self._spikes()

    def _spikes(self) -> Iterator[GaugeMetricFamily]:
        ratio = GaugeMetricFamily("sichtflug_spike_ratio", "Ongoing spikes: observed by expected", labels=EPISODE)
        since = GaugeMetricFamily("sichtflug_spike_since_timestamp_seconds", "Their onsets", labels=EPISODE)
        for episode in self._episodes:
            labels = (*episode.series, episode.severity)
            ratio.add_metric(labels, episode.ratio)
            since.add_metric(labels, episode.since * 60)
        yield ratio
        yield since
        yield GaugeMetricFamily("sichtflug_spikes_open", "Ongoing spikes", len(self._episodes))
        series = GaugeMetricFamily(
            "sichtflug_spike_series",
            "Series of counts: watched for spikes, learning (not known for a day yet), and silent",
            labels=("state",),
        )
        for state, count in zip(("watched", "learning", "silent"), self._states, strict=True):
            series.add_metric((state,), count)
        yield series


def _families(
    prefix: str,
    metrics: Sequence[tuple[str, str, dict[str, str], str]],
    rows: Sequence[tuple[Any, ...]],
    index: dict[str, int],
    *,
    has_window: bool,
) -> Iterator[GaugeMetricFamily]:
    families: dict[str, GaugeMetricFamily] = {}
    for column, name, further, meaning in metrics:
        labels = (*(("window",) if has_window else ()), *SCOPE, *further)
        family = families.setdefault(name, GaugeMetricFamily(f"sichtflug_{prefix}{name}", meaning, labels=labels))
        for row in rows:
            value = row[index[column]]
            if value is not None:
                values = (*((WINDOWS[row[0]],) if has_window else ()), *row[1 : 1 + len(SCOPE)], *further.values())
                family.add_metric(values, value.timestamp() if hasattr(value, "timestamp") else value)
    yield from families.values()
