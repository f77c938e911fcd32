"""Requests of the browser: a time range, a width and chosen values. Anything else is refused."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from streams.days import END_MS

MAX_RANGE_MS = 800 * 86_400_000
MAX_FIELDS = 2_000
DEFAULT_WIDTH = 800
PIXELS_PER_POINT = 3
INTERVALS_SECONDS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800,
)  # fmt: skip

VARIABLE = "var-"
ALL = "$__all"
_RELATIVE = re.compile(r"now(?:-(\d{1,5})([smhdwMy]))?\Z", re.ASCII)
_DURATION = re.compile(r">?(\d{1,5})(ms|[smhdwMy])\Z", re.ASCII)
_UNIT_SECONDS = {
    "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000,
}  # fmt: skip


class BadRequestError(ValueError):
    """A request is invalid. The message says what is expected and is sent to the client."""


class NotFoundError(LookupError):
    """A dashboard, panel, variable or file that does not exist. The message names it."""


class PageRequest(NamedTuple):
    """A time range in UTC epoch ms, the width of the panel in pixels, and the values chosen by variable."""

    from_ms: int
    to_ms: int
    width: int
    chosen: Mapping[str, Sequence[str]]

    def interval_seconds(self, minimum: str = "") -> int:
        """Return the shortest interval at which points remain distinguishable, at least `minimum` (`30s`, `1m`)."""
        wanted = (self.to_ms - self.from_ms) / 1000 / max(1, self.width // PIXELS_PER_POINT)
        wanted = max(wanted, seconds_of(minimum))
        return next((seconds for seconds in INTERVALS_SECONDS if seconds >= wanted), INTERVALS_SECONDS[-1])


def read_request(query: str, now_ms: int | None = None) -> PageRequest:
    """Return the request in a URL's query string. Raises BadRequestError."""
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise BadRequestError(f"expected at most {MAX_FIELDS} parameters in UTF-8") from None
    single: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    for name, value in fields:
        if name.startswith(VARIABLE):
            chosen.setdefault(name.removeprefix(VARIABLE), []).append(value)
        elif name not in ("from", "to", "width") or name in single:
            raise BadRequestError(f"{name[:40]!r}: expected from, to and width, each once, and var-NAME")
        else:
            single[name] = value
    now = int(time.time() * 1000) if now_ms is None else now_ms
    from_ms = _instant("from", single.get("from", "now-6h"), now)
    to_ms = _instant("to", single.get("to", "now"), now)
    if not 1_000 <= to_ms - from_ms <= MAX_RANGE_MS:
        raise BadRequestError("expected a time range of one second to 800 days, `from` before `to`")
    return PageRequest(from_ms, to_ms, _width(single.get("width", str(DEFAULT_WIDTH))), chosen)


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration such as `30s` or `1m`; 0 if it is empty or of another form."""
    match = _DURATION.match(duration)
    if match is None:
        return 0.0
    return int(match[1]) * (0.001 if match[2] == "ms" else _UNIT_SECONDS[match[2]])


def _instant(name: str, text: str, now_ms: int) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 13 and int(text) <= END_MS:
        return int(text)
    match = _RELATIVE.match(text)
    if match is None:
        raise BadRequestError(f"{name}={text[:40]!r}: expected epoch milliseconds up to 2100, now, or now-6h")
    before_ms = int(match[1]) * _UNIT_SECONDS[match[2]] * 1000 if match[1] else 0
    return max(0, now_ms - before_ms)


def _width(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise BadRequestError(f"width={text[:40]!r}: expected pixels, up to 5 digits")
    return min(max(int(text), 100), 4_000)
