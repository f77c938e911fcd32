"""What the rolling stage reads and writes in ClickHouse: counts per minute, episodes, rolling windows, checkpoint."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.stages.rolling.bands import COLUMNS, TABLE, band_block
from pipeline.stages.rolling.columns import KEY, STANDING_COLUMNS, WINDOW_COLUMNS
from streams.panes.deltas import MINUTE_MS
from streams.spikes.bands import Band
from streams.spikes.episodes import Contributor, Episode, OngoingEpisode, SeriesRun, episode_id
from streams.spikes.series import Counts, Place, Series

Minutes = Mapping[int, Mapping[Place, Counts]]

ESCALATED = (
    "escalated_functional_count + escalated_hierarchical_count + escalated_handoff_count + escalated_regulatory_count "
    "+ escalated_exposure_count"
)
EPISODE_COLUMNS = (
    "episode_id, incident_id, measure, scope, tenant, queue, channel, toUnixTimestamp(since), "
    "toUnixTimestamp(detected_at), ifNull(toUnixTimestamp(until), 0), severity, observed_count, expected_count, "
    "contributors, ifNull(toUnixTimestamp(worsened_at), 0), ifNull(toUnixTimestamp(told_at), 0), runs, revision"
)
_decode_runs = msgspec.json.Decoder(list[SeriesRun]).decode
#: Bounds the size of a metrics scrape; ClickHouse has all places.
SHOWN_PER_SCOPE = 100
STANDING_KEY = ", ".join(KEY)


class StoredEpisode(NamedTuple):
    """An episode as stored.

    `worsened` is the minute in which its severity rose to a page, `told` the one in which it was announced, `revision`
    the last minute evaluated.
    """

    lasting: OngoingEpisode
    worsened: int | None
    told: int | None
    revision: int


class RollingStore:
    """The tables of the rolling stage, for one log. Minutes are numbered since the epoch, UTC.

    Not thread-safe. Raises the errors of the ClickHouse client.
    """

    def __init__(self, client: ClickHouse, log: str) -> None:
        self._client = client
        self._log = log

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # ---- the checkpoint

    def begin(self) -> None:
        """Write a first checkpoint if there is none: at the ledger's watermark, so that no history is evaluated."""
        if self.evaluated_minute() is None:
            [(watermark_ms,)] = self._client.rows(
                "SELECT toUnixTimestamp64Milli(max(watermark)) FROM checkpoints "
                f"WHERE log = {quoted(self._log)} AND last_offset >= 0"
            )
            now_ms = time.time_ns() // 1_000_000
            self.commit(max(0, min(watermark_ms, now_ms) // MINUTE_MS - 1))

    def evaluated_minute(self) -> int | None:
        """Return the checkpoint; None if the rolling stage has never run."""
        rows = self._client.rows(
            f"SELECT max(minute) FROM rolling_checkpoints WHERE log = {quoted(self._log)} HAVING count() > 0"
        )
        return int(rows[0][0]) if rows else None

    def commit(self, minute: int) -> None:
        """Write the checkpoint: up to this minute, alerts are acknowledged and windows written."""
        self._client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ({quoted(self._log)}, {minute})")

    def take_back_from(self, minute: int, *, dry_run: bool) -> int:
        """Delete checkpoints, episodes and windows from a minute on, after a wrong clock. All workers must be stopped.

        Return the number of checkpoints concerned. A `dry_run` deletes nothing.
        """
        mine = f"log = {quoted(self._log)}"
        [(count,)] = self._client.rows(f"SELECT count() FROM rolling_checkpoints WHERE {mine} AND minute >= {minute}")
        if not dry_run:
            self._client.execute(f"DELETE FROM rolling_checkpoints WHERE {mine} AND minute >= {minute}")
            self._client.execute(f"DELETE FROM spike_revisions WHERE {mine} AND since >= {_instant(minute)}")
            self._client.execute(f"DELETE FROM {TABLE} WHERE {mine} AND start >= {_instant(minute)}")
            self._client.execute(f"DELETE FROM rolling_revisions WHERE emitted_at > {_instant(minute)}")
            if self.evaluated_minute() is None:
                self.commit(minute - 1)
        return int(count)

    # ---- counts

    def next_minute(self, minute: int) -> int | None:
        """Return the first minute from this one on with any counts; None if there is none."""
        [(seconds,)] = self._client.rows(
            "SELECT min(start) FROM (SELECT toUnixTimestamp(start) AS start FROM panes "
            f"WHERE tier = 'minute' AND start >= {_instant(minute)} ORDER BY start LIMIT 1) HAVING count() > 0"
        ) or [(None,)]
        return None if seconds is None else int(seconds) // 60

    def counts(self, first: int, end: int) -> Minutes:
        """Return the counts of the minutes `[first, end)` by place, without minutes that have none."""
        rows = self._client.rows(
            "SELECT intDiv(toUnixTimestamp(start), 60) AS minute, tenant, queue, channel, "
            f"sum({ESCALATED}) AS escalated, "
            "sum(opened_count + reopened_count) AS arrived, sum(shared_count) AS shared FROM panes "
            f"WHERE tier = 'minute' AND start >= {_instant(first)} AND start < {_instant(end)} "
            "GROUP BY minute, tenant, queue, channel HAVING escalated != 0 OR arrived != 0 OR shared != 0"
        )
        minutes: dict[int, dict[Place, Counts]] = {}
        for minute, tenant, queue, channel, *counts in rows:
            minutes.setdefault(int(minute), {})[Place(tenant, queue, channel)] = Counts(*map(int, counts))
        return minutes

    # ---- episodes

    def episodes(self, from_minute: int) -> list[StoredEpisode]:
        """Return the episodes that had not ended before `from_minute`, ordered by onset."""
        rows = self._client.rows(
            f"SELECT {EPISODE_COLUMNS} FROM spikes WHERE log = {quoted(self._log)} "
            f"AND (until IS NULL OR until >= {_instant(from_minute)}) ORDER BY since"
        )
        stored = {identity: _stored(row) for identity, _, *row in rows}
        for identity, incident, *_ in rows:
            if incident != identity and incident in stored:
                stored[identity].lasting.episode.incident = stored[incident].lasting.episode.key
        return list(stored.values())

    def write_episodes(self, episodes: Sequence[StoredEpisode]) -> None:
        """Write the current revisions of episodes, in one insert."""
        values = ", ".join(map(self._values, episodes))
        self._client.execute(
            "INSERT INTO spike_revisions (log, episode_id, measure, scope, tenant, queue, channel, since, detected_at, "
            "until, severity, observed_count, expected_count, contributors, worsened_at, told_at, incident_id, runs, "
            f"revision) VALUES {values}"
        )

    def _values(self, stored: StoredEpisode) -> str:
        (episode, runs), worsened, told, revision = stored
        series = episode.series
        contributors = ", ".join(
            f"({quoted(cell.queue)}, {quoted(cell.channel)}, {cell.observed}, {cell.expected!r})"
            for cell in episode.contributors
        )
        texts = (self._log, episode_id(self._log, episode.key), *series)
        told_end = None if told is None else told + 1
        until, worsened_at, told_at = (
            "NULL" if minute is None else str(minute * 60) for minute in (episode.until, worsened, told_end)
        )
        return (
            f"({', '.join(map(quoted, texts))}, {episode.since * 60}, {episode.detected * 60 + 60}, {until}, "
            f"{quoted(episode.severity)}, {episode.observed}, {episode.expected!r}, [{contributors}], {worsened_at}, "
            f"{told_at}, {quoted(episode_id(self._log, episode.incident_key))}, "
            f"{quoted(msgspec.json.encode(runs).decode())}, {revision})"
        )

    # ---- expected bands

    def write_bands(self, bands: Mapping[int, Sequence[Band]]) -> None:
        """Write the expected bands of minutes, in one insert. A second write supersedes the first."""
        body, row_count = band_block(self._log, bands)
        token = f"{self._log} {min(bands)} {max(bands)} {row_count}"
        self._client.insert(TABLE, COLUMNS, body, row_count, token)

    # ---- rolling windows

    def write_windows(self, minute: int) -> None:
        """Write the rolling windows that end with `minute`, as observed now. A second write supersedes the first."""
        at = f"at = {quoted(_text(minute + 1))}"
        columns = ("emitted_at", "window_seconds", *KEY, *WINDOW_COLUMNS, *STANDING_COLUMNS)
        flows = ", ".join(f"r.{name}" for name in ("emitted_at", "window_seconds", *KEY, *WINDOW_COLUMNS))
        stocks = ", ".join(f"s.{name}" for name in STANDING_COLUMNS)
        self._client.execute(
            f"INSERT INTO rolling_revisions ({', '.join(columns)}) SELECT {flows}, {stocks} FROM rolling_at({at}) AS r "
            f"LEFT JOIN standing_at({at}) AS s USING ({STANDING_KEY})"
        )

    def windows(self, minute: int, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the windows that end with `minute`, except those of cells: length, scope, dimensions, named columns.

        Limited to the `SHOWN_PER_SCOPE` places of each scope with the most open conversations and contacts.
        """
        return self._client.rows(
            f"SELECT window_seconds, {STANDING_KEY}, {', '.join(names)} FROM rolling "
            f"WHERE scope != 'cell' AND emitted_at = {_instant(minute + 1)} "
            f"ORDER BY open_count + contact_count DESC, {STANDING_KEY} LIMIT {SHOWN_PER_SCOPE} BY window_seconds, scope"
        )


def _instant(minute: int) -> str:
    return f"toDateTime({minute * 60}, 'UTC')"


def _text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _stored(row: Sequence[Any]) -> StoredEpisode:
    measure, scope, tenant, queue, channel, since, detected_at, until, severity, observed, expected, *rest = row
    cells, worsened_at, told_at, runs, revision = rest
    episode = Episode(
        Series(measure, scope, tenant, queue, channel),
        int(since) // 60,
        int(detected_at) // 60 - 1,
        int(observed),
        float(expected),
        severity,
        tuple(_contributor(cell) for cell in cells),
        int(until) // 60 if until else None,
    )
    # Rows of earlier versions have no runs.
    lasting = OngoingEpisode(episode, _decode_runs(runs) if runs else [])
    worsened = int(worsened_at) // 60 if worsened_at else None
    told = int(told_at) // 60 - 1 if told_at else None
    return StoredEpisode(lasting, worsened, told, int(revision))


def _contributor(cell: Any) -> Contributor:
    queue, channel, observed, expected = cell.values() if isinstance(cell, dict) else cell
    return Contributor(queue, channel, int(observed), float(expected))
