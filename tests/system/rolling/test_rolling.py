"""The rolling stage on real systems evaluates each minute once and reports spikes once, even if workers are killed."""

import json
import time
from collections import Counter
from random import Random
from typing import Any

import pytest

from pipeline.contract.alerts import TYPES
from streams.spikes.episodes import EpisodeKey, episode_id
from streams.spikes.series import Series
from tests.support.system import System, wait_for
from tests.support.traffic import NineDays, minute_of
from tests.support.web.metrics import samples


def spikes(system: System) -> list[dict[str, Any]]:
    """Return the episodes of escalations, times as minutes."""
    names = (
        "episode_id",
        "scope",
        "queue",
        "channel",
        "since",
        "detected",
        "until",
        "observed_count",
        "expected_count",
    )
    rows = system.client.rows(
        "SELECT episode_id, scope, queue, channel, intDiv(toUnixTimestamp(since), 60), "
        "intDiv(toUnixTimestamp(detected_at), 60) - 1, ifNull(intDiv(toUnixTimestamp(until), 60), 0), observed_count, "
        "expected_count FROM spikes WHERE measure = 'escalations' ORDER BY since"
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def alerts(system: System) -> list[dict[str, Any]]:
    events = [json.loads(record.value) for _, record in system.records(f"{system.topic}.alerts")]
    return [event for event in events if event["data"]["measure"] == "escalations"]


def assert_the_burst_alone(system: System, burst: range) -> None:
    found = spikes(system)
    assert len(found) == 1, found
    [spike] = found
    assert (spike["queue"], spike["channel"]) in {("billing", "web_chat"), ("billing", ""), ("", "web_chat")}
    assert abs(spike["since"] - burst.start) <= 3
    # At 0.33 expected and ten more, two minutes are enough.
    assert burst.start <= spike["detected"] <= burst.start + 1
    assert burst.stop <= spike["until"] <= burst.stop + 30
    # Ten a minute, and the usual ones.
    assert 100 <= spike["observed_count"] <= 150
    assert spike["expected_count"] < 20
    series = Series("escalations", spike["scope"], "", spike["queue"], spike["channel"])
    assert spike["episode_id"] == episode_id(system.topic, EpisodeKey(series, spike["since"]))


def test_a_burst_is_one_episode_reported_as_it_begins_and_ends(system: System) -> None:
    days = NineDays()
    system.start_worker(metrics_port="0")
    system.publish(days.records())
    wait_for(lambda: system.evaluated_minute() >= days.end - 2, 120, system.log)
    assert_the_burst_alone(system, days.burst)
    [spike] = spikes(system)
    told = alerts(system)
    assert [event["type"] for event in told if event["type"] != TYPES["worsened"]] == [
        TYPES["began"],
        TYPES["ended"],
    ]
    began, ended = told[0], told[-1]
    assert began["id"] == f"{spike['episode_id']}-began"
    assert ended["id"] == f"{spike['episode_id']}-ended"
    assert began["source"] == f"/sichtflug/{system.topic}"
    assert began["data"]["contributors"][0]["queue"] == "billing"
    assert "escalations (queue billing" in began["data"]["summary"] or "channel web_chat" in began["data"]["summary"]

    # The rows written when the last minute had passed equal the views, since nothing arrived later.
    names = "window_seconds, scope, tenant, queue, channel, contact_count, open_count, open_ms, resolution_histogram"
    [(emitted_at,)] = system.client.rows("SELECT toString(max(emitted_at)) FROM rolling")
    kept = system.client.rows(f"SELECT {names} FROM rolling WHERE emitted_at = '{emitted_at}' ORDER BY ALL")
    assert kept == system.client.rows(f"SELECT {names} FROM rolling_at(at = '{emitted_at}') ORDER BY ALL")
    assert len(kept) == 4 * 8

    address = system.log().partition("metrics on ")[2].partition("\n")[0]
    minutes = Counter(minute_of(value) for value in dict(days.records()).values())

    def backlog_is_that_of_the_last_minute() -> bool:
        """Return whether all conversations begun before the last minute that passed are open: none ever ends."""
        values = samples(address)
        passed = int(values["sichtflug_settled_timestamp_seconds"]) // 60
        assert passed >= days.end - 1  # time advances once everything is read
        assert values["sichtflug_spikes_open"] == 0
        name = 'sichtflug_backlog_conversations{channel="",queue="",scope="all",tenant=""}'
        return values[name] == sum(count for minute, count in minutes.items() if minute < passed)

    # The windows of a minute are written after the minute is evaluated.
    wait_for(backlog_is_that_of_the_last_minute, 60, system.log)


@pytest.mark.apache_kafka
def test_workers_killed_in_the_rolling_stage_lose_and_double_nothing(system: System) -> None:
    days = NineDays()
    chance, events = Random(10), days.records()
    per_part = len(events) // 6 + 1
    for start in range(0, len(events), per_part):
        worker = system.start_worker()
        system.publish(events[start : start + per_part])
        time.sleep(chance.uniform(6, 12))
        worker.kill()
        worker.wait()
    system.start_worker()
    wait_for(lambda: system.evaluated_minute() >= days.end - 2, 120, system.log)
    assert_the_burst_alone(system, days.burst)
    [spike] = spikes(system)
    ids = {event["id"] for event in alerts(system) if event["type"] != TYPES["worsened"]}
    assert ids == {f"{spike['episode_id']}-began", f"{spike['episode_id']}-ended"}
    # At least one row for each minute of the last hour, and no duplicates.
    emitted = system.client.rows(
        "SELECT toUnixTimestamp(emitted_at), count() FROM rolling "
        "WHERE scope = 'all' AND window_seconds = 300 GROUP BY emitted_at ORDER BY emitted_at"
    )
    assert {number for _, number in emitted} == {1}
