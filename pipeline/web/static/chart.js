// Time series on uPlot: lines, areas, bars and stacks, thresholds, regions of annotations, one crosshair for the page.

import uPlot from "./vendor/uplot/uPlot.esm.js";
import { element } from "./element.js";
import { css, fieldOf, reduced, seriesColor } from "./fields.js";
import { swatch } from "./figures.js";
import { clock, formatted, instantNear, shortDay } from "./format.js";

const CURSORS = uPlot.sync("page");
const MOST_IN_TOOLTIP = 12;
// An axis of durations has steps of the clock: 30 s, 1 min, not 50 s, 1 min 40 s.
const DURATIONS = new Set(["s", "dtdurations"]);
const SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800, 2592000];

/** The chart of a panel. `regions`: annotations. `zoom(from_ms, to_ms)` is called with a range that was dragged. */
export class Chart {
  constructor(panel, answer, regions, zoom) {
    this.panel = panel;
    this.answer = answer;
    this.regions = regions;
    this.hidden = new Set();
    const times = [...new Set(answer.frames.flatMap((frame) => frame.times))].sort((one, other) => one - other);
    this.times = times;
    this.series = answer.frames.flatMap((frame) => frame.series.map((series) => ({ ...series, values: onto(times, frame, series) })))
      .map((series, at) => ({ ...series, field: fieldOf(panel, series.name), at }));
    for (const series of this.series) series.color = seriesColor(series.field, series.name, series.at);
    this.zoom = zoom;
    this.canvas = element("div", { className: "plot", tabIndex: 0, role: "img", "aria-label": this.summary() });
    this.tooltip = element("div", { className: "tooltip", hidden: true, "aria-hidden": "true" });
    this.element = element("div", { className: "chart" }, this.canvas, this.tooltip, this.legend());
    this.canvas.addEventListener("keydown", (event) => this.step(event));
    this.canvas.addEventListener("blur", () => this.plot?.setCursor({ left: -10, top: -10 }));
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.canvas);
  }

  destroy() {
    this.pointedAt = this.times[this.plot?.cursor.idx] ?? null;
    this.observer.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  /** Take over the user's state from the chart that this one replaces: hidden series and cursor. */
  goOnFrom(before) {
    this.hidden = before.hidden;
    this.pointedAt = before.pointedAt;
    for (const button of this.element.querySelectorAll(".legend button")) button.setAttribute("aria-pressed", String(!this.hidden.has(button.dataset.series)));
  }

  /** Describe the chart in words. */
  summary() {
    const described = this.series.slice(0, 6).map(({ name, values, field }) => {
      const text = (calculation) => formatted(reduced(values, calculation), field.unit, field.decimals);
      return `${name}: last ${text("last")}, lowest ${text("min")}, highest ${text("max")}`;
    });
    const more = this.series.length > described.length ? `; and ${this.series.length - described.length} more` : "";
    return `${this.panel.title}. ${this.series.length} series from ${instantNear(this.answer.from_ms)} to ${instantNear(this.answer.to_ms)}. ${described.join("; ")}${more}`;
  }

  legend() {
    const { showLegend = true, displayMode = "list", calcs = [] } = this.panel.options?.legend ?? {};
    if (!showLegend || displayMode === "hidden") return element("p", { className: "unseen" }, this.series.map(({ name }) => name).join(", "));
    return element("ul", { className: "legend" }, ...this.series.map((series) => {
      const values = calcs.map((calculation) => formatted(reduced(series.values, calculation), series.field.unit, series.field.decimals));
      const toggle = () => {
        if (!this.hidden.delete(series.name)) this.hidden.add(series.name);
        button.setAttribute("aria-pressed", String(!this.hidden.has(series.name)));
        this.draw();
      };
      const button = element("button", { type: "button", "aria-pressed": "true", "data-series": series.name, on: { click: toggle } }, swatch(series.color), this.nameOf(series), values.length ? element("span", { className: "number" }, values.join(" · ")) : null);
      return element("li", {}, button);
    }));
  }

  nameOf = (series) => series.field.displayName ?? series.name.replaceAll("_", " ");

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width < 20 || height < 20) return;
    if (!this.plot) this.draw();
    else if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    this.canvas.replaceChildren();
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const style = getComputedStyle(document.documentElement);
    const font = `${Math.round(parseFloat(style.fontSize) * 0.75)}px ${getComputedStyle(document.body).fontFamily}`;
    const [quiet, grid, surface] = ["--quiet", "--grid", "--surface"].map((name) => style.getPropertyValue(name).trim());
    const main = fieldOf(this.panel, "");
    const shown = this.series.filter(({ name }) => !this.hidden.has(name));
    const { data, drawn } = stacked(shown, main.custom.stacking?.mode ?? "none");
    const axis = { stroke: quiet, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const isPercent = main.custom.stacking?.mode === "percent";
    const text = (value) => (isPercent ? formatted(value, "percentunit", 0) : formatted(value, main.unit, null));
    const rem = parseFloat(style.fontSize);
    this.plot = new uPlot({
      width, height,
      legend: { show: false },
      padding: [rem * 0.6, rem * 0.6, 0, 0],
      cursor: { sync: { key: CURSORS.key, scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: {
        x: { time: true, range: () => [this.answer.from_ms / 1000, this.answer.to_ms / 1000] },
        y: { range: (_, least, most) => yRange(main, least, most, isPercent) },
      },
      axes: [
        { ...axis, size: rem * 1.7, space: rem * 5, values: (_, splits) => labels(splits) },
        { ...axis, ...(DURATIONS.has(main.unit) ? { incrs: SECONDS } : {}), size: (plot, values) => axisWidth(plot, values, font), space: rem * 2.2, values: (_, splits) => splits.map(text) },
      ],
      series: [{}, ...drawn.map((series) => strokeOf(series, series.field.custom, surface, series.isStacked))],
      hooks: {
        ready: [() => this.pointAgain()],
        drawClear: [(plot) => drawRegions(plot, this.regions)],
        draw: [(plot) => drawThresholds(plot, main)],
        setCursor: [(plot) => this.point(plot)],
        setSelect: [(plot) => this.select(plot)],
      },
    }, [this.times.map((instant) => instant / 1000), ...data], this.canvas);
    CURSORS.sub(this.plot);
  }

  /** Show the values under the cursor while it is over this chart or the chart has the focus. */
  point(plot) {
    const { idx, left } = plot.cursor;
    const isHere = plot.over.matches(":hover") || document.activeElement === this.canvas;
    this.tooltip.hidden = !isHere || idx === null || idx === undefined || left < 0;
    if (this.tooltip.hidden) return;
    const at = this.times[idx];
    const values = this.series.filter(({ name, values }) => !this.hidden.has(name) && values[idx] !== null)
      .sort((one, other) => other.values[idx] - one.values[idx])
      .map((series) => ({ color: series.color, name: this.nameOf(series), text: formatted(series.values[idx], series.field.unit, series.field.decimals) }));
    const shown = values.slice(0, MOST_IN_TOOLTIP);
    const more = values.length > shown.length ? [`and ${values.length - shown.length} more`] : [];
    const told = this.regions.filter(({ from_ms, to_ms }) => from_ms <= at && at <= to_ms).map(({ text }) => text);
    this.said = [instantNear(at), ...shown.map(({ name, text }) => `${name} ${text}`), ...more, ...told].join(", ");
    this.tooltip.replaceChildren(element("p", {}, instantNear(at)), element("ul", {},
      ...shown.map(({ color, name, text }) => element("li", {}, swatch(color), name, element("span", { className: "number" }, text))),
      ...more.map((text) => element("li", {}, text)), ...told.map((text) => element("li", { className: "told" }, text))));
    const isRight = left > plot.over.clientWidth / 2;
    this.tooltip.style.left = isRight ? "auto" : `${plot.over.offsetLeft + left + 14}px`;
    this.tooltip.style.right = isRight ? `${plot.over.clientWidth - left + 14}px` : "auto";
  }

  select(plot) {
    if (plot.select.width < 6) return;
    const at = (position) => Math.round(plot.posToVal(position, "x") * 1000);
    this.zoom(at(plot.select.left), at(plot.select.left + plot.select.width));
  }

  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || !this.plot) return;
    event.preventDefault();
    const { from_ms, to_ms } = this.answer;
    const [first, last] = [this.times.findIndex((instant) => instant >= from_ms), this.times.findLastIndex((instant) => instant <= to_ms)];
    const from = this.plot.cursor.idx ?? (by > 0 ? first - 1 : last + 1);
    this.pointTo(Math.min(last, Math.max(first, from + by)));
    document.getElementById("announcement").textContent = this.said;
  }

  /** Restore the cursor of the previous chart if this one has the focus. */
  pointAgain() {
    if (this.pointedAt && document.activeElement === this.canvas) this.pointTo(this.times.findIndex((instant) => instant >= this.pointedAt));
    this.pointedAt = null;
  }

  pointTo(idx) {
    if (idx >= 0) this.plot.setCursor({ left: this.plot.valToPos(this.times[idx] / 1000, "x"), top: 10 });
  }
}

