"""The embedded ClickHouse engine (chdb). All access goes through `Engine`.

Inserts with data run one after another in a thread of their own; a few threads serve everything else, so that a slow
query delays neither a flush nor all other queries. Each request has its own connection, hence its own settings and
database; a connection costs 0.3 ms, because the first one keeps the engine open.

Rows are passed to the engine as a file in memory, by `INSERT ... FROM INFILE`. The streaming interface would report
rows as written that the engine then refuses (full disk, violated constraint, too many partitions). Data in the text of
the statement would end at the first blank line, which a Native block may contain.
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

#: Settings of each insert, unless the request overrides them: all its blocks become one part per partition, which makes
#: an insert atomic.
ONE_PART = {
    "async_insert": "0",
    "max_insert_block_size": "10000000",
    "min_insert_block_size_rows": "10000000",
    "min_insert_block_size_bytes": "4000000000",
}
#: Settings for reading rows from the file in memory. Native needs no decoding, so one thread is fastest.
MEMORY_FILE = {"storage_file_read_method": "mmap"}
NATIVE_FILE = MEMORY_FILE | {"max_threads": "1"}

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
    """The databases in one directory. Thread-safe.

    Queries are ended after `max_execution_seconds` (error 159); a request's `max_execution_time` may only shorten that.
    Raises DirectoryInUseError if another process serves the directory.
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
        self.display_name, self.version, self.timezone = self._words("SELECT displayName(), version(), timezone()")
        self._forbidden = Forbidden(
            frozenset(self._words("SELECT arrayJoin(groupArray(name)) FROM system.table_functions"))
        )

    def _words(self, sql: str) -> list[str]:
        return bytes(self._held.query(sql, "TabSeparated").bytes()).decode().split()

    def submit(self, request: Request) -> Future[Answer]:
        """Run a request: inserts with data one after another, others concurrently. The future raises EngineError."""
        if request.statement.data is not None:
            return self._inserts.submit(self._timed, self._insert, request)
        return self._queries.submit(self._timed, self._query, request)

    def give_up(self, request: Request) -> None:
        """Cancel an abandoned query. Inserts are not cancelled."""
        if request.name in self._running:
            self._kill(f"Settings['log_comment'] = '{request.name}'")

    def stop_queries(self) -> None:
        """Cancel running SELECTs and refuse new ones, before `close`. Inserts continue."""
        self._stopping = True
        self._kill("query_kind = 'Select'")

    def _connected(self) -> closing[Any]:
        return closing(chdb.connect(self._path))

    def _kill(self, condition: str) -> None:
        with self._connected() as connection:
            connection.query(f"KILL QUERY WHERE {condition} ASYNC")

    def close(self, query_seconds: float) -> bool:
        """Finish all inserts and wait up to `query_seconds` for running queries. Return False if some still run.

        The engine cannot be closed while a query runs, so the caller must then end the process.
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
            # A damaged part causes different errors, depending on where it is truncated.
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
            # The engine's message quotes the statement; chdb fails to decode it if that is not UTF-8.
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
            # Last, because no setting can be changed after it.
            read_only = "1" if request.read_only else settings.pop("readonly", "0")
            settings.pop("readonly", None)
            named = ", ".join(f"{_checked(name)} = {quoted(value)}" for name, value in settings.items())
            connection.query(f"SET {named}")
            if read_only != "0":
                connection.query(f"SET readonly = {quoted(read_only)}")
            yield connection

    def _check_space(self, keyword: str) -> None:
        """Refuse changes of definitions on a nearly full disk: the engine would empty them and lose the table."""
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
        """Limit a client's `max_execution_time` to that of the engine."""
        wanted, most = settings.get("max_execution_time", ""), self._max_execution_seconds
        if most and re.fullmatch(r"\d+\.?\d*|\.\d+", wanted, re.ASCII) and not 0 < float(wanted) <= most:
            settings["max_execution_time"] = str(most)

    def _canonical(self, sql: str) -> str:
        """Return the statement as normalised by the engine's parser: without comments, quoted only where necessary."""
        with self._connected() as connection:
            connection.query("SET max_query_size = 1073741824")
            answer = connection.query(
                "SELECT formatQuerySingleLine({sql:String})", "RawBLOB", params={"sql": _escaped(sql)}
            )
            return bytes(answer.bytes()).decode(errors="replace")

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
        if not hasattr(result, "storage_rows_read"):  # a data frame, from a format that only chdb has
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
    """Return a text escaped as in tab-separated text, like query parameters."""
    for mark, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\0", "\\0")):
        text = text.replace(mark, escape)
    return text


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise StatementError(115, f"expected the name of a setting, found {name!r}")
    return name
