"""Faust, decoding only: the agent decodes each event and keeps nothing."""

import faust
import msgspec

from benchmarks.baselines.faust_app import Handle, Run, answer_with_agent
from streams.events import Envelope


def build(app: faust.App, run: Run) -> Handle:
    """Return a handler that decodes each event and ignores what cannot be decoded."""
    decode = msgspec.json.Decoder(Envelope).decode

    def handle(value: bytes) -> None:
        try:
            decode(value)
        except (msgspec.MsgspecError, TypeError):
            return

    return handle


if __name__ == "__main__":
    answer_with_agent(build)
