"""Events created with the CloudEvents library are folded when sent by kafka-python, aiokafka or kcat."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import files

import pytest
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.support.requirement import require
from tests.support.system import System

CONVERSATIONS = [f"conv-{number}" for number in range(20)]
OPENED_AT, ANSWERED_AT, RESOLVED_AT = (datetime(2024, 3, 4, 10, minute, tzinfo=UTC) for minute in (0, 2, 5))
STEPS: tuple[tuple[str, datetime, dict[str, str]], ...] = (
    ("conversation.opened", OPENED_AT, {"channel": "email", "queue": "billing"}),
    ("message.created", ANSWERED_AT, {"actor_kind": "agent"}),
    ("conversation.resolved", RESOLVED_AT, {}),
)


def events(event_type: str, time: datetime, data: dict[str, str]) -> list[CloudEvent]:
    """Return one event of each conversation."""
    return [
        CloudEvent(
            attributes={
                "specversion": "1.0",
                "id": f"{event_type}-{conversation}",
                "source": "/helpdesk/Köln",
                "type": event_type,
                "time": time,
                "subject": conversation,
                "datacontenttype": "application/json",
                "tenant": "north",
            },
            data=data,
        )
        for conversation in CONVERSATIONS
    ]


def structured(event: CloudEvent) -> KafkaMessage:
    return to_structured(event, JSONFormat(), lambda made: made.get_subject().encode())


def binary(event: CloudEvent) -> KafkaMessage:
    return to_binary(event, JSONFormat(), lambda made: made.get_subject().encode())


def send_with_kafka_python(system: System, messages: Sequence[KafkaMessage]) -> None:
    producer = system.producer()
    for message in messages:
        producer.send(system.topic, key=message.key, value=message.value, headers=list(message.headers.items()))
    producer.flush()
    producer.close()


def send_with_aiokafka(system: System, messages: Sequence[KafkaMessage]) -> None:
    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=system.bootstrap, acks="all") as producer:
            for message in messages:
                headers = list(message.headers.items())
                await producer.send(system.topic, key=message.key, value=message.value, headers=headers)

    asyncio.run(send())


def send_with_kcat(system: System, messages: Sequence[KafkaMessage]) -> None:
    """Send one line per record, `key<TAB>value`: JSON has neither tabs nor line ends of its own."""
    require(shutil.which("kcat") is not None, "kcat")
    # The embedded broker's first answer has tagged fields, which librdkafka before 2.2 (Debian 12) cannot skip.
    library = next(file for file in files("confluent-kafka") or () if file.name.startswith("librdkafka-"))
    (system.directory / "librdkafka.so.1").unlink(missing_ok=True)
    (system.directory / "librdkafka.so.1").symlink_to(library.locate())
    headers = [f"-H{name}={value.decode()}" for name, value in messages[0].headers.items()]
    command = ["kcat", "-P", "-b", system.bootstrap, "-t", system.topic, "-K", "\\t", *headers]
    # Partition by key as the other clients do; librdkafka's default differs.
    command += ["-X", "acks=all", "-X", "topic.partitioner=murmur2_random"]
    done = subprocess.run(
        command,
        input=b"".join(b"%b\t%b\n" % (message.key, message.value) for message in messages),
        env={**os.environ, "LD_LIBRARY_PATH": str(system.directory)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


Send = Callable[[System, Sequence[KafkaMessage]], None]


@pytest.mark.parametrize(
    "senders",
    [
        [send_with_kafka_python] * 3,
        [send_with_aiokafka] * 3,
        [send_with_kcat] * 3,
        [send_with_kafka_python, send_with_aiokafka, send_with_kcat],
    ],
    ids=["kafka-python", "aiokafka", "kcat", "one after the other in the same conversations"],
)
def test_events_of_the_cloudevents_library_are_folded_whichever_client_sends_them(
    system: System, senders: list[Send]
) -> None:
    for send, step in zip(senders, STEPS, strict=True):
        send(system, [structured(event) for event in events(*step)])
    system.start_worker()
    system.wait_until_folded()
    assert system.books() == {
        "consumed": 60,
        "applied": 60,
        "duplicate": 0,
        "rejected": 0,
        "late": 0,
        "ignored": 0,
    }
    facts = system.client.rows(
        "SELECT conversation_id, tenant, source, channel, queue, state, is_implicit, message_count, "
        "toUnixTimestamp(opened_at), toUnixTimestamp(first_response_at), toUnixTimestamp(resolved_at) "
        "FROM conversation_facts"
    )
    moments = tuple(int(moment.timestamp()) for moment in (OPENED_AT, ANSWERED_AT, RESOLVED_AT))
    assert sorted(facts) == sorted(
        (conversation, "north", "/helpdesk/Köln", "email", "billing", "resolved", 0, 1, *moments)
        for conversation in CONVERSATIONS
    )


@pytest.mark.both_brokers("dead letters")
def test_cloudevents_in_binary_mode_become_dead_letters_with_all_their_headers(system: System) -> None:
    messages = [binary(event) for event in events(*STEPS[0])]
    send_with_kafka_python(system, messages)
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert (system.books()["consumed"], system.books()["rejected"]) == (20, 20)
    letters = [record for _, record in system.records(f"{system.topic}.dead-letter")]
    assert sorted(letter.key for letter in letters) == sorted(message.key for message in messages)
    sent = {message.key: message for message in messages}
    for letter in letters:
        headers = dict(letter.headers)
        assert (headers["sichtflug-reason"], headers["sichtflug-field"]) == (b"missing_field", b"specversion")
        assert headers.items() >= sent[letter.key].headers.items()
        assert letter.value == sent[letter.key].value
