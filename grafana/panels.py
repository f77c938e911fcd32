"""Panels as Grafana's JSON: the defaults of each kind, and what a board may set."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from grafana.query_files import Query, query

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
TIME_SERIES, TABLE = 0, 1

#: Muted colours that remain distinguishable with red-green colour blindness.
GOOD, WARNING, BAD, NEUTRAL = "#3a9d6e", "#e0a030", "#d64545", "#4f7cac"

Json = dict[str, Any]
Steps = Sequence[tuple[float, str]]


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel. `width` and `height` are in grid cells: 24 to a row, 30 pixels high each."""

    kind: str
    title: str
    description: str
    width: int
    height: int
    targets: Sequence[Json]
    defaults: Json
    options: Json
    overrides: Sequence[Json]
    datasource: Mapping[str, str]


def clickhouse(panel_query: Query, form: int) -> Json:
    """Return a target that queries ClickHouse."""
    return {
        "datasource": dict(CLICKHOUSE),
        "editorType": "sql",
        "format": form,
        "queryType": "timeseries" if form == TIME_SERIES else "table",
        "rawSql": panel_query.sql,
        "refId": "A",
    }


def thresholds(steps: Steps = (), first: str = NEUTRAL) -> Json:
    """Return colours by value: `first` below all steps."""
    colours: list[Json] = [{"color": first, "value": None}]
    colours += [{"color": color, "value": value} for value, color in steps]
    return {"mode": "absolute", "steps": colours}


def stat(
    name: str,
    unit: str,
    *,
    steps: Steps = (),
    first: str = NEUTRAL,
    decimals: int = 0,
    width: int = 3,
) -> Panel:
    """Return a panel with one large number, coloured by the highest of the `steps` that it has reached."""
    return _of_rows(
        "stat",
        name,
        width,
        4,
        defaults={
            "unit": unit,
            "decimals": decimals,
            "noValue": "–",
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(steps, first),
        },
        options={
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    )


def lines(
    name: str,
    unit: str,
    *,
    width: int = 12,
    stacking: str = "none",
    maximum: float | None = None,
    steps: Steps = (),
    is_bars: bool = False,
) -> Panel:
    """Return a panel of values over time from ClickHouse; `stacking` is none, normal or percent."""
    panel_query = query(name)
    targets = [clickhouse(panel_query, TIME_SERIES)]
    return _over_time(
        targets,
        CLICKHOUSE,
        panel_query.title,
        panel_query.description,
        unit,
        width,
        stacking,
        is_bars=is_bars,
        maximum=maximum,
        steps=steps,
    )


def counts(name: str, *, width: int = 12, stacking: str = "normal") -> Panel:
    """Return a panel of counts per interval from ClickHouse, as stacked bars."""
    return lines(name, "short", width=width, stacking=stacking, is_bars=True)


def measured(
    title: str, description: str, unit: str, *expressions: tuple[str, str], width: int = 8, steps: Steps = ()
) -> Panel:
    """Return a panel of the workers' metrics over time, from Prometheus: pairs of PromQL and legend."""
    targets: list[Json] = [
        {"datasource": dict(PROMETHEUS), "expr": promql, "legendFormat": legend, "range": True, "refId": chr(65 + at)}
        for at, (promql, legend) in enumerate(expressions)
    ]
    return _over_time(targets, PROMETHEUS, title, description, unit, width, steps=steps)


def _over_time(
    targets: Sequence[Json],
    datasource: Mapping[str, str],
    title: str,
    description: str,
    unit: str,
    width: int,
    stacking: str = "none",
    *,
    is_bars: bool = False,
    maximum: float | None = None,
    steps: Steps = (),
) -> Panel:
    is_filled = is_bars or stacking != "none"
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        width=width,
        height=8,
        targets=targets,
        datasource=datasource,
        defaults={
            "unit": unit,
            "noValue": "no data",
            "color": {"mode": "palette-classic"},
            "custom": {
                "drawStyle": "bars" if is_bars else "line",
                "lineInterpolation": "linear",
                "lineWidth": 1 if is_filled else 2,
                "fillOpacity": 70 if is_filled else 8,
                "showPoints": "never",
                "spanNulls": True,
                "stacking": {"mode": stacking, "group": "A"},
                "thresholdsStyle": {"mode": "dashed" if steps else "off"},
            },
            "thresholds": thresholds(steps),
        }
        | ({"max": maximum} if maximum is not None else {}),
        overrides=(),
        options={
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def table(
    name: str,
    units: Mapping[str, str],
    *,
    steps: Mapping[str, Steps] | None = None,
    links: Mapping[str, Json] | None = None,
    hidden: Sequence[str] = (),
    width: int = 24,
    height: int = 8,
) -> Panel:
    """Return a table. `units`, `steps` and `links` are by column; a column's heading is its name without the unit.

    `hidden` columns are used by links only.
    """
    steps, links = steps or {}, links or {}
    overrides: list[Json] = []
    for column in dict.fromkeys((*units, *steps, *links, *hidden)):
        properties: list[Json] = []
        heading = column.removesuffix("_seconds").removesuffix("_name").removesuffix("_ratio")
        if heading != column:
            properties.append({"id": "displayName", "value": heading.replace("_", " ")})
        if column in units:
            properties.append({"id": "unit", "value": units[column]})
        if column in steps:
            properties.append({"id": "thresholds", "value": thresholds(steps[column])})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if column in links:
            properties.append({"id": "links", "value": [links[column]]})
        if column in hidden:
            properties.append({"id": "custom.hidden", "value": True})
        overrides.append({"matcher": {"id": "byName", "options": column}, "properties": properties})
    return _of_rows(
        "table",
        name,
        width,
        height,
        defaults={
            "unit": "short",
            "noValue": "none",
            "color": {"mode": "thresholds"},
            "custom": {"align": "auto", "filterable": True},
            "thresholds": thresholds(),
        },
        options={"showHeader": True, "cellHeight": "sm"},
        overrides=overrides,
    )


def bars(name: str, unit: str, *, width: int = 12) -> Panel:
    """Return a chart with a bar per row and number; the first column names the rows."""
    return _of_rows(
        "barchart",
        name,
        width,
        8,
        defaults={
            "unit": unit,
            "noValue": "no data",
            "color": {"mode": "palette-classic"},
            "custom": {"fillOpacity": 80, "lineWidth": 1},
            "min": 0,
            "thresholds": thresholds(),
        },
        options={
            "orientation": "horizontal",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def _of_rows(
    kind: str,
    name: str,
    width: int,
    height: int,
    *,
    defaults: Json,
    options: Json,
    overrides: Sequence[Json] = (),
) -> Panel:
    """Return a panel that shows the rows of a ClickHouse query."""
    panel_query = query(name)
    return Panel(
        kind=kind,
        title=panel_query.title,
        description=panel_query.description,
        width=width,
        height=height,
        targets=[clickhouse(panel_query, TABLE)],
        datasource=CLICKHOUSE,
        defaults=defaults,
        options=options,
        overrides=overrides,
    )


def link(title: str, board_uid: str, **variables: str) -> Json:
    """Return a link to another board that keeps time and variables; `variables` are set from fields of the row."""
    chosen = "".join(f"&var-{name}=${{__data.fields.{field}}}" for name, field in variables.items())
    return {"title": title, "url": f"/d/{board_uid}?${{__url_time_range}}{chosen}"}
