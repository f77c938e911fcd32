"""Texts in SQL."""


def quoted(text: str, quote: str = "'") -> str:
    """A text as an SQL literal; between backticks, a name. Backslashes too: one at the end would break out."""
    return quoted_bytes(text.encode(), quote.encode()).decode()


def quoted_bytes(text: bytes, quote: bytes) -> bytes:
    """The same of a text that need not be UTF-8, as ClickHouse's need not."""
    return quote + text.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote) + quote
