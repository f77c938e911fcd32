"""Days, hours and minutes are the same intervals in the fold and in every view, whatever the zone's clock changes."""

import time
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from random import Random

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.web.macros import Choice, Scope, expand
from tests.support.database import Databases
from tests.support.records import encoded
from tests.support.web.dashboards import clickhouse_queries
from tests.support.zone_traffic import HARD_ZONES
from tests.support.zone_views import check_zone, fold_values

OTHER_ZONES = sorted(zoneinfo.available_timezones() - {*HARD_ZONES, "localtime"})


@pytest.fixture(scope="module")
def client(database_pool: Databases) -> Iterator[ClickHouse]:
    with database_pool.lent() as name, ClickHouse(database_pool.url, name) as found:
        yield found


@pytest.mark.parametrize("zone", [*HARD_ZONES, *Random(1).sample(OTHER_ZONES, 3)])
def test_every_tier_and_view_uses_the_same_days_in_every_zone(client: ClickHouse, zone: str) -> None:
    check_zone(client, zone, seed=1)


def opened(at: str, number: int, queue: str) -> bytes:
    return encoded(
        id=f"{number}",
        subject=f"d-{number}",
        time=at,
        type="conversation.opened",
        data={"channel": "email", "queue": queue},
    )


def fold(client: ClickHouse, name: str, values: list[bytes], watermark: str) -> None:
    fold_values(client, name, values, int(datetime.fromisoformat(watermark).timestamp() * 1000))


def opens(client: ClickHouse, source: str) -> dict[str, int]:
    return {
        queue: int(count)
        for queue, count in client.rows(f"SELECT queue, sum(open_count) FROM {source} GROUP BY queue")
        if count
    }


def test_tiers_meet_without_double_counting_on_a_day_that_begins_at_half_past(client: ClickHouse) -> None:
    """Kolkata: hours begin on 2025-10-24 and minutes on 2026-11-14, both at 18:30 UTC. All conversations stay open."""
    values = [
        opened("2025-10-20T10:00:00Z", 1, "old"),
        opened("2025-10-24T18:45:00Z", 2, "hours"),
        opened("2025-10-24T19:05:00Z", 3, "hours"),
        opened("2026-11-14T18:45:00Z", 4, "minutes"),
        opened("2026-11-28T06:00:00Z", 5, "now"),
    ]
    fold(client, "Asia/Kolkata", values, "2026-11-28T06:00:00+00:00")
    wanted = {"old": 1, "hours": 2, "minutes": 1, "now": 1}
    assert opens(client, "backlog_age") == wanted
    assert opens(client, "(SELECT * FROM backlog_by_hour WHERE hour = '2026-11-28 06:00:00')") == wanted
    assert opens(client, "(SELECT * FROM backlog_by_minute WHERE minute = '2026-11-28 06:00:00')") == wanted
    assert opens(client, "(SELECT * FROM backlog_by_day WHERE day = '2026-11-28')") == wanted
    assert client.rows("SELECT count() FROM backlog_by_hour WHERE toMinute(hour) != 0 OR toSecond(hour) != 0") == [(0,)]
    windows = "(SELECT * FROM rolling_at(at = '{}') WHERE scope = 'queue' AND window_seconds = 3600)"
    assert opens(client, windows.format("2026-11-28 06:01:00")) == wanted
    # Half past six in the evening: 18:45 comes after it.
    assert opens(client, windows.format("2026-11-14 18:30:00")) == {"old": 1, "hours": 2}
    assert opens(client, windows.format("2026-11-14 19:00:00")) == {"old": 1, "hours": 2, "minutes": 1}
    assert opens(client, windows.format("2026-06-01 00:00:00")) == {"old": 1, "hours": 2}


def test_tiers_meet_without_double_counting_on_a_day_without_a_midnight(client: ClickHouse) -> None:
    """Santiago: on 2024-09-08 the clocks go from 00:00 to 01:00, so the day begins at 04:00 UTC and has 23 hours.

    One conversation opens in the last minute of the 7th, one in the first of the 8th (01:00 local), one in its last
    (02:59 UTC the next day), and one on the 9th; 14 days later the minutes begin there.
    """
    values = [
        opened("2024-09-08T03:59:30Z", 1, "seventh"),
        opened("2024-09-08T04:00:00Z", 2, "eighth"),
        opened("2024-09-09T02:59:59Z", 3, "eighth"),
        opened("2024-09-09T03:00:00Z", 4, "ninth"),
        opened("2024-09-22T03:30:00Z", 5, "now"),
    ]
    fold(client, "America/Santiago", values, "2024-09-22T03:30:00+00:00")
    wanted = {"seventh": 1, "eighth": 2, "ninth": 1, "now": 1}
    assert opens(client, "backlog_age") == wanted
    assert opens(client, "(SELECT * FROM backlog_by_minute WHERE minute = '2024-09-22 03:30:00')") == wanted
    assert opens(client, "(SELECT * FROM backlog_by_hour WHERE hour = '2024-09-22 03:00:00')") == wanted
    days = client.rows(
        "SELECT toString(day), queue, open_count FROM backlog_by_day WHERE arrived_count != 0 ORDER BY day, queue"
    )
    assert days == [
        ("2024-09-07", "seventh", 1),
        ("2024-09-08", "eighth", 2),
        ("2024-09-09", "ninth", 1),
        ("2024-09-22", "now", 1),
    ]


