"""`sichtflug replay`: publish events from files to Kafka, ids unchanged, at their original pace or faster.

Events are decoded by the workers' codec, so that every acceptable one goes to the partition of its conversation.
"""

import gzip
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from pipeline.commands.shifted_events import shifted
from pipeline.contract.codec import Codec
from pipeline.contract.validation import subject
from pipeline.errors import InputFileError
from pipeline.kafka.bulk import bulk_producer
from streams.events import Event

SPEED_UNLIMITED = float("inf")
POLL_EVERY = 10_000
#: Lines decoded together.
LINES_PER_BATCH = 500


class _Line(msgspec.Struct):
    """A line as a record for the codec: without key, and without a broker time, which would clamp it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of JSON lines, plain or .gz, without empty ones. Raises InputFileError."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                if stripped := line.strip():
                    yield stripped
    except (OSError, EOFError, zlib.error) as error:
        raise InputFileError(f"{path}: cannot be read to its end: {error}") from error


def replay(
    bootstrap: str,
    topic: str,
    paths: Sequence[Path],
    speed: float,
    *,
    shift_to_now: bool = False,
    progress: Callable[[int], None] = lambda sent: None,
) -> int:
    """Publish the lines of files in order. Return the number sent.

    `speed` 1 keeps the pace of event time, 60 makes an hour a minute, infinity does not wait. `shift_to_now` moves all
    instants by the same whole seconds, so that the first event occurs now or, if `speed` is above 1, the latest one,
    since workers clamp events ahead of the clock. Lines that are not acceptable events are sent unchanged. Raises
    BrokerError, and InputFileError after all readable lines are acknowledged.
    """
    sent, started_at, first_ms, shift_seconds = 0, time.monotonic(), 0, 0
    latest_ms = _latest_ms(paths) if shift_to_now and speed > 1 else 0
    broken: InputFileError | None = None
    with bulk_producer(bootstrap, topic) as send:
        try:
            for line, event in _read(paths):
                value = line
                if event is not None:
                    if not first_ms:
                        first_ms = event.occurred_at
                        shift_seconds = (time.time_ns() // 1_000_000 - (latest_ms or first_ms)) // 1000
                    if shift_to_now:
                        value = shifted(line, shift_seconds)
                    if speed != SPEED_UNLIMITED:
                        due = (event.occurred_at - first_ms) / 1000 / speed
                        time.sleep(max(0.0, due - (time.monotonic() - started_at)))
                send(_key(line, event), value)
                sent += 1
                if sent % POLL_EVERY == 0 or speed != SPEED_UNLIMITED:
                    progress(sent)
        except InputFileError as error:
            broken = error
    progress(sent)
    if broken is not None:
        raise InputFileError(f"{broken}; {sent} records were sent before it broke off") from broken
    return sent


def _read(paths: Sequence[Path]) -> Iterator[tuple[bytes, Event | None]]:
    """Yield the lines of files, each with the event that a worker will decode; None if it will reject it.

    Raises InputFileError after all readable lines.
    """
    codec = Codec(b"")
    for path in paths:
        rest = lines(path)
        broken: InputFileError | None = None
        while broken is None:
            batch: list[_Line] = []
            try:
                batch.extend(_Line(number, line) for number, line in enumerate(islice(rest, LINES_PER_BATCH)))
            except InputFileError as error:
                broken = error
            if not batch and broken is None:
                break
            events = {event.offset: event for event in codec.decode(batch).events}
            for line in batch:
                yield line.value or b"", events.get(line.offset)
        if broken is not None:
            raise broken


def _latest_ms(paths: Sequence[Path]) -> int:
    """Return the time of the latest event, as far as the files are readable, epoch ms; 0 without any."""
    latest_ms = 0
    try:
        for _, event in _read(paths):
            if event is not None and event.occurred_at > latest_ms:
                latest_ms = event.occurred_at
    except InputFileError:
        pass  # raised again when the lines are sent
    return latest_ms


def _key(line: bytes, event: Event | None) -> bytes | None:
    """Return the record key: the conversation id, if there is one, also of events that will be rejected."""
    conversation_id = subject(line) if event is None else event.conversation_id
    return conversation_id.encode() or None
