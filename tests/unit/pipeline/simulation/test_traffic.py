"""The simulated traffic is the same for a seed and plausible in shape, and its faults match the ground truth."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulation.bad_records import BAD_KINDS
from pipeline.simulation.delivery import Faults
from pipeline.simulation.ground_truth import GroundTruth
from pipeline.simulation.spikes import Spike
from pipeline.simulation.traffic import Simulated, simulate
from pipeline.simulation.world import CHANNEL_NAMES, DAY_MS, HOUR_MS, day_factor
from tests.oracle import Record
from tests.oracle.accepted import AcceptedLog
from tests.oracle.records import KNOWN_TYPES, instant_ms

# A Monday, 10:00 UTC.
START_MS = int(datetime(2024, 3, 4, 10, tzinfo=UTC).timestamp()) * 1000
MINUTE_MS = 60_000
SPIKE = Spike(START_MS + 5 * MINUTE_MS, START_MS + 15 * MINUTE_MS, "phone", "", 5.0)


@pytest.fixture(scope="module")
def traffic() -> tuple[list[Simulated], GroundTruth]:
    """Return twenty minutes at 100 events/s, accelerated so that conversations end, with one spike on the telephone."""
    simulation = simulate(
        11,
        100.0,
        START_MS,
        until_ms=START_MS + 20 * MINUTE_MS,
        follows_the_day=False,
        speedup=300.0,
        spikes=[SPIKE],
    )
    return list(simulation), simulation.ground_truth()


@pytest.fixture(scope="module")
def events(traffic: tuple[list[Simulated], GroundTruth]) -> list[dict[str, Any]]:
    return good_events(traffic[0])


def good_events(items: list[Simulated]) -> list[dict[str, Any]]:
    """Return the distinct good events in sending order."""
    return [json.loads(item.value) for item in items if item.placed not in ("bad", "duplicate")]


def test_equal_seeds_give_equal_traffic_and_other_seeds_do_not() -> None:
    first = list(islice(simulate(1, 200.0, START_MS), 20_000))
    assert list(islice(simulate(1, 200.0, START_MS), 20_000)) == first
    assert list(islice(simulate(2, 200.0, START_MS), 20_000)) != first


def test_an_earlier_end_only_truncates_the_traffic() -> None:
    until_ms = START_MS + 2 * MINUTE_MS
    cut = list(simulate(1, 50.0, START_MS, until_ms=until_ms))
    endless = simulate(1, 50.0, START_MS)
    assert [next(endless) for _ in cut] == cut
    assert next(endless).send_at_ms >= until_ms > cut[-1].send_at_ms


def test_two_prefixes_share_no_event_id() -> None:
    runs = [list(islice(simulate(1, 200.0, START_MS, id_prefix=prefix), 5_000)) for prefix in ("a", "b")]
    ids = [{(event["id"], event["subject"]) for event in good_events(run)} for run in runs]
    assert {i for i, _ in ids[0]}.isdisjoint(i for i, _ in ids[1])
    assert {s for _, s in ids[0]}.isdisjoint(s for _, s in ids[1])


def test_records_are_in_sending_order(traffic: tuple[list[Simulated], GroundTruth]) -> None:
    sent = [item.send_at_ms for item in traffic[0]]
    assert sent == sorted(sent)
    assert sent[0] >= START_MS


def test_the_rate_is_about_the_requested_one() -> None:
    # accelerated so much that the full rate is reached at once; ten minutes at 60/s = 36,000
    items = simulate(5, 60.0, START_MS, until_ms=START_MS + 600_000, follows_the_day=False, speedup=5000.0, spikes=[])
    assert sum(1 for _ in items) == pytest.approx(36_000, rel=0.1)


def test_every_type_and_channel_occurs(events: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in events} == KNOWN_TYPES | {"survey.answered"}
    assert {event["data"].get("channel") for event in events} - {None} == set(CHANNEL_NAMES)
    assert {event["tenant"] for event in events} == {"north", "south", "outlet"}
    kinds = {e["data"]["kind"] for e in events if e["type"] == "conversation.escalated"}
    assert kinds == {"functional", "hierarchical", "handoff", "regulatory"}
    speakers = {e["data"]["actor_kind"] for e in events if e["type"] == "message.created"}
    assert speakers == {"customer", "agent", "bot", "peer"}


def test_there_are_chains_repeat_contacts_ping_pong_and_conversations_that_never_end(
    events: list[dict[str, Any]],
) -> None:
    opened = [event for event in events if event["type"] == "conversation.opened"]
    assert any(e["data"].get("root_id", e["subject"]) != e["subject"] for e in opened)
    assert max(Counter(event["data"]["customer_id"] for event in opened).values()) >= 2
    queues: dict[str, list[str]] = defaultdict(list)
    for event in sorted(events, key=lambda e: str(e["time"])):
        queue = event["data"].get("queue")
        if queue and queues[event["subject"]][-1:] != [queue]:
            queues[event["subject"]].append(queue)
    assert any(len(visited) > len(set(visited)) for visited in queues.values())
    ends = {"resolved", "closed", "abandoned", "merged", "deleted"}
    ended = {event["subject"] for event in events if event["type"].split(".")[1] in ends}
    old = {e["subject"] for e in opened if (instant_ms(e["time"]) or 0) < START_MS + 5 * MINUTE_MS}
    assert old - ended


def test_good_records_are_accepted_and_bad_ones_rejected(
    traffic: tuple[list[Simulated], GroundTruth],
) -> None:
    items, truth = traffic
    log = AcceptedLog(Record(item.value, item.send_at_ms, item.key) for item in items)
    assert log.consumed_count == truth.sent_count == len(items)
    assert log.rejections.total() == truth.bad_count
    assert log.duplicate_count == truth.duplicate_count
    assert truth.sent_count == sum(truth.count_by_type.values()) + truth.duplicate_count + truth.bad_count
    assert sum(truth.bad_count_by_kind.values()) == truth.bad_count


def test_the_faults_are_as_frequent_as_configured(traffic: tuple[list[Simulated], GroundTruth]) -> None:
    items, truth = traffic
    good = sum(truth.count_by_type.values())
    assert truth.duplicate_count / good == pytest.approx(0.01, rel=0.2)
    assert truth.disordered_count / good == pytest.approx(0.05, rel=0.1)
    assert 0.002 < truth.late_count / good < 0.0055  # some of the late ones lie beyond the end
    assert truth.bad_count / good == pytest.approx(0.001, rel=0.4)
    assert Counter(item.placed for item in items)["clock_ahead"] == truth.clock_ahead_count > 0


def test_every_kind_of_bad_record_is_placed_and_rejected() -> None:
    simulation = simulate(3, 500.0, START_MS, faults=Faults(bad_ratio=0.2))
    bad = [item for item in islice(simulation, 8_000) if item.placed == "bad"]
    assert set(simulation.ground_truth().bad_count_by_kind) == set(BAD_KINDS)
    assert AcceptedLog(Record(i.value, i.send_at_ms, i.key) for i in bad).rejections.total() == len(bad)


def test_disorder_occurs_between_conversations_and_within_one(
    traffic: tuple[list[Simulated], GroundTruth],
) -> None:
    inversions: Counter[str] = Counter()
    latest_ms: dict[str, int] = {}
    for item in traffic[0]:
        if item.placed in ("bad", "duplicate", "clock_ahead", "late"):
            continue
        event = json.loads(item.value)
        occurred_at_ms = instant_ms(event["time"])
        assert occurred_at_ms is not None
        assert occurred_at_ms <= item.send_at_ms  # a correct clock is never ahead
        for scope in ("all", event["subject"]):
            if occurred_at_ms < latest_ms.get(scope, 0):
                inversions["all" if scope == "all" else "within"] += 1
            latest_ms[scope] = max(occurred_at_ms, latest_ms.get(scope, 0))
    assert inversions["all"] > inversions["within"] > 100


def test_late_events_are_sent_more_than_a_minute_after_they_happened(
    traffic: tuple[list[Simulated], GroundTruth],
) -> None:
    late = [item for item in traffic[0] if item.placed == "late"]
    delays_ms = [item.send_at_ms - (instant_ms(json.loads(item.value)["time"]) or 0) for item in late]
    assert min(delays_ms) >= 65_000
    assert max(delays_ms) <= 1_800_000


def test_without_faults_every_conversation_is_in_order_and_begins_with_its_opening() -> None:
    simulation = simulate(
        4,
        200.0,
        START_MS,
        until_ms=START_MS + 120_000,
        speedup=100.0,
        faults=Faults(0, 0, 0, 0, 0),
        follows_the_day=False,
    )
    items = list(simulation)
    assert {item.placed for item in items} == {""}
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for item in items:
        event = json.loads(item.value)
        first.setdefault(event["subject"], event["type"])
        assert item.key.decode() == event["subject"]
        assert str(event["time"]) >= last.get(event["subject"], "")
        last[event["subject"]] = event["time"]
    assert set(first.values()) == {"conversation.opened"}


def test_a_placed_spike_is_visible_in_the_counts(
    traffic: tuple[list[Simulated], GroundTruth], events: list[dict[str, Any]]
) -> None:
    # 20 minutes, the spike ten of them: about five times as many inside as outside
    channel_of: dict[str, str] = {}
    inside = outside = 0
    for event in events:
        if event["type"] == "conversation.opened":
            channel_of[event["subject"]] = event["data"]["channel"]
    for event in events:
        occurred_at_ms = instant_ms(event["time"]) or 0
        if event["type"] == "conversation.escalated" and channel_of.get(event["subject"]) == "phone":
            if SPIKE.since_ms <= occurred_at_ms < SPIKE.until_ms:
                inside += 1
            else:
                outside += 1
    assert outside > 50
    assert 3.5 < inside / outside < 7
    assert traffic[1].spikes == [SPIKE]


def test_spikes_are_placed_by_the_seed_by_default() -> None:
    def placed(seed: int) -> list[Spike]:
        simulation = simulate(seed, 5.0, START_MS, until_ms=START_MS + 60 * MINUTE_MS, mean_spike_gap_seconds=600.0)
        for _ in simulation:
            pass
        return simulation.ground_truth().spikes

    spikes = placed(1)
    assert len(spikes) >= 2
    assert all(spike.until_ms - spike.since_ms == 600_000 and spike.factor == 5.0 for spike in spikes)
    assert placed(1) == spikes != placed(2)


def test_the_day_has_business_hours_for_the_phone_and_evenings_for_social_media() -> None:
    midnight_ms = START_MS // DAY_MS * DAY_MS
    for channel in CHANNEL_NAMES:
        week = [day_factor(channel, midnight_ms + half * HOUR_MS // 2, 0) for half in range(7 * 48)]
        assert sum(week) / len(week) == pytest.approx(1.0, rel=0.02)

    def at_hour(channel: str, hour: int, day: int = 0) -> float:
        return day_factor(channel, midnight_ms + day * DAY_MS + hour * HOUR_MS, 0)

    assert at_hour("phone", 3) < 0.1 < 1.5 < at_hour("phone", 10)
    assert at_hour("social_public", 20) > 2 * at_hour("social_public", 10)
    assert at_hour("phone", 10, day=5) < 0.5 * at_hour("phone", 10)
    assert day_factor("phone", midnight_ms + 9 * HOUR_MS, 60) == pytest.approx(at_hour("phone", 10))


def test_the_ground_truth_is_a_single_json_file(traffic: tuple[list[Simulated], GroundTruth], tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    traffic[1].write(path)
    read = json.loads(path.read_bytes())
    assert read["seed"] == 11
    assert read["spikes"] == [SPIKE._asdict()]
    assert read["count_by_type"]["message.created"] > 0


def test_an_invalid_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="rate_per_second"):
        simulate(1, 0.0, START_MS)
