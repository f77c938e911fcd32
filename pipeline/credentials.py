"""Passwords: put into URLs so that no character of theirs matters, read from files, and never shown."""

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

HIDDEN = "(hidden)"


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
