"""Produces a record batch as it is, whatever its content."""

import socket
import struct


def produce(bootstrap: str, topic: str, partition: int, frame: bytes) -> int:
    """Have a broker store a batch as it is, by Produce version 3; return its base offset there."""
    host, _, port = bootstrap.rpartition(":")

    def name(given: str) -> bytes:
        return struct.pack(">h", len(given)) + given.encode()

    records = struct.pack(">ii", partition, len(frame)) + frame
    request = struct.pack(">hhi", 0, 3, 1) + name("test") + struct.pack(">hhii", -1, -1, 10_000, 1)
    request += name(topic) + struct.pack(">i", 1) + records
    with socket.create_connection((host, int(port)), 10) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(request)) + request)
        [length] = struct.unpack(">i", answers.read(4))
        answer = answers.read(length)
    error, base = struct.unpack_from(">hq", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
    assert error == 0, f"the broker refused the batch with error {error}"
    return int(base)
