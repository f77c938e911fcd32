"""Passwords: put into URLs so that no character of theirs matters, read from files, and never shown."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

HIDDEN = "(hidden)"
SECRET_BYTES = 32


def with_credentials(url: str, user: str, password: str) -> str:
    """The URL with user and password, in place of those it has; "" leaves a part as it is."""
    parts = urlsplit(url)
    user = quote(user, safe="") or parts.username or "default"
    password = quote(password, safe="") or parts.password or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def without_credentials(url: str) -> str:
    """The URL as it may be shown: without user, password and query. One that is none is not shown at all."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    # Without a scheme, or with a host that is not one, nobody knows where the password stands.
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        return HIDDEN
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def read_secret(path: Path) -> str:
    """What a file holds, without the line border at its end. Raises OSError, and ValueError where it holds nothing."""
    secret = path.read_text().rstrip("\r\n")
    if not secret:
        raise ValueError("it is empty")
    return secret


def kept_secret(path: Path) -> str:
    """Return the random secret that a file keeps, made at the first call; nobody else may read the file.

    Raises OSError, and ValueError where the file holds nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
        made.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
    return read_secret(path)
