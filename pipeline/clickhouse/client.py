"""The ClickHouse client: queries, inserts of encoded blocks, and the distinction of retryable errors.

It uses HTTP, which works alike for a server, a cluster's load balancer and the embedded engine.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from pipeline.errors import ClickHouseRejectedError, ClickHouseUnavailableError
from pipeline.settings import Settings

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60

#: One insert makes one part: not asynchronous, not split into blocks, not squashed with others.
INSERT_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "max_insert_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 4_000_000_000,
    "input_format_parallel_parsing": 0,
    # Event times are the producers' choice, so a flush may span any number of months.
    "max_partitions_per_insert_block": 0,
    # No key occurs twice within a block; searching for duplicates took a quarter of an insert.
    "optimize_on_insert": 0,
}

#: Codes of ClickHouse errors that are temporary.
PASSING_CODES = frozenset(
    {
        32,  # ATTEMPT_TO_READ_AFTER_EOF, when a body did not arrive whole
        33,  # CANNOT_READ_ALL_DATA, likewise
        117,  # INCORRECT_DATA, likewise
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR, when a disk is full, as the following ones about files
        76,  # CANNOT_OPEN_FILE
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        164,  # READONLY
        172,  # CANNOT_CREATE_DIRECTORY
        198,  # DNS_ERROR
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        204,  # CANNOT_FSYNC
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        254,  # ALL_REPLICAS_ARE_STALE
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        289,  # REPLICA_IS_NOT_IN_QUORUM
        294,  # CANNOT_WRITE_TO_FILE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        424,  # CANNOT_LINK
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        499,  # S3_ERROR
        521,  # ATOMIC_RENAME_FAIL
        586,  # CANNOT_CREATE_FILE
        999,  # KEEPER_EXCEPTION
    }
)


#: TOO_MANY_PARTS is temporary, since merges reduce the parts, except with this message: no retry helps such a block.
TOO_MANY_PARTITIONS = "Too many partitions for single INSERT block"
#: In errors of the C++ standard library, which ClickHouse passes on under one generic code (1001).
NO_SPACE = "No space left on device"


#: WRONG_PASSWORD, REQUIRED_PASSWORD, UNKNOWN_USER, AUTHENTICATION_FAILED
PASSWORD_CODES = frozenset({192, 193, 194, 516})
PASSWORD_REMEDY = (
    "; expected user and password in SICHTFLUG_CLICKHOUSE_USER and SICHTFLUG_CLICKHOUSE_PASSWORD (or _PASSWORD_FILE)"
)
AWAY_REMEDY = "; is it running, and is SICHTFLUG_CLICKHOUSE_URL right?"

#: The library's clients in use, by URL and database. Creating one takes three queries, for version and settings; as
#: they have no session, threads can share them, each with an HTTP connection of its own from the library's pool.
_clients: WeakValueDictionary[tuple[str, str], Any] = WeakValueDictionary()


class ClickHouse:
    """A client of one database, not thread-safe; a context manager that closes it. Cheap to create after the first.

    Raises ClickHouseUnavailableError or ClickHouseRejectedError.
    """

    def __init__(self, url: str, database: str) -> None:
        self.url = url
        self.database = database
        self._client: Any = None

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or default_port(parts.scheme)}/{self.database}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection."""
        self._client = None

    def execute(self, statement: str) -> None:
        """Execute a statement that returns no rows."""
        with self._errors():
            self._connected().command(statement)

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a small query."""
        with self._errors():
            return [tuple(row) for row in self._connected().query(query, parameters=parameters).result_rows]

    def raw(self, query: str, output_format: str, settings: Mapping[str, Any] | None = None) -> bytes:
        """Return the answer of a query in one of ClickHouse's formats. Settings that are read-only are omitted."""
        with self._errors():
            client = self._connected()
            known = client.server_settings
            changed = {
                name: value for name, value in (settings or {}).items() if name not in known or not known[name].readonly
            }
            answer: bytes = client.raw_query(query, fmt=output_format, settings=changed)
            return answer

    def stream(self, query: str, output_format: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the answer of a large query, in chunks cut at line ends."""
        with self._errors():
            answer = self._connected().raw_stream(query, fmt=output_format)
            rest = b""
            try:
                while chunk := answer.read(chunk_bytes):
                    complete, newline, rest_of = (rest + chunk).rpartition(b"\n")
                    rest = rest_of
                    if newline:
                        yield complete + newline
                if rest:
                    yield rest
            finally:
                answer.close()

    def insert(self, table: str, columns: Sequence[str], body: bytes, row_count: int, token: str) -> None:
        """Insert one Native block as one part. Repeating it with the same deduplication `token` has no effect.

        Also raises ClickHouseUnavailableError if ClickHouse reports another number of rows than were sent.
        """
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        with self._errors():
            summary = self._connected().raw_insert(
                table, column_names=columns, insert_block=body, fmt="Native", settings=settings
            )
        written = int(summary.summary.get("written_rows", row_count))
        if written != row_count:
            raise ClickHouseUnavailableError(
                f"{self}: expected {row_count} rows written to {table}, ClickHouse says {written}"
            )

    def forget(self) -> None:
        """Release the connection, and have the next query ask for version and settings again."""
        if self._client is not None and _clients.get((self.url, self.database)) is self._client:
            _clients.pop((self.url, self.database), None)
        self.close()

    def _connected(self) -> Any:
        if self._client is None:
            client = _clients.get((self.url, self.database))
            if client is None:
                client = _clients[self.url, self.database] = _new_client(self.url, self.database)
            self._client = client
        return self._client

    def _errors(self) -> "_Errors":
        return _Errors(self)


def connect(settings: Settings) -> ClickHouse:
    """Return a connection to the database that the settings name."""
    return ClickHouse(settings.clickhouse_url, settings.clickhouse_database)


def _new_client(url: str, database: str) -> Any:
    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or default_port(parts.scheme),
        secure=parts.scheme == "https",
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database or "default",
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        autogenerate_session_id=False,
        compress=False,
        query_limit=0,
        show_clickhouse_errors=True,
    )


def default_port(scheme: str) -> int:
    """Return ClickHouse's default port for `http` or `https`."""
    return 8443 if scheme == "https" else 8123


class _Errors:
    """A context manager that translates the library's errors and, after one, forgets the connection."""

    def __init__(self, client: ClickHouse) -> None:
        self._client = client

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, GeneratorExit):
            return
        if isinstance(error, ClickHouseError | HTTPError | OSError):
            self._client.forget()
            code = getattr(error, "code", None)
            # Without a code, the answer came from a proxy, or there was none.
            is_passing = not code or code in PASSING_CODES or NO_SPACE in str(error)
            is_passing = is_passing and TOO_MANY_PARTITIONS not in str(error)
            failure = ClickHouseUnavailableError if is_passing else ClickHouseRejectedError
            if not code and (reason := _network_reason(error)):
                raise failure(f"{self._client} does not answer: {reason}{AWAY_REMEDY}") from error
            remedy = PASSWORD_REMEDY if code in PASSWORD_CODES else ""
            raise failure(f"{self._client}: {type(error).__name__}: {error}{remedy}") from error


def _network_reason(error: BaseException | None) -> str:
    """Return the operating system's message at the root of an error; '' if there is none."""
    reason = ""
    while error is not None:
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        error = error.__cause__ or error.__context__
    return reason
