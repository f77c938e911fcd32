"""Quoting of strings in SQL."""


def quoted(text: str, quote: str = "'") -> str:
    """Return a text as an SQL literal, or as a name between backticks. Also escapes backslashes, against injection."""
    return quoted_bytes(text.encode(), quote.encode()).decode()


def quoted_bytes(text: bytes, quote: bytes) -> bytes:
    """Return bytes as an SQL literal, like `quoted`. ClickHouse's strings need not be UTF-8."""
    return quote + text.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote) + quote
