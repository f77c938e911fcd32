"""Views of peer support and of public posts that spread, on the real engine."""

import asyncio
from typing import Any

import pytest

from pipeline.clickhouse.client import ClickHouse
from streams.rules import RulesConfig
from tests.oracle import Oracle, Record
from tests.support.records import consumed_now
from tests.support.rows import as_milliseconds, assert_same_rows
from tests.support.streams.community import accepted, by_peer, post, unaccepted
from tests.support.streams.events import event, instant, opened
from tests.support.traffic import traffic
from tests.support.workers import fold


def folded(client: ClickHouse, events: list[Any]) -> None:
    """Have a worker fold events."""
    asyncio.run(fold(client, "log", consumed_now(events), RulesConfig(), None))


def test_peer_views_equal_the_batch_computation(client: ClickHouse) -> None:
    records = traffic(seed=12, hours=3)
    asyncio.run(fold(client, "log", records, RulesConfig(), None))
    oracle = Oracle(Record(record.value, record.timestamp, record.key) for record in records)
    cell = "tenant, queue, channel, visibility"
    for interval in ("minute", "hour", "day"):
        counts = "accepted_count, accepted_from_peer_count, saved_count"
        for view, columns, wanted in (
            ("peer_resolution", counts, oracle.peer_resolution_by(interval)),
            ("peer_answers", "answered_count, before_staff_count", oracle.peer_answers_by(interval)),
        ):
            found = client.rows(f"SELECT {interval}, {cell}, {columns} FROM {view}_by_{interval}")
            assert len(wanted) > 5
            assert_same_rows(
                view,
                sorted(tuple(map(as_milliseconds, row)) for row in found),
                sorted(tuple(row.values()) for row in wanted),
            )


def test_concentration_shows_the_shares_of_the_busiest_helpers_but_no_identities(client: ClickHouse) -> None:
    # Twenty helpers: one with 81 messages, nineteen with 1 each, together 100; one message of an unknown author.
    #   top 1 % = ceil(0.2) = 1 helper: 0.81; top 5 % = 1 helper: 0.81; top 10 % = 2 helpers: 0.82
    #   Gini, counts ascending, i = rank: (2 * sum(i * x) / sum(x) - n - 1) / n
    #     sum(i * x) = 1 + 2 + … + 19 + 20 * 81 = 190 + 1620 = 1810;  (36.2 - 21) / 20 = 0.76
    #   Herfindahl: 0.81² + 19 * 0.01² = 0.6561 + 0.0019 = 0.658
    events = [post("a", at="12:00"), by_peer("a", at="12:01")]
    events += [by_peer("a", at="12:02", actor_id="busy") for _ in range(81)]
    events += [by_peer("a", at="12:03", actor_id=f"helper {number}") for number in range(19)]
    # One helper with two solutions, and one whose only solution is revoked: one remains.
    events += [accepted("a", at="12:04", actor_id="busy"), accepted("a", at="12:05", actor_id="busy")]
    events += [accepted("a", at="12:06", actor_id="other"), unaccepted("a", at="12:07", actor_id="other")]
    folded(client, events)
    found = client.rows("SELECT * FROM peer_concentration_by_day ORDER BY measure")
    assert [row[2:6] for row in found] == [("message", 20, 100, 1), ("solution", 1, 2, 0)]
    assert found[0][6:] == pytest.approx((0.81, 0.81, 0.82, 0.76, 0.658))
    assert found[1][6:] == pytest.approx((1, 1, 1, 0, 1))
    columns = client.rows("SELECT name FROM system.columns WHERE table = 'peer_concentration_by_day'")
    assert not {"actor", "peer", "helper"} & {name for (name,) in columns}


def shared(about: str, *, at: str, by: str, reach: int, thread_id: str = "") -> Any:
    fields = {"thread_id": thread_id} if thread_id else {}
    return event("public.shared", about, at=at, actor_id=by, reach=reach, **fields)


def test_virality_of_a_root_post_now_and_at_any_instant(client: ClickHouse) -> None:
    # 12:00 post a (100) -- 12:05 anna (10), in a reply to a -- 12:11 bert (20) - 12:12 anna (10) - 12:15 carl likes it
    #                                                         12:14 post b (5) -------------------------- 12:20 dora (7)
    events = [
        opened("a", at="12:00", channel="social_public", reach=100, actor_id="author"),
        opened("other", at="12:01", channel="social_public", thread_id="a"),
        shared("other", at="12:05", by="anna", reach=10, thread_id="a"),
        shared("a", at="12:11", by="bert", reach=20),
        shared("a", at="12:12", by="anna", reach=10),
        opened("b", at="12:14", channel="social_public", reach=5),
        event("public.reacted", "a", at="12:15", actor_id="carl"),
        opened("private", at="12:16", channel="email", reach=9),
        shared("b", at="12:20", by="dora", reach=7),
    ]
    folded(client, events)
    # At 12:20, the watermark: the last ten minutes of a, (12:10, 12:20], hold 2 shares, the ten before 1.
    # Its reach is 100 + 10 + 20 + 10.
    assert client.rows("SELECT * FROM virality ORDER BY root_post_id") == [
        ("", "/test", "a", 140, 4, 3, 1, 2, 1, 2.0),
        ("", "/test", "b", 12, 1, 1, 0, 1, 0, None),
    ]
    # The brand: 3 shares against 1; 2 of 3 belong to the largest root.
    assert client.rows("SELECT * FROM brand_virality") == [("", 3, 1, 3.0, 2, pytest.approx(2 / 3))]
    # At 12:11 the share of that very instant counts, later ones do not.
    assert client.rows("SELECT * FROM virality_at(at = '2024-03-04 12:11:00')") == [
        ("", "/test", "a", 130, 3, 2, 0, 2, 0, None)
    ]
    assert client.rows("SELECT * FROM brand_virality_at(at = '2024-03-04 12:30:00.000')") == [("", 0, 3, 0.0, 0, None)]
    assert client.rows("SELECT * FROM virality_at(at = '2024-03-12 12:00:00')") == []
    assert instant("12:20") == as_milliseconds(client.rows("SELECT latest FROM watermarks")[0][0])
