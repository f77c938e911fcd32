"""Records behind an open transaction are lag, not skipped, and readiness gives the reason."""

import secrets
import time
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Producer

from tests.support.records import encoded
from tests.support.system import System, wait_for
from tests.support.web.metrics import samples

pytestmark = pytest.mark.apache_kafka


def test_records_behind_an_open_transaction_are_lag_and_not_the_end_of_the_log(system: System) -> None:
    system.publish([(b"k", encoded(id=str(number), subject="k")) for number in range(3)])
    system.start_worker(metrics_port="0")
    system.wait_until_folded()
    [partition] = system.positions().keys() & {p for p, end in system.log_ends().items() if end}
    producer = Producer(
        {"bootstrap.servers": system.bootstrap, "transactional.id": secrets.token_hex(4), "log_level": 0}
    )
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(system.topic, value=encoded(id="held", subject="k"), partition=partition)
    producer.flush(10)
    system.publish([(b"k", encoded(id=f"n{number}", subject="k")) for number in range(1_000)])

    address = system.log().partition("metrics on ")[2].partition("/metrics")[0]
    lag = f'sichtflug_lag_records{{partition="{partition}"}}'

    def metric(name: str) -> float:
        return samples(f"{address}/metrics")[name]

    wait_for(lambda: metric(lag) == 1_001, 20, lambda: str(metric(lag)))
    assert metric(lag.replace("records", "seconds")) > 0

    def last_progress() -> bytes:
        mine = b'"partition":%d,' % partition
        found = [record.value for _, record in system.records(f"{system.topic}.panes") if mine in record.value]
        return found[-1] if found else b""

    # A partition tells its progress once a second.
    wait_for(lambda: b'"log_end":1004' in last_progress(), 20, lambda: str(last_progress()))
    assert b'"is_at_end":false' in last_progress()

    def unready() -> str:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=10).close()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        return ""

    wait_for(lambda: "a producer has kept a transaction open for 3" in unready(), 60, unready)

    producer.commit_transaction(20)
    # The marker that ends a transaction is at the log's end and is never read as a record.
    wait_for(lambda: metric(lag) == 0, 30, lambda: str(metric(lag)))
    assert system.books()["applied"] <= 1_004
    wait_for(lambda: system.books()["applied"] == 1_004, 20, lambda: str(system.books()))
    time.sleep(1.5)
    assert metric(lag) == 0
    assert unready() == ""
