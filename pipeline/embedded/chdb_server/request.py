"""Reading requests: whole bodies, and statement, settings and credentials where ClickHouse's clients put them.

A body is used only if it arrived whole, by Content-Length or with the last chunk: truncated at a line end, it would be
valid data and half a flush.
"""

import base64
import email.policy
from email.parser import BytesParser

from aiohttp import web

from pipeline.embedded.chdb_server.encoding import decoded
from pipeline.embedded.chdb_server.exchange import Request
from pipeline.embedded.chdb_server.statement import StatementError, read_statement

#: URL parameters that are not settings. There are no sessions: SET and temporary tables end with their request.
NOT_SETTINGS = frozenset(
    {"query", "database", "default_format", "client_protocol_version", "query_id", "compress", "decompress"}
    | {"user", "password", "quota_key", "role", "session_id", "session_check", "session_timeout"}
    | {"wait_end_of_query", "buffer_size"}
)


async def whole_body(request: web.Request) -> bytes:
    """Return the body as sent. Raises StatementError if it ended early or is malformed."""
    try:
        body = await request.read()
    except (ConnectionError, web.RequestPayloadError) as error:
        raise StatementError(33, f"expected a whole body, found that it ends early: {error}") from None
    if request.content_length not in (None, len(body)):
        raise StatementError(33, f"expected a body of {request.content_length} bytes, found {len(body)}")
    return body


def read_request(http: web.Request, raw: bytes) -> Request:
    """Return the request in a URL, headers and the `raw` body. Raises StatementError and EncodingError."""
    if http.query.get("decompress", "0") not in ("0", "false"):
        raise StatementError(
            48, "expected a body with a Content-Encoding or none, found decompress=1: use Content-Encoding"
        )
    body = decoded(raw, _header(http, "Content-Encoding"))
    values = dict(http.query)
    if http.content_type == "multipart/form-data":
        # clickhouse-connect sends long query parameters in a form.
        values |= _form_fields(_header(http, "Content-Type"), body)
        body = b""
    settings = {name: value for name, value in values.items() if not name.startswith("param_")}
    return Request(
        read_statement(values.get("query", "").encode(), body),
        _header(http, "X-ClickHouse-Format") or values.get("default_format") or "TabSeparated",
        _header(http, "X-ClickHouse-Database") or values.get("database", ""),
        {name: value for name, value in settings.items() if name not in NOT_SETTINGS},
        {name.removeprefix("param_"): value for name, value in values.items() if name.startswith("param_")},
        read_only=http.method != "POST",
    )


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form. Raises StatementError for files (external tables), and if a field is not UTF-8."""
    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    fields = {}
    for part in BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        if part.get_filename() is not None:
            raise StatementError(
                48, f"expected form fields, found the file {name!r}: external tables are not supported"
            )
        content = part.get_payload(decode=True)
        try:
            fields[name] = content.decode() if isinstance(content, bytes) else ""
        except UnicodeDecodeError:
            raise StatementError(36, f"expected a form field in UTF-8, found other bytes in {name!r}") from None
    return fields


def _header(request: web.Request, name: str) -> str:
    """Return a header, with bytes that are not UTF-8 replaced."""
    return request.headers.get(name, "").encode(errors="surrogateescape").decode(errors="replace")


def printable(request: web.Request, name: str) -> str:
    """Return a parameter that is repeated in a header of the answer. Raises StatementError if it is not printable."""
    value: str = request.query.get(name, "")
    if not value.isprintable():
        raise StatementError(36, f"expected printable characters in `{name}`, found {value!r}")
    return value


def credentials(request: web.Request) -> tuple[str, str]:
    """Return user name and password: from the X-ClickHouse headers, else basic authentication, else the URL.

    In values of headers, bytes that are not UTF-8 are lone surrogates.
    """
    headers = request.headers
    if "X-ClickHouse-Key" in headers or "X-ClickHouse-User" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:  # neither base64 nor UTF-8
            return "default", ""
        return user, password
    return request.query.get("user", "default"), request.query.get("password", "")
