"""Texts in SQL."""


def quoted(text: str, quote: str = "'") -> str:
    """A text as an SQL literal; between backticks, a name. Backslashes too: one at the end would break out."""
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
