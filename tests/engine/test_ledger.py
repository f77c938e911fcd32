"""Rows of the ledger on the real engine are read back as written, wherever a partition is restored."""

import asyncio
import random
from collections import Counter

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import FencedError
from pipeline.ledger import conversations as ledger_conversations
from pipeline.ledger.columns import CONVERSATION_FIELDS, ConversationRow
from pipeline.ledger.store import PartitionLedger
from pipeline.processing import state as ledger_state
from pipeline.stages.interactions import state as partition_state
from streams.calendars import Calendar
from streams.conversations.conversation import Conversation
from streams.rules import Queue, RulesConfig, Targets
from tests.oracle import Oracle, Record
from tests.support.records import consumed, encoded
from tests.support.rows import assert_same_rows, expected_rows, log_rows, view_rows
from tests.support.traffic import HOUR_MS, START_MS, traffic
from tests.support.workers import fold, new_worker, open_keys

TARGETS = Targets(first_response_seconds=60, next_response_seconds=120, resolution_seconds=900)
RICH_RULES = RulesConfig(
    targets=TARGETS,
    calendars={"office": Calendar(zone="Europe/Berlin", hours={"mon": ("08:00-18:00",), "fri": ("00:00-24:00",)})},
    queues={"billing": Queue(calendar="office")},
    idle_limit_seconds={"web_chat": 1_800, "": 7_200},
    reporting_zone="Europe/Berlin",
)


