"""All views of one zone against `zone_traffic`, on the real engine: some zones in the tests, all in `make soak`."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.stages.interactions.partition import interactions_processor
from streams.checkpoint import Checkpoint
from streams.rules import Rules, RulesConfig
from tests.oracle.rolling import AGES
from tests.support.records import consumed
from tests.support.zone_traffic import (
    DAY_MS,
    HOUR_MS,
    IDLE_LIMIT_MS,
    MINUTE_MS,
    Numbers,
    Talk,
    backlog,
    changes,
    clock_changes,
    date_of,
    day_starts,
    talks,
    values,
)

SIZES_MS = {"minute": MINUTE_MS, "hour": HOUR_MS}


class ZoneViews:
    """A database with the rows of one zone's traffic. Empties the tables first."""

    def __init__(self, client: ClickHouse, name: str, found: list[Talk], watermark_ms: int) -> None:
        self.client, self.zone, self.talks, self.watermark_ms = client, ZoneInfo(name), found, watermark_ms
        self.counted = changes(found, watermark_ms)
        self.name = name
        fold_values(client, name, values(found), watermark_ms)

    # ---- brute force

    def wanted(self, what: str, label: Callable[[int], Any], where: Callable[[int], bool] = lambda at: True) -> Numbers:
        """Return counts by interval and queue."""
        return Counter((label(at), queue) for at, name, queue in self.counted if name == what and where(at))

    def label(self, tier: str) -> Callable[[int], Any]:
        if tier == "day":
            return lambda at: date_of(self.zone, at)
        return lambda at: at // SIZES_MS[tier] * SIZES_MS[tier] // 1000

    # ---- the views

    def rows(self, sql: str) -> Numbers:
        """Return label and queue to number, without zeros."""
        return self.columns(sql, 1)[0]

    def columns(self, sql: str, count: int) -> list[Numbers]:
        """Return the same for several numbers, the last columns of a query."""
        found: list[Numbers] = [Counter() for _ in range(count)]
        seen = set()
        for row in self.client.rows(sql):
            key, numbers = row[:-count], row[-count:]
            assert key not in seen, f"two rows for {key}: {sql}"
            seen.add(key)
            for numbers_by_label, number in zip(found, numbers, strict=True):
                numbers_by_label[key] += int(number)
        return [
            Counter({key: number for key, number in numbers_by_label.items() if number}) for numbers_by_label in found
        ]

    def same(self, what: str, found: Numbers, wanted: Numbers) -> None:
        wanted = Counter({key: count for key, count in wanted.items() if count})
        assert found == wanted, (
            f"{self.name} at {instant_text(self.watermark_ms)}, {what}: "
            f"surplus {sorted((found - wanted).items())[:4]}, missing {sorted((wanted - found).items())[:4]}"
        )

    def check(self, chance: Random) -> None:
        """Compare everything. Raises AssertionError."""
        for tier in ("minute", "hour", "day"):
            self._flows(tier)
            self._backlog(tier, chance)
        self._sla_clocks()
        self._ages()
        self._rolling(chance)
        self._spans(chance)

    def _flows(self, tier: str) -> None:
        label, column = self.label(tier), "toString(day)" if tier == "day" else f"toUnixTimestamp({tier})"
        contacts, messages = self.columns(
            f"SELECT {column} AS at, queue, sum(opened_count), sum(inbound_message_count) FROM channel_mix_by_{tier} "
            "GROUP BY at, queue",
            2,
        )
        self.same(f"contacts by {tier}", contacts, self.wanted("contact", label))
        self.same(f"messages by {tier}", messages, self.wanted("message", label))
        found = self.rows(
            f"SELECT {column} AS at, queue, sum(escalated_count) FROM escalations_by_{tier} GROUP BY at, queue"
        )
        self.same(f"escalations by {tier}", found, self.wanted("escalated", label))
        if tier != "minute":
            found = self.rows(
                f"SELECT {column} AS at, queue, sum(ended_count) FROM response_times_by_{tier} "
                "WHERE measure = 'first_response' GROUP BY at, queue"
            )
            self.same(f"response_times_by_{tier}", found, self.wanted("first_response", label))

    def _sla_clocks(self) -> None:
        for tier in ("hour", "day"):
            column = "toString(day)" if tier == "day" else f"toUnixTimestamp({tier})"
            found = self.columns(
                f"SELECT {column} AS at, queue, sum(met_count), sum(missed_count) FROM sla_by_{tier} "
                "GROUP BY at, queue",
                2,
            )
            for outcome, outcomes in zip(("met", "missed"), found, strict=True):
                self.same(f"sla_by_{tier}.{outcome}", outcomes, self.wanted(outcome, self.label(tier)))

    def _backlog(self, tier: str, chance: Random) -> None:
        if tier == "day":
            found, departed = self.columns(
                "SELECT toString(day) AS at, queue, sum(open_count), sum(departed_count) FROM backlog_by_day "
                "GROUP BY at, queue",
                2,
            )
            wanted: Numbers = Counter()
            # Before the last 400 days only days on which a cell changed have a row.
            changed = {
                (date_of(self.zone, at), queue) for at, what, queue in self.counted if what in ("contact", "departed")
            }
            for day, queue in {*found, *changed}:
                for talk in self.talks:
                    left_ms = talk.left_ms(self.watermark_ms)
                    is_in = talk.queue == queue and date_of(self.zone, talk.opened_ms) <= day
                    wanted[day, queue] += is_in and not (left_ms and date_of(self.zone, left_ms) <= day)
            self.same("backlog_by_day", found, wanted)
            self.same("backlog_by_day.departed", departed, self.wanted("departed", self.label("day")))
            return
        size_ms, reach_ms = SIZES_MS[tier], (13 if tier == "minute" else 398) * DAY_MS
        instants = [(self.watermark_ms - chance.randrange(reach_ms)) // size_ms * size_ms for _ in range(25)]
        instants += [
            at // size_ms * size_ms
            for at, *_ in self.counted
            if self.watermark_ms - at < reach_ms and at <= self.watermark_ms
        ]
        listed = ", ".join(str(at // 1000) for at in sorted({*instants, self.watermark_ms // size_ms * size_ms}))
        found = self.rows(
            f"SELECT toUnixTimestamp({tier}) AS at, queue, sum(open_count) FROM backlog_by_{tier} "
            f"WHERE at IN ({listed}) GROUP BY at, queue"
        )
        wanted = Counter()
        for second in map(int, listed.split(", ")):
            for (queue,), count in backlog(self.talks, second * 1000 + size_ms, self.watermark_ms).items():
                wanted[second, queue] = count
        self.same(f"backlog_by_{tier}", found, wanted)

    def _ages(self) -> None:
        now_ms = self.watermark_ms + 1
        found = self.rows("SELECT queue, sum(open_count) FROM backlog_age GROUP BY queue")
        self.same("backlog_age", found, backlog(self.talks, now_ms, self.watermark_ms))
        limits = (0, 3_600, 14_400, 86_400, 604_800)
        found = self.rows(
            "SELECT queue, age_from_seconds, sum(open_count) FROM backlog_age WHERE age_from_seconds < 86400 "
            "GROUP BY queue, age_from_seconds"
        )
        wanted: Numbers = Counter()
        for talk in self.talks:
            if talk.is_open(now_ms, self.watermark_ms):
                seconds = self.watermark_ms // 1000 - talk.opened_ms // MINUTE_MS * 60
                wanted[talk.queue, max(limit for limit in limits if limit <= seconds)] += seconds < 86_400
        self.same("backlog_age by age", found, wanted)

        ends_ms = self.watermark_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
        at = f"standing_at(at = '{instant_text(ends_ms)}')"
        ages = " + ".join(AGES)
        names = f"{ages}, waiting_agent_count + waiting_customer_count, sla_due_60m_count"
        aged, waiting, due_soon = self.columns(f"SELECT queue, {names} FROM {at} WHERE scope = 'queue'", 3)
        self.same("standing_at", aged, backlog(self.talks, ends_ms, self.watermark_ms))
        self.same("standing_at, who waits", waiting, backlog(self.talks, ends_ms, self.watermark_ms))
        due = Counter(
            (talk.queue,) for talk in self.talks if not talk.answered_ms and ends_ms <= talk.due_ms < ends_ms + HOUR_MS
        )
        self.same("standing_at, due in 60 minutes", due_soon, due)

    def _rolling(self, chance: Random) -> None:
        end_ms = self.watermark_ms
        lately = [(end_ms - chance.randrange(13 * DAY_MS)) // MINUTE_MS * MINUTE_MS for _ in range(2)]
        instants = [*lately, (end_ms - chance.randrange(390 * DAY_MS)) // HOUR_MS * HOUR_MS]
        borders = [border for ago in (0, 10, 200) for border in day_starts(self.zone, end_ms - ago * DAY_MS, 1)]
        instants += [at for at in borders if at <= end_ms and (end_ms - at < 13 * DAY_MS or at % HOUR_MS == 0)]
        for at_ms in [*chance.sample(instants, 4), end_ms // HOUR_MS * HOUR_MS + HOUR_MS]:
            opens, *flows = self.columns(
                "SELECT queue, open_count, contact_count, sla_met_count, sla_missed_count "
                f"FROM rolling_at(at = '{instant_text(at_ms)}') WHERE scope = 'queue' AND window_seconds = 86400",
                4,
            )
            self.same(f"rolling_at {instant_text(at_ms)}", opens, backlog(self.talks, at_ms, self.watermark_ms))
            for what, found in zip(("contact", "met", "missed"), flows, strict=True):
                wanted = Counter(
                    (queue,) for at, name, queue in self.counted if name == what and at_ms - DAY_MS <= at < at_ms
                )
                self.same(f"rolling_at {instant_text(at_ms)}, {what}", found, wanted)

    def _spans(self, chance: Random) -> None:
        end_ms = self.watermark_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
        spans = [("minute", end_ms - 11 * HOUR_MS, end_ms), ("hour", end_ms - 60 * DAY_MS, end_ms + 3 * HOUR_MS)]
        begins_ms = end_ms - chance.randrange(13 * DAY_MS)
        spans.append(("minute", begins_ms, begins_ms + 6 * HOUR_MS))
        begins_ms = end_ms - chance.randrange(330 * DAY_MS, 390 * DAY_MS)
        spans.append(("hour", begins_ms, begins_ms + 50 * DAY_MS))
        for around in [
            *clock_changes(self.zone, end_ms - 390 * DAY_MS, end_ms),
            end_ms - chance.randrange(390) * DAY_MS,
        ][-3:]:
            border = chance.choice(day_starts(self.zone, around))
            begins_ms = border + chance.choice([0, -1000, 1000, HOUR_MS // 2, -HOUR_MS // 2])
            spans += [("day", begins_ms, end_ms + 5 * HOUR_MS)] if end_ms - begins_ms > 62 * DAY_MS else []
        for tier, from_ms, to_ms in spans:
            self._span(tier, from_ms // 1000 * 1000, to_ms // 1000 * 1000)

    def _span(self, tier: str, from_ms: int, to_ms: int) -> None:
        where = f"(from = '{instant_text(from_ms)}', to = '{instant_text(to_ms)}')"
        label = self.label(tier)
        first = label(from_ms)
        starts_before = {label(at) for at, *_ in self.counted if self._start(tier, at) < to_ms}

        def within(at: int) -> bool:
            return label(at) >= first and label(at) in starts_before

        at = f"toString(toDate(toTimezone(start, '{self.name}')))" if tier == "day" else "toUnixTimestamp(start)"
        period = f"{tier} from {instant_text(from_ms)} to {instant_text(to_ms)}"
        found = self.rows(f"SELECT {at} AS at, queue, sum(contact_count) FROM panes_between{where} GROUP BY at, queue")
        self.same(f"panes_between by {period}", found, self.wanted("contact", label, within))
        names = (
            "sum(sla_met_first_response_count), sum(sla_missed_first_response_count), sum(departed_count), "
            "sum(arrived_count)"
        )
        outcomes = self.columns(f"SELECT {at} AS at, queue, {names} FROM outcomes_between{where} GROUP BY at, queue", 4)
        for what, counts in zip(("met", "missed", "departed", "contact"), outcomes, strict=True):
            self.same(f"outcomes_between by {period}, {what}", counts, self.wanted(what, label, within))
        gained: Numbers = Counter()
        for instant, what, queue in self.counted:
            if what in ("contact", "departed") and label(instant) in starts_before:
                gained[max(label(instant), first), queue] += 1 if what == "contact" else -1
        found = self.rows(
            f"SELECT {at} AS at, queue, sum(gained_count) FROM backlog_changes_between{where} GROUP BY at, queue"
        )
        self.same(f"backlog_changes_between by {period}", found, gained)

    def _start(self, tier: str, at_ms: int) -> int:
        if tier != "day":
            return at_ms // SIZES_MS[tier] * SIZES_MS[tier]
        return max(start for start in day_starts(self.zone, at_ms) if start <= at_ms)


def fold_values(client: ClickHouse, zone: str, values: Sequence[bytes], sent_at_ms: int) -> None:
    """Empty the tables, and fold these events with the days of a zone."""
    for table in ("ledger", "interactions"):
        client.execute(f"TRUNCATE TABLE {table}")
    asyncio.run(_fold(client, zone, values, sent_at_ms))


async def _fold(client: ClickHouse, zone: str, values: Sequence[bytes], sent_at_ms: int) -> None:
    async def ignore(letters: Any) -> None:
        raise AssertionError(letters)

    rules = RulesConfig(reporting_zone=zone, idle_limit_seconds={"messaging": IDLE_LIMIT_MS // 1000})
    worker = interactions_processor(
        "log", 0, Rules(rules), Codec(b"k"), lambda: ClickHouse(client.url, client.database), ignore
    )
    worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
    await worker.fold(consumed(values, sent_at_ms))
    await worker.flush()
    worker.close()


def check_zone(client: ClickHouse, name: str, seed: int) -> None:
    """Check one random past of a zone. Raises AssertionError."""
    chance, zone = Random(f"{name} {seed}"), ZoneInfo(name)
    begin_ms, end_ms = 1_500_000_000_000, 1_790_000_000_000
    # Where clocks change now, or 14 or 400 days before: the tiers meet there.
    turns = clock_changes(zone, begin_ms - 400 * DAY_MS, end_ms - 400 * DAY_MS) or [begin_ms]
    watermark_ms = chance.choice(turns) + chance.choice([0, 14, 400]) * DAY_MS + chance.randrange(2 * DAY_MS)
    if chance.random() < 0.5:
        watermark_ms = chance.choice(day_starts(zone, watermark_ms)) + chance.randrange(3 * HOUR_MS)
    ZoneViews(client, name, talks(zone, chance, watermark_ms), watermark_ms).check(chance)


def instant_text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
