"""The variables of a dashboard: their options, and the check of chosen values.

A value enters SQL only if it is among the results of the variable's own query or options.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.web.dashboards import Dashboard
from pipeline.web.macros import Choice, Scope, expand
from pipeline.web.queries import Queries
from pipeline.web.request import ALL, BadRequestError, NotFoundError, PageRequest

KEEP_SECONDS = 30.0
KEEP_COUNT = 200
#: Values that do not occur in the range are accepted if they occur within this span before its end, so that narrowing
#: the range keeps the choice.
WIDE_MS = 62 * 86_400_000

#: Text and value of each option.
Options = Sequence[tuple[str, str]]


class Variables:
    """A cache of the options of variables. Thread-safe."""

    def __init__(self, queries: Queries, clock: Callable[[], float] = time.monotonic) -> None:
        self._queries = queries
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int, int], tuple[float, Options]] = OrderedDict()
        self._lock = threading.Lock()

    def options(self, dashboard: Dashboard, name: str, request: PageRequest) -> Options:
        """Return the options of a variable. Raises NotFoundError and QueryError."""
        if name not in dashboard.variables:
            raise NotFoundError(f"variable {name[:40]!r} of {dashboard.uid}: not found")
        variable = dashboard.variables[name]
        if variable["type"] != "query":
            return [(option["text"], option["value"]) for option in variable.get("options", [])]
        sql = variable["query"]
        text: str = sql if isinstance(sql, str) else sql["rawSql"]
        return self._query(text, request.from_ms // 1000, request.to_ms // 1000)

    def choices(self, dashboard: Dashboard, request: PageRequest) -> Mapping[str, Choice]:
        """Return the checked choice of each variable. Raises BadRequestError and QueryError."""
        unknown = [name for name in request.chosen if name not in dashboard.variables]
        if unknown:
            expected = ", ".join(f"var-{name}" for name in dashboard.variables) or "none"
            raise BadRequestError(f"var-{unknown[0][:40]}: not a variable of {dashboard.uid}; expected {expected}")
        return {name: self._choice(dashboard, name, request) for name in dashboard.variables}

    def _choice(self, dashboard: Dashboard, name: str, request: PageRequest) -> Choice:
        variable = dashboard.variables[name]
        chosen = list(dict.fromkeys(request.chosen.get(name) or _default(variable)))
        if ALL in chosen or not chosen:
            if not variable.get("includeAll"):
                raise BadRequestError(f"var-{name}: expected one value")
            # `$__conditionalAll` drops its condition; a query that lists the values gets those of the range.
            return Choice(_AllValues(lambda: self._values(dashboard, name, request)), is_all=True)
        if len(chosen) > 1 and not variable.get("multi"):
            raise BadRequestError(f"var-{name}: expected one value, found {len(chosen)}")
        known = self._values(dashboard, name, request)
        if not set(chosen) <= set(known) and variable["type"] == "query":
            wide = request._replace(from_ms=max(0, min(request.from_ms, request.to_ms - WIDE_MS)))
            known = self._values(dashboard, name, wide)
        unknown = [value for value in chosen if value not in set(known)]
        if unknown:
            raise BadRequestError(
                f"var-{name}={unknown[0][:80]!r}: expected {ALL} or one of the {len(known)} values that it has"
            )
        return Choice(chosen)

    def _values(self, dashboard: Dashboard, name: str, request: PageRequest) -> list[str]:
        return [value for _, value in self.options(dashboard, name, request)]

    def _query(self, sql: str, from_seconds: int, to_seconds: int) -> Options:
        # By the minute: all panels of a page ask within a second or two, each with its own `now`.
        key = (sql, from_seconds // 60, to_seconds // 60)
        now = self._clock()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now - kept[0] < KEEP_SECONDS:
            return kept[1]
        columns = self._queries.columns(expand(sql, Scope(from_seconds * 1000, to_seconds * 1000)))
        values = [str(value) for value in columns[0].values] if columns else []
        # Like Grafana's data source: of two columns, the second is the text.
        texts = [str(text) for text in columns[1].values] if len(columns) > 1 else values
        options = [(text, value) for value, text in dict(zip(values, texts, strict=True)).items()]
        with self._lock:
            self._kept[key] = (now, options)
            self._kept.move_to_end(key)
            while len(self._kept) > KEEP_COUNT:
                self._kept.popitem(last=False)
        return options


class _AllValues(Sequence[str]):
    """The values of a variable, queried only if a query lists them."""

    def __init__(self, ask: Callable[[], Sequence[str]]) -> None:
        self._ask = ask
        self._known: Sequence[str] | None = None

    def __getitem__(self, at: Any) -> Any:
        if self._known is None:
            self._known = self._ask()
        return self._known[at]

    def __len__(self) -> int:
        if self._known is None:
            self._known = self._ask()
        return len(self._known)


def _default(variable: Mapping[str, Any]) -> list[str]:
    value = (variable.get("current") or {}).get("value")
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
