// The state of the page is in the URL, like Grafana's: from, to, refresh, var-NAME, kiosk, theme.

export const ALL = "$__all";

/** The state from the URL, with the dashboard's defaults. */
export function readState(dashboard, search = location.search) {
  const given = new URLSearchParams(search);
  const chosen = {};
  for (const variable of dashboard.variables) {
    const values = given.getAll(`var-${variable.name}`);
    const own = variable.current?.value;
    const fallback = own === undefined || own === null ? [ALL] : [own].flat();
    chosen[variable.name] = values.length ? values : fallback.map(String);
  }
  return {
    from: given.get("from") || dashboard.time.from,
    to: given.get("to") || dashboard.time.to,
    refresh: given.has("refresh") ? given.get("refresh") : dashboard.refresh,
    kiosk: given.has("kiosk"),
    theme: given.get("theme") || "",
    chosen,
  };
}

/** Query parameters of a state: all, or those that links keep. */
export function parametersOf(state, { time = true, variables = true, view = true } = {}) {
  const made = new URLSearchParams();
  if (time) {
    made.set("from", state.from);
    made.set("to", state.to);
  }
  if (variables) {
    for (const [name, values] of Object.entries(state.chosen)) for (const value of values) made.append(`var-${name}`, value);
  }
  if (view) {
    made.set("refresh", state.refresh);
    if (state.kiosk) made.set("kiosk", "");
    if (state.theme) made.set("theme", state.theme);
  }
  return made;
}

/** Parameters of a request to the server. */
export function question(state, more = {}) {
  const made = parametersOf(state, { view: false });
  for (const [name, value] of Object.entries(more)) made.set(name, value);
  return made;
}

const PLACEHOLDER = /\$\{([^}]+)\}/g;

/**
 * The address of a link of a dashboard or panel, with Grafana's placeholders filled in; null when it is not a place that
 * may be linked to. `row` gives a table's values by column, `value` that of its own cell.
 */
export function linkTarget(url, state, { row = {}, value = "", keepTime = false, keepVariables = false } = {}) {
  const time = parametersOf(state, { variables: false, view: false }).toString();
  const variables = parametersOf(state, { time: false, view: false }).toString();
  const filled = url.replace(PLACEHOLDER, (whole, name) => {
    const field = name.match(/^__data\.fields(?:\.(\w+)|\[["']?([^"'\]]+)["']?\])(?:\.\w+)?$/);
    if (field) return encodeURIComponent(row[field[1] ?? field[2]] ?? "");
    if (name === "__value.raw" || name === "__value.text") return encodeURIComponent(value ?? "");
    if (name === "__url_time_range") return time;
    if (name === "__all_variables") return variables;
    if (name === "__from") return encodeURIComponent(state.from);
    if (name === "__to") return encodeURIComponent(state.to);
    const [variable, form] = name.split(":");
    const chosen = state.chosen[variable] ?? [];
    if (form === "queryparam") return chosen.map((one) => `var-${variable}=${encodeURIComponent(one)}`).join("&");
    return chosen.map(encodeURIComponent).join(",");
  });
  const isLocal = filled.startsWith("/") && !filled.startsWith("//") && !filled.startsWith("/\\");
  if (!isLocal && !/^https?:\/\//i.test(filled)) return null;
  const kept = [keepTime ? time : "", keepVariables ? variables : ""].filter(Boolean).join("&");
  return kept ? `${filled}${filled.includes("?") ? "&" : "?"}${kept}` : filled;
}
