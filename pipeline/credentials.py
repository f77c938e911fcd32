"""Passwords: encoded in URLs, read from files, and never shown."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

HIDDEN = "(hidden)"
SECRET_BYTES = 32


def with_credentials(url: str, user: str, password: str) -> str:
    """Return the URL with user and password replaced; '' keeps the present one."""
    parts = urlsplit(url)
    user = quote(user, safe="") or parts.username or "default"
    password = quote(password, safe="") or parts.password or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def without_credentials(url: str) -> str:
    """Return the URL without user, password and query, for messages; `HIDDEN` if it is invalid."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    # Without a scheme or a valid host, the password could be anywhere.
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        return HIDDEN
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def read_secret(path: Path) -> str:
    """Return the content of a file without trailing line ends. Raises OSError, and ValueError if it is empty."""
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
