"""Answers for panels: the results of their queries for a time range and chosen values, with the watermark."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from pipeline.web.dashboards import Dashboard, Json
from pipeline.web.frames import Column, Frame, FrameError, as_series
from pipeline.web.macros import MacroError, Scope, expand
from pipeline.web.queries import Queries, QueryError
from pipeline.web.request import PageRequest
from pipeline.web.variables import Options, Variables
from pipeline.web.watermark import Holding, Watermark

TIME_SERIES = 0


class PanelAnswer(msgspec.Struct, frozen=True):
    """The data of a panel. The range is the requested one, in UTC epoch ms."""

    from_ms: int
    to_ms: int
    interval_seconds: int
    frames: list[Frame]
    watermark: Holding | None = None


class Measurements(Protocol):
    """A source of worker metrics."""

    def frame(self, target: Mapping[str, Any], request: PageRequest, minimum_interval: str) -> Frame:
        """Return the series of a target's PromQL over the range. Raises QueryError."""


class Panels:
    """Answers for panels, variables and annotations of dashboards. Thread-safe."""

    def __init__(self, queries: Queries, measurements: Measurements) -> None:
        self._queries = queries
        self._measurements = measurements
        self._variables = Variables(queries)
        self._watermark = Watermark(queries)

    def answer(self, dashboard: Dashboard, panel: Json, request: PageRequest) -> PanelAnswer:
        """Return the data of a panel. Raises BadRequestError and QueryError."""
        minimum = panel.get("interval") or ""
        scope = self._scope(dashboard, request, minimum)
        targets = [target for target in panel.get("targets", []) if not target.get("hide")]
        asks_clickhouse = any("rawSql" in target for target in targets)
        # Before the frames: rows that arrive in between only make the numbers newer than stated.
        watermark = self._watermark.holding(request.to_ms) if asks_clickhouse else None
        frames = [self._frame(target, request, scope, minimum) for target in targets]
        return PanelAnswer(request.from_ms, request.to_ms, scope.interval_seconds, frames, watermark)

    def annotations(self, dashboard: Dashboard, request: PageRequest) -> list[Json]:
        """Return the annotations: name, from_ms, to_ms, text, tags. Raises BadRequestError and QueryError."""
        scope = self._scope(dashboard, request, "")
        return [
            region
            for name, sql in dashboard.annotations()
            for region in _regions(name, {column.name: column for column in self._query(sql, scope)})
        ]

    def options(self, dashboard: Dashboard, name: str, request: PageRequest) -> Options:
        """Return the options of a variable. Raises NotFoundError and QueryError."""
        try:
            return self._variables.options(dashboard, name, request)
        except MacroError as error:
            raise QueryError(str(error)) from error

    def _scope(self, dashboard: Dashboard, request: PageRequest, minimum: str) -> Scope:
        choices = self._variables.choices(dashboard, request)
        return Scope(request.from_ms, request.to_ms, request.interval_seconds(minimum), choices)

    def _frame(self, target: Mapping[str, Any], request: PageRequest, scope: Scope, minimum: str) -> Frame:
        if "expr" in target:
            return self._measurements.frame(target, request, minimum)
        columns = self._query(target["rawSql"], scope)
        if target.get("format", TIME_SERIES) != TIME_SERIES:
            return Frame(columns=columns)
        try:
            return as_series(columns)
        except FrameError as error:
            raise QueryError(str(error)) from error

    def _query(self, sql: str, scope: Scope) -> list[Column]:
        try:
            return self._queries.columns(expand(sql, scope))
        except MacroError as error:
            raise QueryError(str(error)) from error


def _regions(name: str, columns: Mapping[str, Column]) -> list[Json]:
    if "time" not in columns:
        raise QueryError(f"annotation {name}: expected a column time, found {', '.join(columns)}")
    count = len(columns["time"].values)

    def values(column: str) -> list[Any]:
        return columns[column].values if column in columns else [None] * count

    rows = zip(values("time"), values("timeEnd"), values("text"), values("tags"), strict=True)
    return [
        {"name": name, "from_ms": begin, "to_ms": end or begin, "text": text or name, "tags": tags or ""}
        for begin, end, text, tags in rows
        if begin is not None
    ]
