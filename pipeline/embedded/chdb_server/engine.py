"""The embedded ClickHouse engine (chdb): the one door to it.

Inserts with data have a thread of their own and go one after another; a few threads serve everything else, so that a
slow query delays neither a flush nor all other queries. Each request gets a connection of its own, hence settings and
database of its own; a connection costs 0.3 ms, because the engine itself is held open by the first one.

Rows reach the engine as a file in memory that `INSERT ... FROM INFILE` reads. Its streaming interface says that rows
were written which it then refuses (a full disk, a violated constraint, too many partitions); this way the error comes
out. Data in the text of the statement would end at the first blank line, which a Native block may hold.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import chdb
import msgspec

from pipeline.clickhouse.sql import quoted
from pipeline.embedded.chdb_server.access import Forbidden, ForbiddenError, keep_default_plain, write_configuration
from pipeline.embedded.chdb_server.directory import lock_directory
from pipeline.embedded.chdb_server.exchange import Answer, EngineError, Request
from pipeline.embedded.chdb_server.gate import Gate
from pipeline.embedded.chdb_server.repair import Repair
from pipeline.embedded.chdb_server.sandbox import confine
from pipeline.embedded.chdb_server.statement import Statement, StatementError

ONE_PART = {
    "async_insert": "0",
    "max_insert_block_size": "10000000",
    "min_insert_block_size_rows": "10000000",
    "min_insert_block_size_bytes": "4000000000",
}
"""Settings of each insert unless the request says otherwise: all its blocks become one part per partition.

