"""Faust with tables: the closest built-in equivalent, counts per minute and the state of each conversation.

Each event changes one count and one conversation. Faust writes each change to a changelog topic, from which it would
restore the tables.
"""

import faust
import msgspec

from benchmarks.baselines.faust_app import Handle, Run, answer_with_agent
from benchmarks.support.traffic import PARTITIONS
from pipeline.kafka.admin import KafkaAdmin
from streams.events import Envelope

COUNTS = "counts"
CONVERSATIONS = "conversations"


def build(app: faust.App, run: Run) -> Handle:
    """Return a handler that decodes each event and updates one count and one conversation; bad events change nothing.

    `counts` is keyed by partition, minute (UTC epoch minutes), channel and type; like the changelog it stays within a
    partition, so nothing is repartitioned. `conversations` holds the channel and last type by source and subject.
    """
    for name in (COUNTS, CONVERSATIONS):
        KafkaAdmin(run.topic.bootstrap).ensure_topic(f"{run.group}-{name}-changelog", PARTITIONS, 1)
    counts = app.Table(COUNTS, default=int, partitions=PARTITIONS)
    conversations = app.Table(CONVERSATIONS, default=lambda: ("", ""), partitions=PARTITIONS)
    decode = msgspec.json.Decoder(Envelope).decode

    def handle(value: bytes) -> None:
        try:
            envelope = decode(value)
        except (msgspec.MsgspecError, TypeError):
            return
        conversation = (envelope.source, envelope.subject or "")
        known, _ = conversations[conversation]
        channel = (envelope.data and envelope.data.channel) or known
        conversations[conversation] = (channel, envelope.type)
        partition = faust.current_event().message.partition
        counts[partition, int(envelope.time.timestamp()) // 60, channel, envelope.type] += 1

    return handle


if __name__ == "__main__":
    answer_with_agent(build)
