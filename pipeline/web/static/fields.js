// Field options of a panel: defaults and overrides by name, colours by thresholds and by name, value mappings.

export const PALETTE = ["#3b7dd8", "#e08a2e", "#2f9e77", "#c2549d", "#8a6fd1", "#b8a12a", "#3aa6b9", "#d1605e", "#6b9e3f", "#a3745c", "#5566aa"];
const NAMED = {
  green: "#3a9d6e", red: "#d64545", orange: "#e0862e", yellow: "#d9b32c", blue: "#3b7dd8", purple: "#8a6fd1",
  grey: "#7d8b99", gray: "#7d8b99", text: "var(--text)", transparent: "transparent",
};
const NAMELESS = /^(\(.*\)|unknown|)$/;
const places = new Map();

/** Names in a fixed order, such as the channels, so that they have the same colours in all panels. */
export function seedColors(names) {
  names.forEach((name, at) => places.set(name, at));
}

/** A CSS colour, from Grafana's names (`dark-red`, `semi-dark-green`) or CSS's own. */
export function css(color) {
  const base = String(color).replace(/^(semi-dark|super-light|dark|light)-/, "");
  return NAMED[base] ?? color;
}

/** The options of a field: unit, decimals, thresholds, …; overrides by name take precedence. */
export function fieldOf(panel, name) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const field = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of overrides) {
    const isMeant = matcher.id === "byName" ? matcher.options === name
      : matcher.id === "byRegexp" && new RegExp(matcher.options.replace(/^\/|\/$/g, "")).test(name);
    if (!isMeant) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) field.custom[id.slice(7)] = value;
      else field[id] = value;
    }
  }
  return field;
}

/** The colour of a series: fixed, by name, or by index. */
export function seriesColor(field, name, at) {
  if (field.color?.mode === "fixed") return css(field.color.fixedColor);
  if (NAMELESS.test(name)) return NAMED.grey;
  return PALETTE[(places.get(name) ?? at) % PALETTE.length];
}

/** The colour of a value by the field's thresholds or mappings. `fallback` where there are none. */
export function valueColor(field, value, fallback = "var(--text)") {
  const mapped = mapping(field, value)?.color;
  if (mapped) return css(mapped);
  if (field.color?.mode === "fixed") return css(field.color.fixedColor);
  const steps = field.thresholds?.steps ?? [];
  if (typeof value !== "number" || !steps.length) return fallback;
  const base = field.thresholds.mode === "percentage" ? ((value - (field.min ?? 0)) / ((field.max ?? 100) - (field.min ?? 0))) * 100 : value;
  return css(steps.findLast((step) => step.value === null || step.value === undefined || base >= step.value)?.color ?? fallback);
}

/** The text and colour that a mapping assigns to a value, or null. */
export function mapping(field, value) {
  for (const { type, options } of field.mappings ?? []) {
    if (type === "value" && options[String(value)]) return options[String(value)];
    if (type === "range" && typeof value === "number" && value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
    if (type === "special" && (value === null || value === undefined) && ["null", "null+nan", "empty"].includes(options.match)) return options.result;
  }
  return null;
}

/** The last value that is not null; Grafana's other calculations likewise. */
export function reduced(values, calculation = "lastNotNull") {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return null;
  switch (calculation) {
    case "first": case "firstNotNull": return known[0];
    case "min": return known.reduce((one, other) => Math.min(one, other));
    case "max": return known.reduce((one, other) => Math.max(one, other));
    case "sum": return known.reduce((one, other) => one + other, 0);
    case "mean": return known.reduce((one, other) => one + other, 0) / known.length;
    case "count": return known.length;
    default: return known.at(-1);
  }
}