That makes an insert atomic: an error in its last row leaves none of the others.
"""

MEMORY_FILE = {"storage_file_read_method": "mmap"}
NATIVE_FILE = MEMORY_FILE | {"max_threads": "1"}
"""How rows are read from the file in memory; handing blocks of Native from thread to thread would only take time."""

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_CODE = re.compile(r"Code: (\d+)\.")
_TWICE = re.compile(r"(?:Code: \d+\. DB::Exception: )+(?=Code: )")
_MEMORY_FILE = re.compile(r"[:,]? ?\(in file/uri /proc/self/fd/\d+\)")
_READING = frozenset({"SELECT", "WITH"})
_WRITING = frozenset({"INSERT", "CREATE"})
_NOT_WRITTEN = (
    "Code: 243. DB::Exception: the disk was full while the rows were written; they are taken out again. "
    "(NOT_ENOUGH_SPACE)"
)
_DEFINING = frozenset({"CREATE", "ALTER", "RENAME", "EXCHANGE", "ATTACH"})
LEAST_FREE_BYTES = 8 << 20
QUERY_THREADS = 4
DATABASE = "default"


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
        data = data.resolve()
        self._data = data
        self._max_execution_seconds = max_execution_seconds
        self._lock = lock_directory(data)
        self._path = f"{data}?config-file={write_configuration(data, max_execution_seconds)}"
        keep_default_plain(data)
        if missing := confine(data):
            print(missing, file=sys.stderr, flush=True)  # noqa: T201
        self._gate = Gate()
        self._repair = Repair(data, self._gate, lambda: chdb.connect(self._path))
        self._held = chdb.connect(self._path)
        self._repair.start()
        self._stopping = False
        self._inserts = ThreadPoolExecutor(1, "inserts")
        self._queries = ThreadPoolExecutor(QUERY_THREADS, "queries")
        self._running: set[str] = set()
        self.display_name, self.version, self.timezone = self._told("SELECT displayName(), version(), timezone()")
        self._forbidden = Forbidden(
            frozenset(self._told("SELECT arrayJoin(groupArray(name)) FROM system.table_functions"))
        )

    def _told(self, sql: str) -> list[str]:
        return bytes(self._held.query(sql, "TabSeparated").bytes()).decode().split()

    def submit(self, request: Request) -> Future[Answer]:
        """Run it: inserts with data one after another, everything else beside them.

        The future raises EngineError.
        """
        if request.statement.data is not None:
            return self._inserts.submit(self._timed, self._insert, request)
        return self._queries.submit(self._timed, self._query, request)

    def give_up(self, request: Request) -> None:
        """End a query that nobody waits for any more; an insert goes on. From any thread."""
        if request.name in self._running:
            self._kill(f"Settings['log_comment'] = '{request.name}'")

    def stop_queries(self) -> None:
        """End the running SELECTs and refuse those behind them; inserts go on. For the time before `close`."""
        self._stopping = True
        self._kill("query_kind = 'Select'")

    def _connected(self) -> closing[Any]:
        return closing(chdb.connect(self._path))

    def _kill(self, condition: str) -> None:
        with self._connected() as connection:
            connection.query(f"KILL QUERY WHERE {condition} ASYNC")

    def close(self, query_seconds: float) -> bool:
        """Finish all inserts and wait up to `query_seconds` for a running query; False when that one still runs.

        The engine cannot be closed under a running query, so the caller must then end the process without it.
        """
        self._inserts.shutdown(wait=True)
        self._queries.shutdown(wait=False)
        self._repair.stop()
        deadline = time.monotonic() + query_seconds
        while self._running:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        self._held.close()
        self._lock.close()
        return True

    def _timed(self, run: Callable[[Any, Request], Answer], request: Request) -> Answer:
        if self._stopping and request.statement.data is None:
            raise EngineError(236, "Code: 236. DB::Exception: the server is being stopped. (ABORTED)")
        begun = time.perf_counter_ns()
        inserts, repairs = self._repair.inserts, self._repair.repairs
        try:
            answer = self._run(run, request)
        except EngineError:
            if request.statement.keyword not in _READING:
                raise
            # What a read says that comes upon a damaged part depends on where it is short.
            self._repair.look()
            if self._repair.repairs == repairs:
                raise
            answer = self._run(run, request)
        if request.statement.keyword in _WRITING:
            self._repair.look()
            if self._repair.inserts != inserts:
                raise EngineError(243, _NOT_WRITTEN)
        return msgspec.structs.replace(answer, elapsed_ns=time.perf_counter_ns() - begun)

    def _run(self, run: Callable[[Any, Request], Answer], request: Request) -> Answer:
        self._running.add(request.name)
        try:
            with self._gate.shared(), self._session(request) as connection:
                self._check_space(request.statement.keyword)
                self._check_allowed(request)
                return run(connection, request)
        except ForbiddenError as error:
            raise EngineError(497, f"Code: 497. DB::Exception: {error}. (ACCESS_DENIED)") from None
        except (RuntimeError, chdb.ChdbError) as error:
            raise self._explained(str(error)) from None
        except UnicodeDecodeError as error:
            # The engine's text quotes what it was sent; chdb fails to make a str of it.
            raise self._explained(error.object.decode(errors="replace")) from None
        finally:
            self._running.discard(request.name)

    @contextmanager
    def _session(self, request: Request) -> Iterator[Any]:
        settings = dict(ONE_PART) if request.statement.keyword == "INSERT" else {}
        if request.statement.data is not None:
            settings |= NATIVE_FILE if request.statement.format == "Native" else MEMORY_FILE
        settings |= dict(request.settings) | {"log_comment": request.name}
        self._bound_time(settings)
        if request.read_only and settings.get("readonly", "1") not in ("1", "2"):
            raise EngineError(164, "Code: 164. DB::Exception: Cannot modify 'readonly' setting with GET. (READONLY)")
        with self._connected() as connection:
            if request.database not in ("", DATABASE):
                connection.query(f"USE {quoted(request.database, '`')}")
            # Last: nothing can be set once it is in force.
            read_only = "1" if request.read_only else settings.pop("readonly", "0")
            settings.pop("readonly", None)
            named = ", ".join(f"{_checked(name)} = {quoted(value)}" for name, value in settings.items())
            connection.query(f"SET {named}")
            if read_only != "0":
                connection.query(f"SET readonly = {quoted(read_only)}")
            yield connection

    def _check_space(self, keyword: str) -> None:
        """Where the disk is all but full the engine leaves a changed definition empty, and loses the table with it."""
        if keyword in _DEFINING and shutil.disk_usage(self._data).free < LEAST_FREE_BYTES:
            raise EngineError(
                243,
                f"Code: 243. DB::Exception: expected {LEAST_FREE_BYTES} free bytes below {self._data} for a change of "
                "definitions. (NOT_ENOUGH_SPACE)",
            )

    def _check_allowed(self, request: Request) -> None:
        statement = request.statement
        self._forbidden.check(statement.sql + statement.clause, request.parameters.values(), self._canonical)
        if statement.data is not None and (statement.format or "Values").lower() == "values":
            self._forbidden.check_values(statement.data, self._canonical)

    def _bound_time(self, settings: dict[str, str]) -> None:
        """A client may ask for less time than the engine gives, not for more."""
        wanted, most = settings.get("max_execution_time", ""), self._max_execution_seconds
        if most and re.fullmatch(r"\d+\.?\d*|\.\d+", wanted, re.ASCII) and not 0 < float(wanted) <= most:
            settings["max_execution_time"] = str(most)

    def _canonical(self, sql: str) -> str:
        """The statement as the engine's own parser reads it: without comments, and quoted only where it must be."""
        with self._connected() as connection:
            connection.query("SET max_query_size = 1073741824")
            found = connection.query(
                "SELECT formatQuerySingleLine({sql:String})", "RawBLOB", params={"sql": _escaped(sql)}
            )
            return bytes(found.bytes()).decode(errors="replace")

    @staticmethod
    def _insert(connection: Any, request: Request) -> Answer:
        statement = request.statement
        memory = os.memfd_create("rows")
        try:
            with open(memory, "wb", closefd=False) as file:
                file.write(statement.data or b"")
            source = f" FROM INFILE '/proc/self/fd/{memory}' COMPRESSION 'none' ".encode()
            whole = statement.sql + source + statement.clause + f" FORMAT {statement.format}".encode()
            return Engine._query(connection, msgspec.structs.replace(request, statement=Statement(whole, "INSERT")))
        finally:
            os.close(memory)

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
        text = _MEMORY_FILE.sub("", _TWICE.sub("", text))
        code = _CODE.search(text)
        if code is None:
            return EngineError(1002, f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION) (version {self.version})")
        text = text[code.start() :].rstrip()
        return EngineError(int(code.group(1)), text if "(version" in text else f"{text} (version {self.version})")


def _escaped(text: str) -> str:
    """As tab-separated text has it, which query parameters are."""
    for mark, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\0", "\\0")):
        text = text.replace(mark, escape)
    return text


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise StatementError(115, f"expected the name of a setting, found {name!r}")
    return name
