"""Repair of parts that the embedded engine committed damaged, because the disk filled while they were written.

A merged part is replaced by its sources, which the engine keeps for some minutes. An inserted part is removed and its
insert refused, so that the same rows with the same token can be inserted again.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.clickhouse.sql import quoted, quoted_bytes
from pipeline.embedded.chdb_server.gate import Gate
from pipeline.embedded.chdb_server.parts import Part, Parts, allow_again

LOOK_SECONDS = 1.0
ATTACH_SECONDS = 30.0
EXIT_DAMAGED = 70


class Repair:
    """Checks for damaged parts at each insert and once a second, and repairs them while no request runs.

    `connect` opens a connection to the engine. `inserts` counts damaged inserts, `repairs` all damaged parts.
    """

    def __init__(self, data: Path, gate: Gate, connect: Callable[[], Any]) -> None:
        self._parts = Parts(data)
        self._gate = gate
        self._connect = connect
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.inserts = 0
        self.repairs = 0
        for part in self._parts.damaged():
            # The engine, not started yet, will ignore such a part, and its insert was never acknowledged.
            if part.is_inserted:
                allow_again(part)

    def start(self) -> None:
        """Begin to check once a second. Requires a running engine."""
        threading.Thread(target=self._watch, name="repair", daemon=True).start()

    def stop(self) -> None:
        """Stop checking."""
        self._stopped.set()
        with self._lock:
            pass

    def look(self) -> None:
        """Check new parts and repair damaged ones. Must not be called while holding the gate."""
        with self._lock:
            if not self._stopped.is_set() and (damaged := self._parts.damaged()):
                with self._gate.alone():
                    self._repair(damaged)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self.look()

    def _repair(self, damaged: list[Part]) -> None:
        connection = self._connect()
        try:
            for table, parts in groupby(damaged, lambda part: part.table):
                with self._detached(connection, table) as name:
                    for part in parts:
                        if name:
                            self._take_out(part, name)
                        else:
                            self._parts.dismiss(part)
        except Exception as error:
            # At the next start on this directory, the same parts are found and the engine ignores them.
            _end(f"damaged parts could not be repaired, start again: {error}")
        finally:
            connection.close()

    def _take_out(self, part: Part, table: bytes) -> None:
        self.repairs += 1
        if not (part.table / part.name).exists():
            return
        name = table.decode(errors="replace")
        print(f"{name}: the part {part.name} was damaged by a full disk and taken out", file=sys.stderr, flush=True)  # noqa: T201
        if is_inserted := part.is_inserted:
            self.inserts += 1
            allow_again(part)
        if is_inserted or part.has_sources:
            shutil.rmtree(part.table / part.name)
        else:
            kept = part.table / "detached" / f"damaged_{time.time_ns()}_{part.name}"
            (part.table / part.name).rename(kept)

    @contextmanager
    def _detached(self, connection: Any, path: Path) -> Iterator[bytes]:
        """Detach a table during the block. Yields its name, b'' if it was dropped."""
        answer = connection.query(
            "SELECT hex(database), hex(name) FROM system.tables "
            f"WHERE has(data_paths, {quoted(f'{path}{os.sep}')}) AND engine LIKE '%MergeTree' LIMIT 1",
            "TabSeparated",
        )
        words = bytes(answer.bytes()).decode().split()
        if not words:
            yield b""
            return
        table = b".".join(quoted_bytes(bytes.fromhex(word), b"`") for word in words)
        connection.query(b"DETACH TABLE " + table + b" SYNC")
        try:
            yield table
        finally:
            _attach(connection, table)


def _attach(connection: Any, table: bytes) -> None:
    """Attach a table, with retries: otherwise it would be missing until the next start."""
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        try:
            connection.query(b"ATTACH TABLE " + table)
            return
        except Exception as error:
            if time.monotonic() > deadline:
                _end(f"{table.decode(errors='replace')} could not be attached again: {error}")
            time.sleep(0.1)


def _end(why: str) -> None:
    print(why, file=sys.stderr, flush=True)  # noqa: T201
    os._exit(EXIT_DAMAGED)
