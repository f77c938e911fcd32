// Links to the other dashboards, variables, time range, refresh and theme: native elements, each with its label.

import { element } from "./element.js";
import { ALL, linkTarget, parametersOf } from "./state.js";

const RANGES = [
  ["now-15m", "Last 15 minutes"], ["now-1h", "Last hour"], ["now-3h", "Last 3 hours"], ["now-6h", "Last 6 hours"], ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"], ["now-2d", "Last 2 days"], ["now-7d", "Last 7 days"], ["now-30d", "Last 30 days"], ["now-90d", "Last 90 days"],
];
const REFRESHES = [["", "off"], ["10s", "10 s"], ["30s", "30 s"], ["1m", "1 min"], ["5m", "5 min"]];

/** The links of the dashboard: to dashboards by tag, and to addresses. */
export function links(dashboard, listed, state) {
  const made = [];
  const add = (url, title, link, isCurrent) => {
    const target = linkTarget(url, state, { keepTime: link.keepTime, keepVariables: link.includeVars });
    if (target) made.push(element("a", { href: target, title: link.tooltip || null, "aria-current": isCurrent ? "page" : null }, title));
  };
  const all = { type: "dashboards", tags: [], keepTime: true, includeVars: true };
  for (const link of dashboard.links.length ? dashboard.links : [all]) {
    if (link.type !== "dashboards") add(link.url, link.title, link, false);
    else for (const { uid, title, tags } of listed.filter((one) => link.tags.every((tag) => one.tags.includes(tag)))) add(`/d/${uid}`, title, link, uid === dashboard.uid);
  }
  return made;
}

/** The controls of a dashboard. `change(part)` receives changes of the state, `options(name)` returns the options. */
export function controls(dashboard, state, options, change, refresh) {
  const variables = dashboard.variables.filter(({ hide }) => hide !== 2).map((variable) => {
    const choose = (values) => change({ chosen: { ...state.chosen, [variable.name]: values } });
    return (variable.multi ? severalOf : oneOf)(variable, options(variable.name), state.chosen[variable.name] ?? [ALL], choose);
  });
  return [...variables, timeRange(state, change), labelled("Refresh", selectOf(withCurrent(REFRESHES, state.refresh), state.refresh, (value) => change({ refresh: value }))),
    element("button", { type: "button", on: { click: refresh } }, "Refresh now"), themeButton(),
    element("a", { className: "button", href: `?${parametersOf({ ...state, kiosk: true })}` }, "Wall")];
}

function oneOf(variable, options, chosen, choose) {
  const choices = [...(variable.includeAll ? [[ALL, "All"]] : []), ...options.map(({ text, value }) => [value, text])];
  return labelled(variable.label || variable.name, selectOf(withCurrent(choices, chosen[0]), chosen[0], (value) => choose([value])));
}

function severalOf(variable, options, chosen, choose) {
  const isAll = chosen.includes(ALL);
  const name = variable.label || variable.name;
  const known = options.map(({ value }) => value);
  const texts = [...options, ...chosen.filter((value) => value !== ALL && !known.includes(value)).map((value) => ({ text: value, value }))];
  const box = (text, value, isChecked, changed) => element("label", {}, element("input", { type: "checkbox", value, checked: isChecked, on: { change: changed } }), text);
  const changed = (value) => (event) => {
    const rest = chosen.filter((one) => one !== ALL && one !== value);
    const values = event.target.checked ? [...rest, value] : rest;
    choose(values.length ? values : [ALL]);
  };
  const boxes = [box("All", ALL, isAll, () => choose([ALL])), ...texts.map(({ text, value }) => box(text, value, !isAll && chosen.includes(value), changed(value)))];
  const summary = isAll ? "All" : chosen.length > 2 ? `${chosen.length} chosen` : chosen.join(", ");
  return element("details", { className: "choice", "data-variable": variable.name },
    element("summary", {}, element("span", { className: "quiet" }, name), ` ${summary}`),
    element("fieldset", { className: "sheet" }, element("legend", { className: "unseen" }, name), ...boxes));
}

function timeRange(state, change) {
  const isPreset = state.to === "now" && state.from.startsWith("now-");
  const isAbsolute = Boolean(localText(state.from) && localText(state.to));
  const current = isPreset ? state.from : isAbsolute ? "absolute" : `${state.from} to ${state.to}`;
  const from = element("input", { type: "datetime-local", value: localText(state.from), required: true });
  const to = element("input", { type: "datetime-local", value: localText(state.to), required: true });
  const apply = () => {
    if (from.reportValidity() && to.reportValidity()) change({ from: String(new Date(from.value).getTime()), to: String(new Date(to.value).getTime()) });
  };
  const absolute = element("span", { className: "absolute", hidden: !isAbsolute }, labelled("From", from), labelled("to", to), element("button", { type: "button", on: { click: apply } }, "Apply"));
  const select = selectOf(withCurrent([...RANGES, ["absolute", "From … to …"]], current), current, (value) => {
    absolute.hidden = value !== "absolute";
    if (value !== "absolute") change({ from: value, to: "now" });
    else {
      from.value ||= localText(Date.now() - 6 * 3600e3);
      to.value ||= localText(Date.now());
    }
  });
  return element("span", { className: "range" }, labelled("Time", select), absolute);
}

/** Dark, light, or the system's theme. */
export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme || stored() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function themeButton() {
  const toggle = () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", theme);
    } catch { /* Without storage it holds for this page. */ }
    applyTheme(theme);
    dispatchEvent(new Event("themechange"));
  };
  return element("button", { type: "button", on: { click: toggle } }, "Light / dark");
}

function stored() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

const labelled = (text, control) => element("label", {}, element("span", { className: "quiet" }, text), " ", control);
const withCurrent = (choices, value) => (choices.some(([one]) => one === value) ? choices : [...choices, [value, value]]);

function selectOf(choices, current, changed) {
  return element("select", { on: { change: (event) => changed(event.target.value) } },
    ...choices.map(([value, text]) => element("option", { value, selected: value === current }, text)));
}

/** Epoch milliseconds as the value of a datetime-local input; empty for anything else, such as now-6h. */
function localText(milliseconds) {
  const at = new Date(Number(milliseconds));
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60e3);
  return Number.isNaN(local.getTime()) ? "" : local.toISOString().slice(0, 16);
}
