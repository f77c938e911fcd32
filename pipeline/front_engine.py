"""The embedded ClickHouse engine (chdb): the one door to it.

Two worker threads stand for two locks, one for inserts with data, one for everything else, so that a slow query does
not delay a flush. Each request gets a connection of its own, hence settings and database of its own; a connection costs
0.3 ms, because the engine itself is held open by the first one.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import chdb

from pipeline.front_statement import Statement, StatementError
from pipeline.literals import quoted

ONE_PART = {
    "async_insert": "0",
    "max_insert_block_size": "10000000",
    "min_insert_block_size_rows": "10000000",
    "min_insert_block_size_bytes": "4000000000",
}
"""Settings of each insert unless the request says otherwise: all its blocks become one part per partition.

That makes an insert atomic: an error in its last row leaves none of the others.
"""

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_CODE = re.compile(r"Code: (\d+)\.")


class EngineError(Exception):
    """The engine refused or failed. `code` is ClickHouse's error number, the text is ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class DirectoryInUseError(RuntimeError):
    """Another process serves the data directory."""


@dataclass(frozen=True, slots=True)
class Request:
    """A statement and the session it runs in.

    `parameters` are query parameters without the prefix `param_`, escaped as in tab-separated text. `read_only` allows
    changes of settings, but of nothing else.
    """

    statement: Statement
    default_format: str = "TabSeparated"
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False

    @property
    def format(self) -> str:
        return self.statement.format or self.default_format


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` in the request's format, and what the engine counted."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0


class Engine:
    """The databases below one directory. Thread-safe.

    `max_execution_seconds` ends queries that take longer (error 159); a request's own `max_execution_time` wins.
    Raises DirectoryInUseError when another process has the directory.
    """

    def __init__(self, data: Path, max_execution_seconds: int) -> None:
        if "?" in str(data):
            raise ValueError(
                f"expected a data directory without '?' in its name, found {data}: the engine cuts it there"
            )
        self._path = str(data.resolve())
        self._max_execution_seconds = str(max_execution_seconds)
        self._lock = _lock_directory(data)
        self._held = chdb.connect(self._path)
        self._stopping = False
        self._inserts = ThreadPoolExecutor(1, "inserts")
        self._queries = ThreadPoolExecutor(1, "queries")
        row = bytes(self._held.query("SELECT displayName(), version(), timezone()", "TabSeparated").bytes())
        self.display_name, self.version, self.timezone = row.decode().rstrip("\n").split("\t")

    def submit(self, request: Request) -> Future[Answer]:
        """Run it after those before it: inserts with data in one row, everything else in another.

        The future raises EngineError.
        """
        if request.statement.data is not None:
            return self._inserts.submit(self._timed, self._insert, request)
        return self._queries.submit(self._timed, self._query, request)

    def stop_queries(self) -> None:
        """End the running SELECT and refuse those behind it; inserts go on. For the time before `close`."""
        self._stopping = True
        self._held.query("KILL QUERY WHERE query_kind = 'Select' ASYNC")

    def close(self, query_seconds: float) -> bool:
        """Finish all inserts and wait up to `query_seconds` for a running query; False when that one still runs.

        The engine cannot be closed under a running query, so the caller must then end the process without it.
        """
        self._inserts.shutdown(wait=True)
        last = self._queries.submit(lambda: None)
        self._queries.shutdown(wait=False)
        try:
            last.result(query_seconds)
        except TimeoutError:
            return False
        self._held.close()
        self._lock.close()
        return True

    def _timed(self, run: Callable[[Any, Request], Answer], request: Request) -> Answer:
        if self._stopping and request.statement.data is None:
            raise EngineError(236, "Code: 236. DB::Exception: the server is being stopped. (ABORTED)")
        begun = time.perf_counter_ns()
        try:
            with self._session(request) as connection:
                answer = run(connection, request)
        except (RuntimeError, chdb.ChdbError) as error:
            raise self._explained(str(error)) from None
        except UnicodeDecodeError as error:
            # The engine's text quotes what it was sent; chdb fails to make a str of it.
            raise self._explained(error.object.decode(errors="replace")) from None
        return replace(answer, elapsed_ns=time.perf_counter_ns() - begun)

    @contextmanager
    def _session(self, request: Request) -> Iterator[Any]:
        settings = {"max_execution_time": self._max_execution_seconds}
        if request.statement.keyword == "INSERT":
            settings = ONE_PART if request.statement.data is not None else settings | ONE_PART
        settings = settings | dict(request.settings)
        if request.read_only and settings.setdefault("readonly", "2") not in ("1", "2"):
            raise EngineError(164, "Code: 164. DB::Exception: Cannot modify 'readonly' setting with GET. (READONLY)")
        if request.statement.keyword == "INSERT" and settings.get("readonly", "0") not in ("0", "false"):
            # The engine refuses tables, but not INSERT INTO FUNCTION file(…).
            raise EngineError(164, "Code: 164. DB::Exception: Cannot insert in readonly mode. (READONLY)")
        connection = chdb.connect(self._path)
        try:
            if request.database:
                connection.query(f"USE {quoted(request.database, '`')}")
            connection.query(
                "SET " + ", ".join(f"{_checked(name)} = {quoted(value)}" for name, value in settings.items())
            )
            yield connection
        finally:
            connection.close()

    @staticmethod
    def _insert(connection: Any, request: Request) -> Answer:
        statement = request.statement
        if request.parameters and statement.format == "Values":
            # Only here may the data hold {name:Type}; the streaming way has no query parameters.
            whole = statement.sql + b" VALUES " + (statement.data or b"")
            return Engine._query(connection, Request(Statement(whole, "INSERT"), parameters=request.parameters))
        with connection.send_insert(statement.sql, statement.format) as stream:
            if statement.data:
                stream.append(statement.data)
            done = stream.finish()
        return Answer(b"", written_rows=int(done.rows_written), written_bytes=int(done.bytes_written))

    @staticmethod
    def _query(connection: Any, request: Request) -> Answer:
        result = connection.query(request.statement.sql, request.format, params=dict(request.parameters))
        if not hasattr(result, "storage_rows_read"):  # a data frame: formats which chdb has beyond ClickHouse's
            raise EngineError(73, f"Code: 73. DB::Exception: Unknown format {request.format}. (UNKNOWN_FORMAT)")
        return Answer(
            bytes(result.bytes()),
            read_rows=int(result.storage_rows_read()),
            read_bytes=int(result.storage_bytes_read()),
            written_rows=int(result.rows_written()),
            written_bytes=int(result.bytes_written()),
            result_rows=int(result.rows_read()),
        )

    def _explained(self, text: str) -> EngineError:
        code = _CODE.search(text)
        if code is None:
            return EngineError(1002, f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION) (version {self.version})")
        text = text[code.start() :].rstrip()
        return EngineError(int(code.group(1)), text if "(version" in text else f"{text} (version {self.version})")


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise StatementError(115, f"expected the name of a setting, found {name!r}")
    return name


def _lock_directory(data: Path) -> IO[str]:
    """Create the directory and lock it for as long as the returned file stays open, at the latest until we end."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "front.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise DirectoryInUseError(
            f"expected {data} to be unused, found that process {owner} serves it: "
            "end that process or choose another directory"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
