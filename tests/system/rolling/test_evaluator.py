"""A rolling stage that dies between any two steps loses no episode and no alert, and doubles none."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
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
from pipeline.stages.rolling.evaluator import LEARNED_DAYS, WARM_UP_DAYS, SpikeEvaluator
from pipeline.stages.rolling.store import Minutes, RollingStore, StoredEpisode
from streams.spikes.bands import Band
from tests.support.records import escalated, opened
from tests.support.system import System
from tests.support.traffic import DAY, START

pytestmark = pytest.mark.embedded_broker

BURST = range(START + DAY + 200, START + DAY + 208)
END = START + DAY + 260


def instant(minute: int, second: int) -> str:
    return datetime.fromtimestamp(minute * 60 + second, UTC).isoformat()


class Died(Exception):  # noqa: N818
    """Death of the simulated process."""


class DyingStore(RollingStore):
    """A store that dies at one of its writes, just before or after ClickHouse has it, and records what Kafka got."""

    def __init__(self, client: ClickHouse, log: str, dies_at: int, *, is_after: bool) -> None:
        super().__init__(client, log)
        self.steps = 0
        self._dies_at, self._is_after = dies_at, is_after
        self.published: list[str] = []

    def _step(self, work: Callable[[], None]) -> None:
        self.steps += 1
        if self.steps == self._dies_at and not self._is_after:
            raise Died
        work()
        if self.steps == self._dies_at:
            raise Died

    def commit(self, minute: int) -> None:
        self._step(lambda: super(DyingStore, self).commit(minute))

    def write_episodes(self, episodes: Sequence[StoredEpisode]) -> None:
        self._step(lambda: super(DyingStore, self).write_episodes(episodes))

    def write_windows(self, minute: int) -> None:
        """Skip them: they take long, and are tested elsewhere."""

    def write_bands(self, bands: Mapping[int, Sequence[Band]]) -> None:
        """Skip them: they are tested elsewhere, and no step of the evaluation depends on them."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Stand in for a publisher."""
        self._step(lambda: self.published.extend(msgspec.json.decode(value or b"")["id"] for _, value, _ in messages))


