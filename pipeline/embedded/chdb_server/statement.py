"""What the server must know of a statement: whether it is an insert with data, and its format.

This is not a SQL parser; the engine validates the rest. Everything is bytes, because the data of an INSERT may be
binary.
"""

import re

import msgspec

_SKIP = rb"(?:[\s\0]|--[^\n]*+|\#[\ !][^\n]*+|/\*.*?\*/)*+"

_LEAD = re.compile(_SKIP + rb"(?:\(" + _SKIP + rb")*+", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z]+")
_INSERT_TARGET = re.compile(
    rb"INSERT(?:\s+INTO)?(?:\s+TABLE)?(?:\s+FUNCTION)?\s+[\w.]*", re.IGNORECASE
)  # so that a table may be called `format` or `values`

_MARK = re.compile(
    rb"""(?P<comment>--[^\n]*+|\#[\ !][^\n]*+|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]+|\\.|'')*+'|"(?:[^"\\]+|\\.|"")*+"|`(?:[^`\\]+|\\.|``)*+`|(?P<tag>\$\w*\$).*?(?P=tag))
    |(?P<end>;)
    |(?P<open>\()
    |(?P<close>\))
    |(?<![\w.])(?P<file>INTO\s+OUTFILE|FROM\s+INFILE)(?!\w)
    |(?<![\w.])(?P<word>FORMAT|VALUES|SELECT|WITH|INPUT|SETTINGS)(?!\w)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_FORMAT_NAME = re.compile(rb"FORMAT\s+(\w+)", re.IGNORECASE)
_AFTER_FORMAT = re.compile(_SKIP + rb"(?:;|SETTINGS\b|\Z)", re.DOTALL | re.IGNORECASE)
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
_NOTHING = re.compile(_SKIP + rb"\Z", re.DOTALL)
_INPUT_CALL = re.compile(rb"INPUT\s*\(", re.IGNORECASE)

_ANSWERING = {"SELECT", "WITH", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "EXISTS", "CHECK", "FROM", "VALUES"}


class StatementError(ValueError):
    """A statement is refused before it reaches the engine. `code` is ClickHouse's error code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Statement(msgspec.Struct, frozen=True):
    """A statement. With `data` it is an INSERT, and `sql` ends before its FORMAT or VALUES clause.

    `format` is the format named in the statement, if any. `clause` is the SETTINGS clause of an INSERT with data.
    """

    sql: bytes
    keyword: str
    format: str | None = None
    data: bytes | None = None
    clause: bytes = b""

    @property
    def has_answer(self) -> bool:
        """Whether it returns a table, possibly an empty one."""
        return self.keyword in _ANSWERING


def read_statement(parameter: bytes, body: bytes) -> Statement:
    """Return the statement in the URL's `query` parameter and the body, joined by a newline, like ClickHouse does.

    Raises StatementError for more than one statement, for INSERT ... SELECT ... FROM input(), for INTO OUTFILE and
    FROM INFILE.
    """
    if parameter.strip():
        statement = _read(parameter)
        if statement.data is not None:
            # Avoids a copy: the body of a flush has megabytes.
            has_rows = statement.data.strip() not in (b"", b";")
            return msgspec.structs.replace(statement, data=statement.data + b"\n" + body if has_rows else body)
        if not body.strip():
            return statement
        return _read(parameter + b"\n" + body)
    return _read(body)


def _read(text: bytes) -> Statement:
    lead = _LEAD.match(text)
    start = lead.end() if lead else 0
    word = _WORD.match(text, start)
    keyword = word.group().decode().upper() if word else ""
    if keyword == "INSERT":
        return _read_insert(text, start)
    found_format = None
    for mark in _MARK.finditer(text, start):
        _refuse_file(mark)
        if mark.lastgroup == "end" and not _NOTHING.match(text, mark.end()):
            raise StatementError(62, f"expected one statement, found more after ';' at byte {mark.end()}")
        name = _FORMAT_NAME.match(text, mark.start())
        if name and _AFTER_FORMAT.match(text, name.end()):
            found_format = name.group(1).decode()
    return Statement(text, keyword, found_format)


def _read_insert(text: bytes, start: int) -> Statement:
    depth, clause_at = 0, -1
    for mark in _MARK.finditer(text, _target_end(text)):
        _refuse_file(mark)
        depth += (mark.lastgroup == "open") - (mark.lastgroup == "close")
        word = mark.group().upper() if mark.lastgroup == "word" else b""
        if word in (b"SELECT", b"WITH"):
            _refuse_input_function(text, mark.end())
            return Statement(text, "INSERT")
        if depth > 0:  # a column may be called `values`
            continue
        if word == b"SETTINGS":
            clause_at = mark.start()
        if word == b"VALUES":
            return _with_data(text, start, clause_at, mark.start(), "Values", mark.end())
        if word == b"FORMAT" and (name := _FORMAT_NAME.match(text, mark.start())):
            border = _BEFORE_DATA.match(text, name.end())
            data_at = border.end() if border else name.end()
            return _with_data(text, start, clause_at, mark.start(), name.group(1).decode(), data_at)
    return Statement(text, "INSERT")


def _with_data(text: bytes, start: int, clause_at: int, end: int, format_name: str, data_at: int) -> Statement:
    head_end = end if clause_at < 0 else clause_at
    return Statement(text[start:head_end], "INSERT", format_name, text[data_at:], text[head_end:end])


def _refuse_file(mark: re.Match[bytes]) -> None:
    if mark.lastgroup == "file":
        # A server refuses both over HTTP; the embedded engine would touch files of this machine, even with GET.
        raise StatementError(407, f"{mark.group().decode()} is not allowed over HTTP")


def _target_end(text: bytes) -> int:
    lead = _LEAD.match(text)
    start = lead.end() if lead else 0
    target = _INSERT_TARGET.match(text, start)
    return target.end() if target else start


def _refuse_input_function(text: bytes, start: int) -> None:
    for mark in _MARK.finditer(text, start):
        if mark.lastgroup == "word" and _INPUT_CALL.match(text, mark.start()):
            # The embedded engine accepts it, inserts nothing, and reports no error.
            raise StatementError(48, "INSERT ... SELECT ... FROM input() does not work on the embedded engine")
