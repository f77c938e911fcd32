// Tables: rows of a query, and the numbers behind a chart as an alternative to it.

import { element } from "./element.js";
import { fieldOf, mapping, valueColor } from "./fields.js";
import { formatted, instant } from "./format.js";
import { linkTarget } from "./state.js";

const MOST_ROWS = 1000;

/** A table that can be sorted by its column heads. `sorting` keeps the user's sorting for the next drawing. */
export function table(panel, columns, state, sorting) {
  const fields = columns.map((column) => fieldOf(panel, column.name));
  const shown = columns.map((_, at) => at).filter((at) => !fields[at].custom.hidden);
  const order = columns[0].values.map((_, at) => at);
  const sorted = sorting.by ? { displayName: sorting.by, desc: sorting.descending } : panel.options?.sortBy?.[0];
  let sortedBy = sorted ? columns.findIndex((column, at) => [column.name, fields[at].displayName].includes(sorted.displayName)) : -1;
  let descending = Boolean(sorted?.desc);
  const body = element("tbody");
  const heads = shown.map((at) => {
    const sort = () => {
      descending = sortedBy === at ? !descending : columns[at].kind === "number";
      sortedBy = at;
      Object.assign(sorting, { by: columns[at].name, descending });
      draw();
    };
    const name = fields[at].displayName ?? columns[at].name.replaceAll("_", " ");
    return element("th", { scope: "col", "data-kind": columns[at].kind }, element("button", { type: "button", on: { click: sort } }, name));
  });
  const head = element("thead", {}, element("tr", {}, ...heads));
  if (panel.options?.showHeader === false) head.className = "unseen";

  function draw() {
    if (sortedBy >= 0) {
      const values = columns[sortedBy].values;
      order.sort((one, other) => compared(values[one], values[other]) * (descending ? -1 : 1));
    }
    heads.forEach((cell, place) => {
      if (shown[place] === sortedBy) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    body.replaceChildren(...order.slice(0, MOST_ROWS).map((row) => element("tr", {}, ...shown.map((at) => cell(at, row)))));
  }

  function cell(at, row) {
    const value = columns[at].values[row];
    const text = mapping(fields[at], value)?.text ?? (columns[at].kind === "time" && value !== null ? instant(value) : formatted(value, fields[at].unit, fields[at].decimals));
    const colored = String(fields[at].custom.cellOptions?.type ?? "").startsWith("color");
    const made = element("td", { "data-kind": columns[at].kind });
    if (colored) made.style.color = valueColor(fields[at], value);
    const link = fields[at].links?.[0];
    const record = () => Object.fromEntries(columns.map((column) => [column.name, column.values[row]]));
    const target = link ? linkTarget(link.url, state, { row: record(), value }) : null;
    made.append(target ? element("a", { href: target, title: link.title ?? "", target: link.targetBlank ? "_blank" : "", rel: "noopener" }, text) : text);
    return made;
  }

  draw();
  const made = element("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": `${panel.title}, table` }, element("table", {}, head, body));
  if (order.length > MOST_ROWS) made.append(element("p", { className: "quiet" }, `The first ${MOST_ROWS} of ${order.length} rows.`));
  return made;
}

/** A time series as columns, newest first, so that `table` can show it. */
export function asColumns(frame) {
  const newest = (values) => values.toReversed();
  const columns = frame.series.map(({ name, values }) => ({ name, kind: "number", values: newest(values) }));
  return [{ name: "time", kind: "time", values: newest(frame.times) }, ...columns];
}

function compared(one, other) {
  if (one === other) return 0;
  if (one === null) return -1;
  if (other === null) return 1;
  return one < other ? -1 : 1;
}
