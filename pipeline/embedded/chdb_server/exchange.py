"""Requests to the engine, and its answers."""

import uuid
from collections.abc import Mapping

import msgspec

from pipeline.embedded.chdb_server.statement import Statement


class EngineError(Exception):
    """The engine refused a request or failed. `code` is ClickHouse's error code, the text ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Request(msgspec.Struct, frozen=True):
    """A statement and its session.

    `parameters` are query parameters without the prefix `param_`, escaped as in tab-separated text. `read_only` allows
    no changes except of settings.
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
    """An answer in the request's format, with the engine's statistics."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0
