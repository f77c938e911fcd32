"""The door to ClickHouse: queries, inserts of encoded blocks, and which of its errors are worth waiting for.

Everything is over HTTP, the same for a server, a cluster's balancer and the embedded engine.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from pipeline.errors import ClickHouseRejectedError, ClickHouseUnavailableError
from pipeline.settings import Settings

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60

#: One insert is one part: no asynchronous insert, no cutting of the block, no squashing with others.
INSERT_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "max_insert_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 4_000_000_000,
    "input_format_parallel_parsing": 0,
    # How many months lie in one flush is for whoever writes the records to say, and no reason to refuse it.
    "max_partitions_per_insert_block": 0,
    # Within a block no key stands twice; looking for one cost the engine a quarter of an insert.
    "optimize_on_insert": 0,
}

#: Errors of ClickHouse that pass by themselves, by its own numbers.
PASSING_CODES = frozenset(
    {
        32,  # ATTEMPT_TO_READ_AFTER_EOF, where a body did not arrive whole
        33,  # CANNOT_READ_ALL_DATA, likewise
        117,  # INCORRECT_DATA, likewise
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR, where a disk is full, as are the next ones about files
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


#: The same number stands for too many parts, which merges will mend, and for a block that no time will make acceptable.
TOO_MANY_PARTITIONS = "Too many partitions for single INSERT block"
#: In errors of the standard library that ClickHouse passes on, under a number (1001) that says nothing.
NO_SPACE = "No space left on device"


#: WRONG_PASSWORD, REQUIRED_PASSWORD, UNKNOWN_USER, AUTHENTICATION_FAILED
PASSWORD_CODES = frozenset({192, 193, 194, 516})
PASSWORD_REMEDY = (
    "; expected user and password in SICHTFLUG_CLICKHOUSE_USER and SICHTFLUG_CLICKHOUSE_PASSWORD (or _PASSWORD_FILE)"
)
AWAY_REMEDY = "; is it running, and is SICHTFLUG_CLICKHOUSE_URL right?"


class ClickHouse:
    """A connection to one database; as a context manager it is given back at the end of the block.

    Not for several threads at once. Raises ClickHouseUnavailableError or ClickHouseRejectedError.
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
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def execute(self, statement: str) -> None:
        """A statement without an answer."""
        with self._errors():
            self._connected().command(statement)

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a small query."""
        with self._errors():
            return [tuple(row) for row in self._connected().query(query, parameters=parameters).result_rows]

    def raw(self, query: str, output_format: str, settings: Mapping[str, Any] | None = None) -> bytes:
        """The answer of a query in one of ClickHouse's formats. A setting that the user may not change is left out."""
        with self._errors():
            client = self._connected()
            known = client.server_settings
            changed = {
                name: value for name, value in (settings or {}).items() if name not in known or not known[name].readonly
            }
            answer: bytes = client.raw_query(query, fmt=output_format, settings=changed)
            return answer

    def stream(self, query: str, output_format: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The answer of a large query, in chunks cut at line ends."""
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
        """Insert one Native block as one part; `token` names it, so that a repeated one does nothing.

        Raises ClickHouseUnavailableError also when ClickHouse reports another number of rows than were sent.
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

    def _connected(self) -> Any:
        if self._client is None:
            parts = urlsplit(self.url)
            self._client = clickhouse_connect.get_client(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or default_port(parts.scheme),
                secure=parts.scheme == "https",
                username=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
                database=self.database or "default",
                connect_timeout=CONNECT_SECONDS,
                send_receive_timeout=ANSWER_SECONDS,
                autogenerate_session_id=False,
                compress=False,
                query_limit=0,
                show_clickhouse_errors=True,
            )
        return self._client

    def _errors(self) -> "_Errors":
        return _Errors(self)


def connect(settings: Settings) -> ClickHouse:
    """Return a connection to the database that the settings name."""
    return ClickHouse(settings.clickhouse_url, settings.clickhouse_database)


def default_port(scheme: str) -> int:
    """ClickHouse's port for `http` or `https`."""
    return 8443 if scheme == "https" else 8123


class _Errors:
    """Turns the client library's errors into ours, and drops a connection that is in doubt."""

    def __init__(self, client: ClickHouse) -> None:
        self._client = client

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, GeneratorExit):
            return
        if isinstance(error, ClickHouseError | HTTPError | OSError):
            self._client.close()
            code = getattr(error, "code", None)
            # Without a number, ClickHouse itself did not answer: a proxy did, or nobody.
            is_passing = not code or code in PASSING_CODES or NO_SPACE in str(error)
            is_passing = is_passing and TOO_MANY_PARTITIONS not in str(error)
            failure = ClickHouseUnavailableError if is_passing else ClickHouseRejectedError
            if not code and (reason := _network_reason(error)):
                raise failure(f"{self._client} does not answer: {reason}{AWAY_REMEDY}") from error
            remedy = PASSWORD_REMEDY if code in PASSWORD_CODES else ""
            raise failure(f"{self._client}: {type(error).__name__}: {error}{remedy}") from error


def _network_reason(error: BaseException | None) -> str:
    """What the operating system said, below what libraries made of it; '' where it said nothing."""
    found = ""
    while error is not None:
        if isinstance(error, OSError):
            found = error.strerror or str(error)
        error = error.__cause__ or error.__context__
    return found