@pytest.mark.parametrize("rules", [RulesConfig(), RICH_RULES], ids=["default rules", "every kind of rule"])
def test_ledger_rows_are_the_same_wherever_a_partition_is_restored_and_evicted(
    client: ClickHouse, rules: RulesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = traffic(seed=5)
    asyncio.run(fold(client, "whole", records, rules, None))
    # A tiny cache: panes and departed conversations are read back all the time.
    monkeypatch.setattr(ledger_state, "CACHED_PANES_PER_TIER", 40)
    monkeypatch.setattr(partition_state, "CACHED_DEPARTED", 0)
    monkeypatch.setattr(partition_state, "CACHED_CONVERSATIONS", 50)
    monkeypatch.setattr(ledger_conversations, "CONVERSATIONS_PER_QUERY", 7)
    asyncio.run(fold(client, "cut", records, rules, random.Random(1)))
    for view in ("checkpoints", "conversations", "panes"):
        whole, cut = log_rows(client, view, "whole"), log_rows(client, view, "cut")
        assert len(whole) > (0 if view == "checkpoints" else 100)
        assert cut == whole, view


@pytest.mark.parametrize("per_query", [1, 4, 12, 1_000])
def test_each_open_conversation_is_restored_once_whatever_the_query_size(
    client: ClickHouse, monkeypatch: pytest.MonkeyPatch, per_query: int
) -> None:
    monkeypatch.setattr(ledger_conversations, "CONVERSATIONS_PER_QUERY", per_query)
    monkeypatch.setattr(ledger_conversations, "CHUNK_BYTES", 100)
    sources = ["/", "/a", "/a'", "/ä\\"]
    subjects = ["0", "a", "a'b", "ä", "\\", "line\nend"]
    values = [
        encoded(id=subject, source=source, subject=subject, time="2023-11-14T22:13:20Z")
        for source in sources
        for subject in subjects
    ]
    asyncio.run(fold(client, "log", consumed(values, START_MS), RulesConfig(), None))
    found = open_keys(client)
    folded = new_worker(client, "log", RulesConfig()).job.fold.conversations
    assert (
        sorted(found) == sorted(folded) == sorted(f"{source}\n{subject}" for source in sources for subject in subjects)
    )


def test_reading_a_row_back_detects_another_worker_that_is_ahead(
    client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_state, "CACHED_DEPARTED", 0)
    monkeypatch.setattr(partition_state, "CACHED_CONVERSATIONS", 0)
    records = traffic(seed=6)

    async def overtake() -> None:
        slow, fast = new_worker(client, "log", RulesConfig()), new_worker(client, "log", RulesConfig())
        try:
            await slow.fold(records[:1_000])
            await slow.flush()
            await fast.fold(records[:2_000])
            await fast.flush()
            with pytest.raises(FencedError, match="another worker has this partition"):
                await slow.fold(records[1_000:2_000])
        finally:
            slow.close()
            fast.close()

    asyncio.run(overtake())


def test_response_times_sla_clocks_and_age_in_sql_equal_the_oracle(client: ClickHouse) -> None:
    records = traffic(seed=8, hours=2)
    asyncio.run(fold(client, "log", records, RulesConfig(targets=TARGETS), None))
    oracle = Oracle(
        (Record(record.value, record.timestamp, record.key) for record in records),
        target_seconds={"first_response": 60, "next_response": 120, "resolution": 900},
    )
    ended = Counter(time["kind"] for time in oracle.response_times())
    found = dict(
        client.rows(
            "SELECT measure, sum(ended_count) FROM response_times_by_hour "
            "WHERE measure IN ('first_response', 'reply', 'resolution') GROUP BY measure"
        )
    )
    assert found == ended
    assert client.rows("SELECT count() FROM response_times_by_hour WHERE p50_seconds > p90_seconds") == [(0,)]

    promises = expected_rows(oracle, "sla_by_hour")
    clocks: Counter[tuple[str, str]] = Counter()
    for *_, clock, met, missed in promises:
        clocks[clock, "met"] += met
        clocks[clock, "missed"] += missed
    assert min(clocks.values()) > 10
    assert_same_rows("sla_by_hour", view_rows(client, "sla_by_hour"), promises)

    open_now = Counter(
        bucket_of(oracle.watermark_ms - row["open_since_ms"] // 60_000 * 60_000) for row in oracle.open_since()
    )
    assert dict(client.rows("SELECT age, sum(open_count) FROM backlog_age GROUP BY age")) == open_now


def bucket_of(age_ms: int) -> str:
    return "< 1 h" if age_ms < HOUR_MS else "1-4 h" if age_ms < 4 * HOUR_MS else "4-24 h"


def test_the_quantile_of_a_histogram_in_sql_is_within_five_percent(client: ClickHouse) -> None:
    chance = random.Random(3)
    durations = sorted(int(chance.lognormvariate(11, 2)) for _ in range(999))
    from streams.panes.histograms import bucket

    histogram = Counter(map(bucket, durations))
    literal = "map(" + ", ".join(f"toUInt32({key}), toInt64({count})" for key, count in histogram.items()) + ")"
    for level in (0.5, 0.9, 0.99):
        ((found,),) = client.rows(f"SELECT histogram_quantile_ms({literal}, {level})")
        # The exact quantile: the smallest duration that at least level × 999 do not exceed.
        exact = durations[-(-int(level * 1000) * 999 // 1000) - 1]
        assert abs(found - exact) <= 0.05 * exact
    assert client.rows("SELECT histogram_quantile_ms(CAST(map(), 'Map(UInt32, Int64)'), 0.5)") == [(None,)]


def test_old_minutes_are_deleted_and_hours_replace_them(client: ClickHouse) -> None:
    asyncio.run(fold(client, "log", traffic(seed=9, hours=1), RulesConfig(), None))
    before_ms = START_MS + HOUR_MS // 2

    def count(tier: str, until_ms: int) -> int:
        query = f"SELECT count() FROM panes WHERE tier = '{tier}' AND start < toDateTime({until_ms // 1000})"
        return int(client.rows(query)[0][0])

    assert count("minute", before_ms) > 0
    younger = count("minute", 4_000_000_000_000) - count("minute", before_ms)
    hours = count("hour", 4_000_000_000_000)
    worker = new_worker(client, "log", RulesConfig())
    PartitionLedger(client, "log", 0, "conversation", worker.job.fold.cells).expire_minutes(before_ms)
    worker.close()
    assert count("minute", before_ms) == 0
    assert count("minute", 4_000_000_000_000) == younger > 0
    assert count("hour", 4_000_000_000_000) == hours


def test_conversation_fields_match_the_class_and_the_ledger_table(client: ClickHouse) -> None:
    """Each field of a conversation occurs once in `CONVERSATION_FIELDS`, in the order of the table."""
    names = Conversation.__struct_fields__
    attributes = [field.attribute for field in CONVERSATION_FIELDS]
    assert attributes == list(names[names.index("opened_at") : names.index("queues") + 1])
    columns = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'ledger'"
    types = dict(client.rows(columns))
    assert {field.column: types.get(field.column) for field in CONVERSATION_FIELDS} == {
        field.column: field.type_name for field in CONVERSATION_FIELDS
    }
    assert {name for name in ConversationRow.__struct_fields__ if name != "answer_row_count"} <= types.keys()
