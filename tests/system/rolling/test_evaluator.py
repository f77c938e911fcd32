"""Stage 2 dies between any two steps: whoever goes on loses no episode and no alert, and doubles none."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.records import Message
from pipeline.errors import ClickHouseUnavailableError, FencedError
from pipeline.metrics.rolling import RollingMetrics
from pipeline.stages.rolling import evaluator as judging
from pipeline.stages.rolling.evaluator import LEARNED_DAYS, SpikeEvaluator
from pipeline.stages.rolling.store import Minutes, RollingStore, StoredEpisode
from tests.support.records import escalated, opened
from tests.support.system import System
from tests.support.traffic import DAY, START

pytestmark = pytest.mark.embedded_broker

BURST = range(START + DAY + 200, START + DAY + 208)
END = START + DAY + 260


def instant(minute: int, second: int) -> str:
    return datetime.fromtimestamp(minute * 60 + second, UTC).isoformat()


class Died(Exception):  # noqa: N818
    """The process is no more."""


class Mortal(RollingStore):
    """Dies at one of its writes, just before or just after ClickHouse has it; and notes what was told to Kafka."""

    def __init__(self, client: ClickHouse, log: str, dies_at: int, *, is_after: bool) -> None:
        super().__init__(client, log)
        self.steps = 0
        self._dies_at, self._is_after = dies_at, is_after
        self.told: list[str] = []

    def _step(self, work: Callable[[], None]) -> None:
        self.steps += 1
        if self.steps == self._dies_at and not self._is_after:
            raise Died
        work()
        if self.steps == self._dies_at:
            raise Died

    def commit(self, minute: int) -> None:
        self._step(lambda: super(Mortal, self).commit(minute))

    def write_episodes(self, episodes: Sequence[StoredEpisode]) -> None:
        self._step(lambda: super(Mortal, self).write_episodes(episodes))

    def write_windows(self, minute: int) -> None:
        """They take long, and are tested elsewhere: here they are left out."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """In the place of a publisher's."""
        self._step(lambda: self.told.extend(msgspec.json.decode(value or b"")["id"] for _, value, _ in messages))