def test_a_day_of_25_hours_has_a_backlog_area_of_25_hours(client: ClickHouse) -> None:
    """Berlin, 2026-10-25 from 22:00 UTC to 23:00 UTC.

    Of b: 25 h from its first instant, 22.5 h from 00:30 UTC, 21.5 h from 01:30 UTC, 1 s from 22:59:59 UTC: 69 h 1 s.
    """
    closed = encoded(id="7", subject="d-2", time="2026-10-25T23:00:00Z", type="conversation.closed", data={})
    values = [
        opened("2026-10-24T21:59:59.999Z", 1, "a"),
        opened("2026-10-24T22:00:00Z", 2, "b"),
        opened("2026-10-25T00:30:00Z", 3, "b"),
        opened("2026-10-25T01:30:00Z", 4, "b"),
        opened("2026-10-25T22:59:59Z", 5, "b"),
        opened("2026-10-25T23:00:00Z", 6, "c"),
        closed,
    ]
    fold(client, "Europe/Berlin", values, "2026-10-25T23:00:00+00:00")
    assert client.rows(
        "SELECT toString(day), queue, sum(open_ms) FROM panes AS p JOIN reporting_days AS d ON p.start = d.start "
        "WHERE tier = 'day' AND queue = 'b' AND toString(day) = '2026-10-25' GROUP BY day, queue"
    ) == [("2026-10-25", "b", 248_401_000)]
    contacts = client.rows("SELECT toString(day), queue, opened_count FROM channel_mix_by_day ORDER BY day")
    assert contacts == [("2026-10-24", "a", 1), ("2026-10-25", "b", 4), ("2026-10-26", "c", 1)]


def test_an_event_from_the_far_past_does_not_make_a_million_rows(client: ClickHouse) -> None:
    """A telephone system whose clock fell back to 2000 reports one contact in each of 60 cells, abandoned at once."""
    past = []
    for number in range(60):
        past.append(opened("2000-01-01T00:00:12Z", number, f"q-{number}"))
        past.append(
            encoded(
                id=f"x{number}",
                subject=f"d-{number}",
                time="2000-01-01T00:01:00Z",
                type="conversation.abandoned",
                data={},
            )
        )
    fold(
        client,
        "UTC",
        [opened("2026-11-23T10:00:00Z", 900, "q"), *past, opened("2026-11-23T12:00:00Z", 901, "z")],
        "2026-11-23T12:00:00+00:00",
    )
    # A row for the day on which the cell changed, and one for each of the last 401 days.
    [(days,)] = client.rows("SELECT count() FROM backlog_by_day WHERE queue = 'q-7'")
    assert days == 402
    # Nothing is open and nothing changed, so there are no hour or minute rows.
    assert client.rows("SELECT count() FROM backlog_by_hour WHERE queue LIKE 'q-%'") == [(0,)]
    assert client.rows("SELECT count() FROM backlog_by_minute WHERE queue LIKE 'q-%'") == [(0,)]
    assert client.rows(
        "SELECT toString(day), arrived_count, departed_count, open_count FROM backlog_by_day "
        "WHERE queue = 'q-7' ORDER BY day LIMIT 1"
    ) == [("2000-01-01", 1, 1, 0)]
    assert opens(client, "(SELECT * FROM backlog_by_minute WHERE minute = '2026-11-23 12:00:00')") == {"q": 1, "z": 1}
    began = time.monotonic()
    client.rows("SELECT * FROM backlog_by_minute WHERE minute > '2026-11-22 12:00:00'")
    assert time.monotonic() - began < 5


def test_an_sla_clock_due_later_in_the_minute_hour_or_day_is_not_missed(client: ClickHouse) -> None:
    """Watermark 10:20. Due 10:50 and answered 10:10: met. Due 10:55 and 23:00: undecided."""

    def with_target(subject: str, at: str, clock: str, due: str) -> list[bytes]:
        data = {"clock": clock, "due_at": f"2026-11-23T{due}:00Z"}
        time = f"2026-11-23T{at}:00Z"
        begun = encoded(
            id=subject, subject=subject, time=time, type="conversation.opened", data={"channel": "email", "queue": "q"}
        )
        return [begun, encoded(id=f"{subject}s", subject=subject, time=time, type="sla.target_set", data=data)]

    answer = encoded(
        id="2", subject="a-1", time="2026-11-23T10:10:00Z", type="message.created", data={"actor_kind": "agent"}
    )
    values = [
        *with_target("a-1", "10:00", "first_response", "10:50"),
        *with_target("a-2", "10:05", "first_response", "10:55"),
        answer,
        *with_target("a-5", "10:15", "resolution", "23:00"),
        opened("2026-11-23T10:20:00Z", 6, "z"),
    ]
    fold(client, "UTC", values, "2026-11-23T10:20:00+00:00")
    kept = [("first_response", 1, 0)]
    assert client.rows("SELECT clock, met_count, missed_count FROM sla_by_hour") == kept
    assert client.rows("SELECT clock, met_count, missed_count FROM sla_by_day") == kept
    for begins_at in ("2026-11-23 04:00:00", "2026-11-10 00:00:00", "2026-05-01 00:00:00"):  # minutes, hours, days
        scope = Scope(
            int(datetime.fromisoformat(f"{begins_at}+00:00").timestamp() * 1000),
            int(datetime.fromisoformat("2026-11-23T23:59:00+00:00").timestamp() * 1000),
            60,
            {name: Choice([], is_all=True) for name in ("tenant", "queue", "channel")},
        )
        [sql] = {query.sql for query in clickhouse_queries() if query.where.endswith("/ SLA met")}
        # Only the interval of the answer, with 1 of 1 met; no resolution clock is decided.
        found = [row[1:] for row in client.rows(expand(sql, scope)) if any(value is not None for value in row[1:])]
        assert found == [(1.0, None, None)], begins_at
    # A window that ends in the future does not count them either.
    assert client.rows(
        "SELECT sla_met_count, sla_missed_count FROM rolling_at(at = '2026-11-24 00:00:00') "
        "WHERE scope = 'all' AND window_seconds = 86400"
    ) == [(1, 0)]
