// Single values and bars: stat, gauge, bargauge, barchart. HTML and a little SVG; they scale with their panel.

import { element, shape } from "./element.js";
import { fieldOf, mapping, reduced, seriesColor, valueColor } from "./fields.js";
import { clockSeconds, day, formatted, instant } from "./format.js";

/** The values that a panel of single values shows: name, value, text, colour. */
export function figuresOf(panel, frames) {
  const options = panel.options?.reduceOptions ?? {};
  const calculation = options.calcs?.[0] ?? "lastNotNull";
  const figures = [];
  for (const frame of frames) {
    if (frame.series) {
      for (const { name, values } of frame.series) figures.push(figure(panel, name, reduced(values, calculation)));
    } else {
      const numbers = frame.columns.filter((column) => column.kind === "number");
      const shown = options.fields || !numbers.length ? frame.columns : numbers;
      const labels = frame.columns.filter((column) => column.kind === "text");
      if (options.values || (numbers.length === 1 && labels.length && frame.columns[0].values.length > 1)) {
        numbers[0]?.values.forEach((value, row) => figures.push(figure(panel, labels.map((column) => column.values[row]).join(" ") || "(unknown)", value, numbers[0].name)));
      } else {
        for (const column of shown) figures.push(figure(panel, column.name, reduced(column.values, column.kind === "number" ? calculation : "lastNotNull"), column.name, column.kind));
      }
    }
  }
  return figures;
}

function figure(panel, name, value, column = name, kind = "number") {
  const field = fieldOf(panel, column);
  const text = mapping(field, value)?.text
    ?? (value === null ? field.noValue ?? "–" : kind === "time" || field.unit === "dateTimeAsIso" ? nearInstant(value) : formatted(value, field.unit, field.decimals));
  return { name: field.displayName ?? name.replaceAll("_", " "), value, text, field, color: valueColor(field, value) };
}

/** Omit the date of today. */
const nearInstant = (value) => (day(value) === day(Date.now()) ? clockSeconds(value) : instant(value));

/** Large numbers. */
export function stat(panel, frames) {
  const figures = figuresOf(panel, frames);
  const mode = panel.options?.textMode ?? "auto";
  const named = mode === "value_and_name" || mode === "name" || (mode === "auto" && figures.length > 1);
  return element("div", { className: "stats" }, ...figures.map(({ name, text, color }) => {
    const made = element("div", { className: "stat", style: { "--letters": String(Math.max(3, text.length)) } });
    if (mode !== "none") made.append(element("p", { className: "value" }, mode === "name" ? name : text));
    if (named && mode !== "name") made.append(element("p", { className: "name" }, name));
    if (panel.options?.colorMode === "background") {
      made.classList.add("filled");
      made.style.background = color;
    } else if (panel.options?.colorMode !== "none") made.style.color = color;
    return made;
  }));
}

/** Half circles between a minimum and a maximum. */
export function gauge(panel, frames) {
  return element("div", { className: "stats" }, ...figuresOf(panel, frames).map(({ name, value, text, field, color }, _, all) => {
    const path = "M 8 50 A 42 42 0 0 1 92 50";
    const arc = (attributes) => shape("path", { d: path, fill: "none", "stroke-width": 12, pathLength: 100, ...attributes });
    const drawing = shape("svg", { viewBox: "0 0 100 58", "aria-hidden": "true" }, arc({ class: "track" }));
    const filled = arc({ "stroke-dasharray": `${share(value, field) * 100} 200` });
    filled.style.stroke = color;
    const middle = shape("text", { x: 50, y: 49, "text-anchor": "middle" }, text);
    middle.style.fontSize = `${Math.min(17, 90 / Math.max(3, text.length))}px`;
    drawing.append(filled, middle);
    return element("div", { className: "gauge" }, drawing, element("p", { className: all.length > 1 ? "name" : "unseen" }, all.length > 1 ? name : text));
  }));
}

/** A bar for each value between a minimum and a maximum. */
export function barGauge(panel, frames) {
  const figures = figuresOf(panel, frames);
  const most = Math.max(...figures.map(({ value }) => value ?? 0), 0);
  return bars(figures.map(({ name, value, text, field, color }) => ({
    label: name, text, parts: [{ share: share(value, { ...field, max: field.max ?? most }), color, title: `${name}: ${text}` }],
  })));
}

/** A group of bars for each row of a table. The first column that is not a number names the row. */
export function barChart(panel, frames) {
  const columns = frames[0].columns ?? [];
  const label = columns.find((column) => column.kind !== "number");
  const numbers = columns.filter((column) => column.kind === "number");
  const stacked = fieldOf(panel, "").custom.stacking?.mode ?? "none";
  const row = (at) => numbers.map((column, place) => {
    const field = fieldOf(panel, column.name);
    const value = column.values[at] ?? 0;
    const name = field.displayName ?? column.name.replaceAll("_", " ");
    return { name, value, text: formatted(value, field.unit, field.decimals), color: seriesColor(field, column.name, place) };
  });
  const count = columns[0]?.values.length ?? 0;
  const rows = Array.from({ length: count }, (_, at) => row(at));
  const total = (parts) => parts.reduce((sum, part) => sum + Math.max(0, part.value), 0);
  const most = Math.max(...rows.map((parts) => (stacked === "none" ? Math.max(...parts.map((part) => part.value)) : total(parts))), 0) || 1;
  const lines = rows.flatMap((parts, at) => {
    const value = label?.values[at];
    const text = label?.kind === "time" ? instant(value) : String(value || "(unknown)");
    const whole = stacked === "percent" ? total(parts) || 1 : most;
    const drawn = parts.map((part) => ({ share: Math.max(0, part.value) / whole, color: part.color, title: `${text}, ${part.name}: ${part.text}` }));
    if (stacked !== "none") return [{ label: text, text: parts.map((part) => part.text).join(" · "), parts: drawn }];
    return parts.map((part, place) => ({ label: place ? "" : text, text: part.text, parts: [drawn[place]] }));
  });
  const made = bars(lines);
  if (numbers.length < 2) return made;
  const legend = element("ul", { className: "legend" }, ...row(0).map(({ name, color }) => element("li", {}, swatch(color), name)));
  return element("div", { className: "stack" }, made, legend);
}

function bars(lines) {
  return element("div", { className: "bars scroll" }, ...lines.flatMap(({ label, text, parts }) => [
    element("span", { className: "label", title: label }, label),
    element("span", { className: "bar" }, ...parts.map((part) => element("span", { title: part.title, style: { width: `${part.share * 100}%`, background: part.color } }))),
    element("span", { className: "number" }, text),
  ]));
}

export const swatch = (color) => element("span", { className: "swatch", "aria-hidden": "true", style: { background: color } });

function share(value, field) {
  const least = field.min ?? 0;
  const most = field.max ?? (field.unit === "percentunit" ? 1 : 100);
  return value === null || most <= least ? 0 : Math.min(1, Math.max(0, (value - least) / (most - least)));
}