class RefusingStore(DyingStore):
    """A store that accepts each write at the second attempt only, and counts the refusals."""

    refused_count = 0

    def _step(self, work: Callable[[], None]) -> None:
        self.steps += 1
        if self.steps % 2:
            self.refused_count += 1
            raise ClickHouseUnavailableError("too many parts")
        work()

    def write_bands(self, bands: Mapping[int, Sequence[Band]]) -> None:
        """Skip them: they are tested elsewhere, and no step of the evaluation depends on them."""

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Accept everything."""


def evaluator(store: DyingStore, log: str, on_failure: Callable[[], None] = lambda: None) -> SpikeEvaluator:
    publisher: Any = store
    return SpikeEvaluator(store, publisher, "alerts", log, 1.0, on_failure=on_failure, now_minute=lambda: END)


async def evaluate_to_the_end(store: DyingStore, log: str, on_failure: Callable[[], None] = lambda: None) -> None:
    """Evaluate in steps in which minutes pass; every second checkpoint follows two evaluations."""
    stage = evaluator(store, log, on_failure)
    await stage.restore()
    for last in (BURST.start - 10, BURST.start + 2, BURST.start + 5, BURST.stop + 1, BURST.stop + 30, END):
        if last > stage.evaluated_minute:
            await stage.evaluate(last)
        if last not in {BURST.start + 2, BURST.stop + 1}:
            await write_windows(stage)


async def write_windows(stage: SpikeEvaluator) -> None:
    while stage.checkpoint_minute < stage.evaluated_minute:
        await stage.write_windows_towards(stage.evaluated_minute)


def outcome(system: System, log: str) -> list[tuple[Any, ...]]:
    return system.client.rows(
        "SELECT measure, scope, queue, channel, since, detected_at, until, observed_count FROM spikes "
        f"WHERE log = '{log}' ORDER BY ALL"
    )


@pytest.fixture(scope="module")
def filled(shared_system: System) -> System:
    """Fill a ledger with a day of escalations, one every third minute in two queues, and a burst."""
    events: list[tuple[bytes, bytes]] = []
    for minute in range(START, END):
        for number, (queue, channel) in enumerate((("billing", "web_chat"), ("technical", "phone"))):
            if (minute + number) % 3 == 0:
                events += escalated(f"{queue} {minute}", minute, 30, queue, channel)
        if minute in BURST:
            for second in range(0, 60, 6):
                events += escalated(f"burst {minute} {second}", minute, second, "billing", "web_chat")
    worker = shared_system.start_worker()
    shared_system.publish(events)
    shared_system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    return shared_system


def test_a_death_at_any_step_changes_no_episode_and_loses_no_alert(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A checkpoint for each minute would make hundreds of equivalent steps.
    monkeypatch.setattr(judging, "EACH_MINUTE_UP_TO", 2)

    def run(log: str, dies_at: int, *, is_after: bool) -> tuple[DyingStore, bool]:
        store = DyingStore(filled.client, log, dies_at, is_after=is_after)
        try:
            asyncio.run(evaluate_to_the_end(store, log))
        except Died:
            return store, True
        return store, False

    def begin(log: str) -> str:
        filled.client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('{log}', {START - 1})")
        return log

    calm, _ = run(begin("calm"), 0, is_after=False)
    wanted = outcome(filled, "calm")
    # One episode of the inflow, one of the escalations; both began and ended. They are one incident, told once.
    assert [row[0] for row in wanted] == ["escalations", "inflow"]
    assert all(row[6] is not None for row in wanted)
    assert [identity.partition("-")[2] for identity in calm.published] == ["began", "ended"]
    # At least: three stretches with episodes, two of them with an alert, and four checkpoints.
    assert calm.steps >= 9
    for dies_at in range(1, calm.steps + 1):
        for is_after in (False, True):
            log = begin(f"death {dies_at} {is_after}")
            first, has_died = run(log, dies_at, is_after=is_after)
            assert has_died
            second, _ = run(log, 0, is_after=False)
            assert outcome(filled, log) == wanted, log
            # The end of an id says which alert it is; the rest names log, series and onset.
            published_ids = {*first.published, *second.published}
            assert sorted(identity[32:] for identity in published_ids) == sorted(
                identity[32:] for identity in calm.published
            ), log


def test_writes_that_clickhouse_refuses_are_retried_and_counted(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "EACH_MINUTE_UP_TO", 2)
    monkeypatch.setattr("pipeline.retry.FIRST_PAUSE_SECONDS", 0.001)
    registry = CollectorRegistry()
    metrics = RollingMetrics(registry)
    log = "refused"
    store = RefusingStore(filled.client, log, -1, is_after=False)
    filled.client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('{log}', {START - 1})")
    asyncio.run(evaluate_to_the_end(store, log, metrics.insert_failures.inc))
    assert len(outcome(filled, log)) == 2
    assert store.refused_count > 5
    assert registry.get_sample_value("sichtflug_rolling_insert_failures_total") == store.refused_count


def test_an_overtaken_stage_writes_nothing_more(filled: System) -> None:
    log = "overtaken"
    store = DyingStore(filled.client, log, -1, is_after=False)
    store.commit(START - 1)

    async def sleep_and_continue() -> None:
        slow = evaluator(store, log)
        await slow.restore()
        await slow.evaluate(BURST.start - 10)
        await write_windows(slow)
        await evaluate_to_the_end(DyingStore(filled.client, log, -1, is_after=False), log)
        wanted = outcome(filled, log)
        with pytest.raises(FencedError, match=rf"expected the checkpoint at minute \d+, found {END}"):
            await slow.evaluate(END)
        assert outcome(filled, log) == wanted

    asyncio.run(sleep_and_continue())


def test_a_complete_silence_is_detected(system: System) -> None:
    """One event a minute for eight days, then none for an hour. A year before, there was a single one."""
    silent = range(START + 8 * DAY + 600, START + 8 * DAY + 660)
    minutes = [START - 365 * DAY, *range(START, silent.start), *range(silent.stop, silent.stop + 30)]
    worker = system.start_worker()
    system.publish([opened(f"c{minute}", instant(minute, 20), "phone") for minute in minutes])
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)
    log = "silence"
    store = DyingStore(system.client, log, 0, is_after=False)
    # As if the rolling stage had never run and must evaluate everything: the year before the first week is skipped.
    store.commit(0)

    async def evaluated_in_steps() -> list[tuple[Any, ...]]:
        stage = evaluator(store, log)
        await stage.restore()
        for last in (silent.start, silent.start + 30):
            await stage.evaluate(last)
            await write_windows(stage)
        lasting = outcome(system, log)
        await stage.evaluate(silent.stop + 29)
        await write_windows(stage)
        return lasting

    [lasting] = asyncio.run(evaluated_in_steps())
    assert (lasting[0], lasting[6], lasting[7]) == ("silence", None, 0)
    [ended] = outcome(system, log)
    assert ended[:5] == lasting[:5]
    assert ended[6] is not None
    assert [identity.partition("-")[2] for identity in store.published] == ["began", "ended"]


def test_a_start_before_the_first_windows_are_written_reads_no_more_than_a_month(filled: System) -> None:
    """With an empty ledger the rolling stage's first checkpoint is in 1970, long before the first event."""

    class CountingStore(DyingStore):
        query_count = 0

        def counts(self, first: int, end: int) -> Minutes:
            self.query_count += 1
            return super().counts(first, end)

    log = "young"
    first = CountingStore(filled.client, log, 0, is_after=False)
    first.commit(0)

    async def evaluate_without_writing() -> None:
        stage = evaluator(first, log)
        await stage.restore()
        await stage.evaluate(END)

    asyncio.run(evaluate_without_writing())
    assert first.evaluated_minute() == START - 1
    second = CountingStore(filled.client, log, 0, is_after=False)
    asyncio.run(evaluator(second, log).restore())
    assert 0 < second.query_count <= LEARNED_DAYS + WARM_UP_DAYS + 1
    # A repeated alert has the same identity.
    assert set(second.published) <= set(first.published)