class Refusing(Mortal):
    """Takes each write at the second try only, and counts those that it did not take."""

    refused_count = 0

    def _step(self, work: Callable[[], None]) -> None:
        self.steps += 1
        if self.steps % 2:
            self.refused_count += 1
            raise ClickHouseUnavailableError("too many parts")
        work()

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Kafka takes all."""


def evaluator(store: Mortal, log: str, on_failure: Callable[[], None] = lambda: None) -> SpikeEvaluator:
    publisher: Any = store
    return SpikeEvaluator(store, publisher, "alerts", log, 1.0, on_failure)


async def judge_to_the_end(store: Mortal, log: str, on_failure: Callable[[], None] = lambda: None) -> None:
    """In the steps in which minutes pass; before every second one settles, it has judged twice."""
    one = evaluator(store, log, on_failure)
    await one.restore()
    for last in (BURST.start - 10, BURST.start + 2, BURST.start + 5, BURST.stop + 1, BURST.stop + 30, END):
        if last > one.evaluated_minute:
            await one.evaluate(last)
        if last not in {BURST.start + 2, BURST.stop + 1}:
            await settle(one)


async def settle(one: SpikeEvaluator) -> None:
    while one.checkpoint_minute < one.evaluated_minute:
        await one.write_windows_towards(one.evaluated_minute)


def outcome(system: System, log: str) -> list[tuple[Any, ...]]:
    return system.client.rows(
        "SELECT measure, scope, queue, channel, since, detected_at, until, observed_count FROM spikes "
        f"WHERE log = '{log}' ORDER BY ALL"
    )


@pytest.fixture
def filled(system: System) -> System:
    """A ledger with a day of escalations, every third minute one in two queues, and a burst."""
    events: list[tuple[bytes, bytes]] = []
    for minute in range(START, END):
        for number, (queue, channel) in enumerate((("billing", "web_chat"), ("technical", "phone"))):
            if (minute + number) % 3 == 0:
                events += escalated(f"{queue} {minute}", minute, 30, queue, channel)
        if minute in BURST:
            for second in range(0, 60, 6):
                events += escalated(f"burst {minute} {second}", minute, second, "billing", "web_chat")
    worker = system.start_worker()
    system.publish(events)
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    return system


def test_a_death_at_any_step_changes_no_episode_and_loses_no_alert(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A checkpoint for each minute would make hundreds of steps of the same kind.
    monkeypatch.setattr(judging, "EACH_MINUTE_UP_TO", 2)

    def run(log: str, dies_at: int, *, is_after: bool) -> tuple[Mortal, bool]:
        store = Mortal(filled.client, log, dies_at, is_after=is_after)
        try:
            asyncio.run(judge_to_the_end(store, log))
        except Died:
            return store, True
        return store, False

    def begin(log: str) -> str:
        filled.client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('{log}', {START - 1})")
        return log

    calm, _ = run(begin("calm"), 0, is_after=False)
    wanted = outcome(filled, "calm")
    # One episode of the inflow, one of the escalations; both began and ended.
    assert {row[0] for row in wanted} == {"inflow", "escalations"}
    assert all(row[6] is not None for row in wanted)
    kinds = [one.partition("-")[2] for one in calm.told]
    assert kinds.count("began") == kinds.count("ended") == len(wanted) == 2
    assert calm.steps >= 10
    for dies_at in range(1, calm.steps + 1):
        for is_after in (False, True):
            log = begin(f"death {dies_at} {is_after}")
            first, has_died = run(log, dies_at, is_after=is_after)
            assert has_died
            second, _ = run(log, 0, is_after=False)
            assert outcome(filled, log) == wanted, log
            # Which alert an id stands for is in its end; the rest names log, series and onset.
            told = {*first.told, *second.told}
            assert sorted(one[32:] for one in told) == sorted(one[32:] for one in calm.told), log


def test_writes_that_clickhouse_does_not_take_are_tried_again_and_counted(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "EACH_MINUTE_UP_TO", 2)
    monkeypatch.setattr("pipeline.retry.FIRST_PAUSE_SECONDS", 0.001)
    registry = CollectorRegistry()
    metrics = RollingMetrics(registry)
    log = "refused"
    store = Refusing(filled.client, log, -1, is_after=False)
    filled.client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('{log}', {START - 1})")
    asyncio.run(judge_to_the_end(store, log, metrics.insert_failures.inc))
    assert len(outcome(filled, log)) == 2
    assert store.refused_count > 5
    assert registry.get_sample_value("sichtflug_rolling_insert_failures_total") == store.refused_count


def test_one_that_others_have_overtaken_writes_nothing_more(filled: System) -> None:
    log = "overtaken"
    store = Mortal(filled.client, log, -1, is_after=False)
    store.commit(START - 1)

    async def sleep_and_go_on() -> None:
        slow = evaluator(store, log)
        await slow.restore()
        await slow.evaluate(BURST.start - 10)
        await settle(slow)
        await judge_to_the_end(Mortal(filled.client, log, -1, is_after=False), log)
        wanted = outcome(filled, log)
        with pytest.raises(FencedError, match=f"minute {END} is judged"):
            await slow.evaluate(END)
        assert outcome(filled, log) == wanted

    asyncio.run(sleep_and_go_on())


def test_a_silence_in_which_nothing_comes_at_all_is_noticed(system: System) -> None:
    """Each minute one for eight days, then an hour without any. A year before all that there had been one."""
    silent = range(START + 8 * DAY + 600, START + 8 * DAY + 660)
    minutes = [START - 365 * DAY, *range(START, silent.start), *range(silent.stop, silent.stop + 30)]
    worker = system.start_worker()
    system.publish([opened(f"c{minute}", instant(minute, 20), "phone") for minute in minutes])
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    log = "silence"
    store = Mortal(system.client, log, 0, is_after=False)
    # As where stage 2 has never run, and all is to be judged: the year before the first week is passed over.
    store.commit(0)

    async def judged_in_steps() -> list[tuple[Any, ...]]:
        one = evaluator(store, log)
        await one.restore()
        for last in (silent.start, silent.start + 30):
            await one.evaluate(last)
            await settle(one)
        lasting = outcome(system, log)
        await one.evaluate(silent.stop + 29)
        await settle(one)
        return lasting

    [lasting] = asyncio.run(judged_in_steps())
    assert (lasting[0], lasting[6], lasting[7]) == ("silence", None, 0)
    [ended] = outcome(system, log)
    assert ended[:5] == lasting[:5]
    assert ended[6] is not None
    assert [one.partition("-")[2] for one in store.told] == ["began", "ended"]


def test_a_start_before_the_first_windows_are_written_reads_no_more_than_a_month(filled: System) -> None:
    """Where stage 2 begins with an empty ledger its first checkpoint says 1970, long before anything happened."""

    class Counting(Mortal):
        asked = 0

        def counts(self, first: int, end: int) -> Minutes:
            self.asked += 1
            return super().counts(first, end)

    log = "young"
    first = Counting(filled.client, log, 0, is_after=False)
    first.commit(0)

    async def judge_without_settling() -> None:
        one = evaluator(first, log)
        await one.restore()
        await one.evaluate(END)

    asyncio.run(judge_without_settling())
    assert first.evaluated_minute() == START - 1
    second = Counting(filled.client, log, 0, is_after=False)
    asyncio.run(evaluator(second, log).restore())
    assert 0 < second.asked <= LEARNED_DAYS + 1
    # What it tells again has the identity that it had.
    assert set(second.told) <= set(first.told)
