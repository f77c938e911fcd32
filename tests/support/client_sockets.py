"""Sockets of kafka-python, which it leaves to the garbage collector if a client closes while it connects or sends."""

import socket
from typing import Any

from kafka.net.inet import KafkaNetSocket


class ClosesItself(socket.socket):
    """A socket that closes without a ResourceWarning once nobody refers to it."""

    def __del__(self) -> None:
        self.close()


def install() -> None:
    """Let kafka-python open such sockets. The warning about any other socket stays an error."""

    def opened(_self: KafkaNetSocket, *arguments: Any) -> socket.socket:
        return ClosesItself(*arguments)

    KafkaNetSocket.socket = opened
