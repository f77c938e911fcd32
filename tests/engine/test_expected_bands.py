"""Expected bands come back from ClickHouse as they were written, once a minute and series."""

from pipeline.clickhouse.client import ClickHouse
from pipeline.stages.rolling.store import RollingStore
from streams.spikes.bands import Band
from streams.spikes.series import Series

#: Minutes since the epoch: 2096, so that no row is old enough to be dropped.
FIRST = 66_276_000


def test_bands_written_twice_are_shown_once_with_the_last_numbers(client: ClickHouse) -> None:
    store = RollingStore(client, "log")
    chat, phone = Series("inflow", "channel", "t", "", "chat"), Series("escalations", "cell", "tenänt", "a'b", "phone")
    store.write_bands({FIRST: [Band(chat, 3, 2.5, 0.5, 6.25)]})
    store.write_bands(
        {FIRST: [Band(chat, 4, 2.5, 0.5, 6.25), Band(phone, 0, 0.25, 0.0, 1.5)], FIRST + 1: [Band(chat, 2, 2.5, 0, 6)]}
    )
    found = client.rows(
        "SELECT measure, scope, tenant, queue, channel, toUnixTimestamp(start), observed_count, expected_count, "
        "lower_count, upper_count FROM expected_bands WHERE log = 'log' ORDER BY start, measure DESC"
    )
    assert found == [
        ("inflow", "channel", "t", "", "chat", FIRST * 60, 4, 2.5, 0.5, 6.25),
        ("escalations", "cell", "tenänt", "a'b", "phone", FIRST * 60, 0, 0.25, 0.0, 1.5),
        ("inflow", "channel", "t", "", "chat", FIRST * 60 + 60, 2, 2.5, 0.0, 6.0),
    ]
