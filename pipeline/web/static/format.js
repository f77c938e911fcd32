// Formatting of numbers and instants, by Grafana's unit names.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECOND = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
// 2026-03-01, the same everywhere; and 1 Mar where there is little room.
const DAY = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" });
const SHORT_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const THOUSANDS = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, " K"]];
const BYTES = [[2 ** 40, " TiB"], [2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]];
const SPANS = [[604800, " w"], [86400, " d"], [3600, " h"], [60, " min"], [1, " s"]];

/** A value with its unit, as text. With `decimals` null, as many as are useful. Text stays text, null is a dash. */
export function formatted(value, unit = "none", decimals = null) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (unit.startsWith("suffix:")) return `${grouped(value, decimals)} ${unit.slice(7).trim()}`;
  if (unit.startsWith("prefix:")) return `${unit.slice(7).trim()} ${grouped(value, decimals)}`;
  switch (unit) {
    case "percentunit": return `${grouped(value * 100, decimals)} %`;
    case "percent": return `${grouped(value, decimals)} %`;
    case "short": return scaled(value, THOUSANDS, decimals, "");
    case "bytes": case "decbytes": return scaled(value, BYTES, decimals, " B");
    case "s": case "dtdurations": return span(value, decimals);
    case "ms": case "dtdurationms": return Math.abs(value) < 1000 ? `${grouped(value, decimals)} ms` : span(value / 1000, decimals);
    case "m": return span(value * 60, decimals);
    case "h": return span(value * 3600, decimals);
    case "reqps": return `${scaled(value, THOUSANDS, decimals, "")} req/s`;
    case "ops": return `${scaled(value, THOUSANDS, decimals, "")} ops/s`;
    case "cps": case "eps": return `${scaled(value, THOUSANDS, decimals, "")} /s`;
    case "dateTimeAsIso": case "dateTimeFromNow": case "time": return instant(value);
    case "bool": return value ? "true" : "false";
    default: return grouped(value, decimals);
  }
}

/** Day and time of an instant in epoch ms, in the zone of the browser. */
export const instant = (milliseconds) => `${day(milliseconds)} ${SECOND.format(milliseconds)}`;
export const day = (milliseconds) => DAY.format(milliseconds);
export const shortDay = (milliseconds) => SHORT_DAY.format(milliseconds);
export const clock = (milliseconds) => TIME.format(milliseconds);
export const clockSeconds = (milliseconds) => SECOND.format(milliseconds);

/** An instant next to others of a range: the day only where it is not today. */
export function instantNear(milliseconds, now = Date.now()) {
  return day(milliseconds) === day(now) ? clock(milliseconds) : `${day(milliseconds)} ${clock(milliseconds)}`;
}

function grouped(value, decimals) {
  const digits = decimals ?? (Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return value.toLocaleString("en", { minimumFractionDigits: decimals ?? 0, maximumFractionDigits: digits }).replaceAll(",", " ");
}

function scaled(value, steps, decimals, smallest) {
  const [size, suffix] = steps.find(([step]) => Math.abs(value) >= step) ?? [1, smallest];
  return grouped(value / size, size > 1 ? decimals || null : decimals) + suffix;
}

function span(seconds, decimals) {
  if (seconds === 0) return "0 s";
  if (Math.abs(seconds) < 1) return `${grouped(seconds * 1000, 0)} ms`;
  const at = SPANS.findIndex(([step]) => Math.abs(seconds) >= step);
  const [step, name] = SPANS[at];
  if (step === 1) return `${grouped(seconds, decimals)}${name}`;
  const whole = Math.trunc(seconds / step);
  const [smaller, smallerName] = SPANS[at + 1];
  const rest = Math.trunc(Math.abs(seconds % step) / smaller);
  return rest ? `${whole}${name} ${rest}${smallerName}` : `${whole}${name}`;
}
