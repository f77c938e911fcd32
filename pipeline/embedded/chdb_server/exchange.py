"""What the engine is asked, and what it answers."""

import uuid
from collections.abc import Mapping

import msgspec

from pipeline.embedded.chdb_server.statement import Statement


class EngineError(Exception):
    """The engine refused or failed. `code` is ClickHouse's error number, the text is ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Request(msgspec.Struct, frozen=True):
    """A statement and the session it runs in.

    `parameters` are query parameters without the prefix `param_`, escaped as in tab-separated text. `read_only` allows
    changes of settings, but of nothing else.
    """

    statement: Statement
    default_format: str = "TabSeparated"
    database: str = ""
    settings: Mapping[str, str] = msgspec.field(default_factory=dict)
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    read_only: bool = False
    name: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def format(self) -> str:
        return self.statement.format or self.default_format


class Answer(msgspec.Struct, frozen=True):
    """`body` in the request's format, and what the engine counted."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0