function onto(times, frame, series) {
  if (times.length === frame.times.length) return series.values;
  const byTime = new Map(frame.times.map((instant, at) => [instant, series.values[at]]));
  return times.map((instant) => byTime.get(instant) ?? null);
}

/** The data that uPlot draws. A stack is drawn from its far end, each sum down to zero over the one before; what is
 * negative stacks downwards. */
function stacked(series, mode) {
  if (mode !== "normal" && mode !== "percent") return { data: series.map(({ values }) => values), drawn: series };
  const count = series[0]?.values.length ?? 0;
  const wholes = Array.from({ length: count }, (_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
  const above = new Array(count).fill(0);
  const below = new Array(count).fill(0);
  const data = series.map(({ values }) => values.map((value, at) => {
    const sums = value < 0 ? below : above;
    sums[at] += value ?? 0;
    return mode === "normal" ? sums[at] : wholes[at] ? sums[at] / wholes[at] : null;
  }));
  return { data: data.reverse(), drawn: series.map((one) => ({ ...one, isStacked: true })).reverse() };
}

function strokeOf({ color }, custom, surface, isStacked) {
  const opacity = (custom.fillOpacity ?? 0) / 100;
  const isBars = custom.drawStyle === "bars";
  const fill = isStacked ? mixed(color, surface, Math.max(0.6, opacity)) : isBars || opacity ? withAlpha(color, isBars ? Math.max(0.5, opacity) : opacity) : undefined;
  const paths = isBars ? uPlot.paths.bars({ size: [0.8, 40] }) : custom.lineInterpolation?.startsWith("step") ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
  return { stroke: color, width: isBars ? 0 : custom.lineWidth ?? 2, fill, paths, points: { show: !isBars && custom.showPoints === "always" }, spanGaps: custom.spanNulls !== false };
}

function yRange(field, least, most, isPercent) {
  if (isPercent) return [0, 1];
  const low = field.min ?? Math.min(0, (least ?? 0) * 1.08);
  const high = field.max ?? Math.max(low, most ?? 0);
  return [low, high > low ? (field.max ?? low + (high - low) * 1.08) : low + 1];
}

function labels(splits) {
  const isDays = splits.length > 1 && splits[1] - splits[0] >= 86400;
  let before = "";
  return splits.map((seconds) => {
    const today = shortDay(seconds * 1000);
    const text = isDays || (before && today !== before) ? today : clock(seconds * 1000);
    before = today;
    return text;
  });
}

function axisWidth(plot, values, font) {
  if (!values) return 40;
  plot.ctx.save();
  plot.ctx.font = font;
  const widest = Math.max(...values.map((value) => plot.ctx.measureText(value ?? "").width), 20);
  plot.ctx.restore();
  return Math.ceil(widest) + 14;
}

function drawRegions(plot, regions) {
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  for (const { from_ms, to_ms } of regions) {
    const begin = Math.max(left, plot.valToPos(from_ms / 1000, "x", true));
    const end = Math.min(left + width, plot.valToPos(to_ms / 1000, "x", true));
    if (end < left || begin > left + width) continue;
    plot.ctx.fillStyle = "rgba(214, 69, 69, 0.12)";
    plot.ctx.fillRect(begin, top, Math.max(2, end - begin), height);
    plot.ctx.fillStyle = "rgba(214, 69, 69, 0.8)";
    plot.ctx.fillRect(begin, top, Math.max(2, end - begin), 3);
  }
  plot.ctx.restore();
}

function drawThresholds(plot, field) {
  if (!field.custom.thresholdsStyle || field.custom.thresholdsStyle.mode === "off") return;
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  for (const { value, color } of field.thresholds?.steps ?? []) {
    const y = value === null || value === undefined ? -1 : plot.valToPos(value, "y", true);
    if (y < top || y > top + height) continue;
    plot.ctx.strokeStyle = css(color);
    plot.ctx.lineWidth = 1.5 * devicePixelRatio;
    plot.ctx.setLineDash([6, 5]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(left, y);
    plot.ctx.lineTo(left + width, y);
    plot.ctx.stroke();
  }
  plot.ctx.restore();
}

const channels = (color) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
};
const withAlpha = (color, alpha) => `rgba(${channels(color).slice(0, 3).join(",")},${alpha})`;
const mixed = (color, surface, alpha) => {
  const [over, under] = [channels(color), channels(surface)];
  return `rgb(${[0, 1, 2].map((at) => Math.round(over[at] * alpha + under[at] * (1 - alpha))).join(",")})`;
};
