"""Rolling windows equal a computation over single events, at random instants."""

import datetime
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Oracle, read_records
from tests.oracle.rolling import AGES, ARRIVALS, Scope, ages, durations, window
from tests.support.records import encoded, opened
from tests.support.streams.events import instant
from tests.support.system import System
from tests.support.traffic import live_records

# The source of the events does not matter here.
pytestmark = pytest.mark.embedded_broker

WINDOWS = (300, 3_600, 86_400, 604_800)
COUNTS = (
    "contact_count",
    "inbound_message_count",
    "open_count",
    "arrived_count",
    "departed_count",
    "open_ms",
    "escalated_functional_count",
    "escalated_hierarchical_count",
    "escalated_handoff_count",
    "escalated_regulatory_count",
    "sla_met_count",
    "sla_missed_count",
)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
KINDS = ("first_response", "resolution")
LEVELS = (0.5, 0.9, 0.95, 0.99)


def quantile(kind: str, level: float) -> str:
    return f"histogram_quantile_ms({kind}_histogram, {level})"


QUANTILES = tuple(quantile(kind, level) for kind in KINDS for level in LEVELS)


def text(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def rows(system: System, at_ms: int, names: Sequence[str]) -> dict[int, dict[Scope, dict[str, Any]]]:
    """Return the view's rows at an instant by window and scope, without counts of zero."""
    found = system.client.rows(
        f"SELECT window_seconds, scope, tenant, queue, channel, {', '.join(names)} "
        f"FROM rolling_at(at = '{text(at_ms)}')"
    )
    by_window: dict[int, dict[Scope, dict[str, Any]]] = {seconds: {} for seconds in WINDOWS}
    for seconds, scope, tenant, queue, channel, *numbers in found:
        by_window[seconds][scope, tenant, queue, channel] = {
            name: value
            for name, value in zip(names, numbers, strict=True)
            if value or (value is not None and name in QUANTILES)
        }
    assert sum(map(len, by_window.values())) == len(found)
    return by_window


def assert_windows(system: System, oracle: Oracle, instants: Sequence[int]) -> None:
    for at_ms in instants:
        by_window = rows(system, at_ms, (*COUNTS, *QUANTILES))
        for seconds in WINDOWS:
            wanted = {scope: dict(numbers) for scope, numbers in window(oracle, at_ms, seconds).items() if numbers}
            counts = {
                scope: {name: row[name] for name in COUNTS if name in row} for scope, row in by_window[seconds].items()
            }
            assert {scope: row for scope, row in counts.items() if row} == wanted, f"{text(at_ms)}, {seconds} s"
            everything = by_window[seconds].get(("all", "", "", ""), {})
            for kind in KINDS:
                assert_quantiles(oracle, kind, at_ms, seconds, everything)


def assert_quantiles(oracle: Oracle, kind: str, at_ms: int, seconds: int, row: dict[str, Any]) -> None:
    wanted = durations(oracle, kind, at_ms, seconds)
    for level in LEVELS:
        value = row.get(quantile(kind, level))
        if not wanted:
            assert value is None
            continue
        exact = wanted[max(0, math.ceil(level * len(wanted)) - 1)]
        assert value == pytest.approx(exact, rel=0.032, abs=1)


def test_windows_of_real_incidents_at_random_instants(system: System, incidents: Path) -> None:
    system.start_worker()
    assert system.run("replay", str(incidents), "--speed", "max").returncode == 0
    system.wait_until_folded()
    oracle = Oracle(read_records(incidents))
    chance, end_ms = random.Random(15), oracle.watermark_ms
    # Minutes are exact for 14 days, hours for 400.
    lately = [(end_ms - chance.randrange(13 * DAY_MS)) // 60_000 * 60_000 for _ in range(3)]
    long_ago = [(end_ms - chance.randrange(300 * DAY_MS)) // HOUR_MS * HOUR_MS for _ in range(5)]
    assert_windows(system, oracle, lately + long_ago)
    # By the minute, by the hour and by the day of the reporting zone, which is UTC here.
    spans = [
        (lately[0], HOUR_MS * 6),
        (lately[1], HOUR_MS * 12),
        (long_ago[0], HOUR_MS * 30),
        (long_ago[1], DAY_MS * 60),
    ]
    for begins_ms, span_ms in [*spans, (long_ago[2] // DAY_MS * DAY_MS, DAY_MS * 90)]:
        assert_backlog_between(system, oracle, begins_ms, begins_ms + span_ms)


def assert_backlog_between(system: System, oracle: Oracle, begins_ms: int, ends_ms: int) -> None:
    """Compare the backlog at the end of every interval of a span, by queue, with the sum over all single changes."""
    step_ms = (
        60_000 if ends_ms - begins_ms <= 12 * HOUR_MS else HOUR_MS if ends_ms - begins_ms <= 62 * DAY_MS else DAY_MS
    )
    if step_ms == 60_000 and begins_ms < oracle.watermark_ms - 14 * DAY_MS:
        step_ms = HOUR_MS
    found = system.client.rows(
        "SELECT toUnixTimestamp(start) * 1000, queue, sum(gained_count) FROM "
        f"backlog_changes_between(from = '{text(begins_ms)}', to = '{text(ends_ms)}') GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert found
    first_ms = begins_ms // step_ms * step_ms
    wanted: dict[tuple[int, str], int] = {}
    for change in oracle.changes:
        gained = ARRIVALS.get(change.counter, 0) * change.amount
        start_ms = max(change.at_ms // step_ms * step_ms, first_ms)
        if gained and start_ms < ends_ms:
            key = (start_ms, change.cell.queue)
            wanted[key] = wanted.get(key, 0) + gained
    counts = {(at_ms, queue): count for at_ms, queue, count in found if count}
    assert counts == {key: count for key, count in wanted.items() if count}, (text(begins_ms), text(ends_ms))


def test_windows_and_open_conversations_of_live_traffic(system: System) -> None:
    system.start_worker()
    system.publish(live_records(seed=81, number=4_000, rate=3.0))
    system.wait_until_folded()
    oracle = system.oracle()
    chance, end_ms = random.Random(16), oracle.watermark_ms // 60_000 * 60_000
    assert_windows(system, oracle, [end_ms - 60_000 * chance.randrange(20) for _ in range(4)])

    now_ms = end_ms + 60_000
    names = ", ".join((*AGES, "waiting_agent_count", "waiting_customer_count", "waiting_third_party_count"))
    found = {
        (row[0], row[1], row[2], row[3]): row[4:]
        for row in system.client.rows(
            f"SELECT scope, tenant, queue, channel, {names} FROM standing_at(at = '{text(now_ms)}')"
        )
    }
    wanted = {scope: tuple(counts[name] for name in AGES) for scope, counts in ages(oracle, now_ms).items()}
    open_now = {scope: row[: len(AGES)] for scope, row in found.items() if any(row[: len(AGES)])}
    assert open_now == wanted
    # The parties waited on add up to the backlog.
    assert all(sum(row[: len(AGES)]) == sum(row[len(AGES) :]) for row in found.values())


def test_the_share_of_a_row_is_relative_to_the_scope_around_it(system: System) -> None:
    system.start_worker()
    system.publish(live_records(seed=82, number=2_000, rate=3.0))
    system.wait_until_folded()
    oracle = system.oracle()
    at_ms = oracle.watermark_ms // 60_000 * 60_000
    contacts = {scope: numbers["contact_count"] for scope, numbers in window(oracle, at_ms, 3_600).items()}
    for scope, row in rows(system, at_ms, ("contact_count", "contact_total_count"))[3_600].items():
        kind, tenant, queue, _ = scope
        around: Scope = {
            "cell": ("queue", tenant, queue, ""),
            "queue": ("tenant", tenant, "", ""),
            "channel": ("tenant", tenant, "", ""),
        }.get(kind, ("all", "", "", ""))
        # A pane corrected to zero leaves a row of zeros, of which the oracle knows nothing.
        assert row.get("contact_total_count", 0) == contacts.get(around, 0)


def test_windows_of_one_conversation_match_the_sums_by_hand(system: System) -> None:
    system.start_worker()
    end = encoded(id="end", subject="a", time="2024-03-04T10:02:15Z", type="conversation.resolved", data={})
    system.publish([opened("a", "2024-03-04T10:00:30Z", "phone"), (b"a", end)])
    system.wait_until_folded()
    scope = ("all", "", "", "")
    # Open from 10:00:30 to 10:02:15: 105 s of the five minutes to 10:05, 30 s of those to 10:01.
    assert rows(system, instant("10:05"), COUNTS)[300][scope] == {
        "contact_count": 1,
        "arrived_count": 1,
        "departed_count": 1,
        "open_ms": 105_000,
    }
    assert rows(system, instant("10:01"), COUNTS)[300][scope] == {
        "contact_count": 1,
        "arrived_count": 1,
        "open_count": 1,
        "open_ms": 30_000,
    }
    # 10:02:00 to 10:02:15, arrived before the window.
    assert rows(system, instant("10:07"), COUNTS)[300][scope] == {"departed_count": 1, "open_ms": 15_000}
    [(p50,)] = system.client.rows(
        "SELECT histogram_quantile_ms(resolution_histogram, 0.5) FROM rolling_at(at = '2024-03-04 10:05:00') "
        "WHERE window_seconds = 300 AND scope = 'all'"
    )
    assert p50 == pytest.approx(105_000, rel=0.032)


def test_drift_matches_the_sum_by_hand(system: System) -> None:
    """A week ago, in the same hour, 1 contact by phone and 1 by email; now 3 by phone and 1 by email."""
    system.start_worker()
    before = [opened("a", "2024-02-26T10:10:00Z", "phone"), opened("b", "2024-02-26T10:50:00Z", "email")]
    # Another hour of that day, which does not count.
    before.append(opened("c", "2024-02-26T13:50:00Z", "web_chat"))
    phone = [opened(f"p{minute}", f"2024-03-04T10:{minute}:00Z", "phone") for minute in (10, 20, 30)]
    system.publish([*before, *phone, opened("e", "2024-03-04T10:40:00Z", "email")])
    system.wait_until_folded()
    # p = (3/4, 1/4), q = (1/2, 1/2), m = (5/8, 3/8): half of 3/4 log2(6/5) + 1/4 log2(2/3), and of log2(4/5) / 2 +
    # log2(4/3) / 2; the root of the sum.
    divergence = (
        0.75 * math.log2(6 / 5) + 0.25 * math.log2(2 / 3) + 0.5 * math.log2(4 / 5) + 0.5 * math.log2(4 / 3)
    ) / 2
    found = dict(
        system.client.rows(
            "SELECT scope, drift FROM rolling_at(at = '2024-03-04 11:00:00') "
            "WHERE window_seconds = 3600 AND scope IN ('all', 'tenant', 'channel')"
        )
    )
    assert found["all"] == found["tenant"] == pytest.approx(math.sqrt(divergence))
    assert found["channel"] is None


def test_drift_compares_the_same_hours_of_local_time(system: System, tmp_path: Path) -> None:
    """Clocks went forward on 31 March: 10 o'clock in Berlin is 09:00 UTC before and 08:00 UTC after."""
    file = tmp_path / "berlin.toml"
    file.write_text('[rules]\nreporting_zone = "Europe/Berlin"\n')
    system.start_worker(config=str(file))
    before = [opened("a", "2024-03-25T09:10:00Z", "phone"), opened("b", "2024-03-25T09:50:00Z", "email")]
    # The same hour of UTC, which is another one in Berlin.
    before.append(opened("c", "2024-03-25T08:50:00Z", "web_chat"))
    now = [opened("p", "2024-04-01T08:10:00Z", "phone"), opened("e", "2024-04-01T08:40:00Z", "email")]
    system.publish([*before, *now])
    system.wait_until_folded()
    [(drift,)] = system.client.rows(
        "SELECT drift FROM rolling_at(at = '2024-04-01 09:00:00') WHERE window_seconds = 3600 AND scope = 'all'"
    )
    # A phone call and an e-mail then and now: the same mix.
    assert drift == pytest.approx(0, abs=1e-9)
