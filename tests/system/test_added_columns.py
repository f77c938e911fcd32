"""An operator may add columns while workers run; documented tables show one row per thing, not its revisions."""

import secrets

import msgspec
import pytest

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.stages.rolling.store import RollingStore, StoredEpisode
from streams.spikes.episodes import Episode, OngoingEpisode
from streams.spikes.series import Series
from tests.support.system import System, wait_for
from tests.support.traffic import live_records

TABLES = (
    "ledger",
    "interactions",
    "rejections",
    "workers",
    "redrives",
    "rolling_revisions",
    "spike_revisions",
    "rolling_checkpoints",
    "expected_band_revisions",
    "failures",
    "skips",
    "schema_parts",
)


@pytest.mark.embedded_broker
def test_workers_continue_when_an_operator_adds_a_column_to_any_table(system: System) -> None:
    tables = {
        name
        for (name,) in system.client.rows(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        )
    }
    assert tables == {*TABLES, "migrations"}
    for table in TABLES:
        system.client.execute(f"ALTER TABLE {table} ADD COLUMN note String DEFAULT 'x'")
    system.start_worker()
    system.publish([*live_records(seed=5, number=2_000, rate=3.0), (b"k", b"no json")])
    system.wait_until_folded()
    wait_for(lambda: bool(system.client.rows("SELECT 1 FROM rolling LIMIT 1")), 60, system.log)
    for table in ("ledger", "interactions", "rejections", "rolling_revisions", "workers"):
        assert system.client.rows(f"SELECT DISTINCT note FROM {table}") == [("x",)], table
    system.assert_equals(system.oracle(), ("backlog_by_hour", "conversation_facts"))


def test_spikes_and_rolling_show_one_row_per_episode_and_per_window(
    clickhouse: EmbeddedClickHouse,
) -> None:
    name = f"revisions_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    client = ClickHouse(clickhouse.url, name)
    columns = "log, kafka_partition, revision, kind, tier, epoch, start, queue, opened_count, watermark, reporting_zone"
    client.execute(
        f"INSERT INTO ledger ({columns}) VALUES ('l', 0, 1, 'checkpoint', '', 1, 0, '', 0, 600, 'UTC'), "
        + ", ".join(f"('l', 0, 1, 'pane', '{tier}', 1, 0, 'q', 1, 0, '')" for tier in ("minute", "hour", "day"))
    )
    store = RollingStore(client, "l")
    episode = Episode(Series("escalations", "all", "", "", ""), 3, 4, 9, 1.5, "page", (), None)
    for minute in (5, 6):
        store.write_windows(9)  # the same windows, observed twice
        store.write_episodes(
            [StoredEpisode(OngoingEpisode(msgspec.structs.replace(episode, observed=9 + minute), []), None, 4, minute)]
        )
    assert client.rows("SELECT observed_count, revision FROM spikes") == [(15, 6)]
    assert client.rows("SELECT count() FROM spike_revisions") == [(2,)]
    # The windows of 5 minutes to 7 days, of all and of the queue.
    assert client.rows(
        "SELECT scope, count(), sum(open_count) FROM rolling WHERE scope IN ('all', 'queue') GROUP BY 1 ORDER BY 1"
    ) == [
        ("all", 4, 4),
        ("queue", 4, 4),
    ]
    [(rows, windows)] = client.rows("SELECT (SELECT count() FROM rolling_rates), (SELECT count() FROM rolling)")
    assert rows == windows
    [(revisions,)] = client.rows("SELECT count() FROM rolling_revisions")
    assert revisions == 2 * windows
    client.execute(f"DROP DATABASE {name}")
    store.close()
