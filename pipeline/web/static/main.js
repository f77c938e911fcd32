// The page: loads the dashboard, lays out its panels, and refreshes them when the state changes or time passes.

import { ask } from "./api.js";
import { applyTheme, controls, links } from "./controls.js";
import { element } from "./element.js";
import { seedColors } from "./fields.js";
import { clockSeconds, instantNear, ZONE } from "./format.js";
import { bandsOf, turnThrough } from "./kiosk.js";
import { Panel } from "./panel.js";
import { keepingPlace } from "./place.js";
import { parametersOf, question, readState } from "./state.js";

const find = (id) => document.getElementById(id);
const REFRESH = /^(\d+)([sm])$/;

class Page {
  constructor(dashboard, listed) {
    this.dashboard = dashboard;
    this.listed = listed;
    this.state = readState(dashboard);
    this.options = {};
    this.regions = [];
    this.panels = [];
    this.zoom = (from, to) => this.change({ from: String(from), to: String(to) });
  }

  async start() {
    const { title, description } = this.dashboard;
    document.title = `${title} – Sichtflug`;
    find("title").textContent = title;
    find("title").title = description;
    document.body.classList.toggle("kiosk", this.state.kiosk);
    applyTheme(this.state.theme);
    this.drawControls();
    const sections = this.layOut();
    if (this.state.kiosk) turnThrough(sections);
    addEventListener("popstate", () => {
      this.state = readState(this.dashboard);
      this.refresh();
    });
    addEventListener("themechange", () => this.panels.forEach((panel) => panel.draw()));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.isDue) this.refresh();
    });
    document.addEventListener("click", (event) => closeSheets(event.target));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      const summary = document.activeElement?.closest("details[open]")?.querySelector("summary");
      closeSheets(null);
      summary?.focus();
    });
    await this.refresh();
  }

  /** Panels in sections, one for each row; positions within a section count from its top. */
  layOut() {
    const groups = [];
    for (const panel of this.dashboard.panels) {
      if (panel.type === "row") groups.push({ row: panel, panels: [...(panel.panels ?? [])] });
      else {
        if (!groups.length) groups.push({ row: null, panels: [] });
        groups.at(-1).panels.push(panel);
      }
    }
    const filled = groups.filter(({ panels }) => panels.length);
    const sections = (this.state.kiosk ? filled.flatMap(bandsOf) : filled).map(({ row, panels }) => {
      const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
      const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - top;
      const made = panels.map((panel) => new Panel({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top } }, this.dashboard.uid, this));
      const grid = element("div", { className: "grid", hidden: Boolean(row?.collapsed) }, ...made.map((panel) => panel.element));
      for (const panel of made) panel.isShown = () => !grid.hidden;
      this.panels.push(...made);
      const section = element("section", { className: "row", style: { "--rows": String(height) } }, row ? this.rowHead(row, grid, made) : null, grid);
      return { element: section, height, title: row?.title };
    });
    find("panels").replaceChildren(...sections.map((section) => section.element));
    this.changed();
    return sections;
  }

  rowHead(row, grid, panels) {
    const toggle = () => {
      grid.hidden = !grid.hidden;
      button.setAttribute("aria-expanded", String(!grid.hidden));
      if (!grid.hidden) panels.forEach((panel) => panel.load());
      this.changed();
    };
    const button = element("button", { type: "button", "aria-expanded": String(!grid.hidden), on: { click: toggle } }, row.title);
    return element("h2", {}, button);
  }

  /** Redraw only if something changed, because that closes what the user has open, such as a list. */
  drawControls() {
    const shown = JSON.stringify([this.state, this.options]);
    if (shown === this.shownControls) return;
    this.shownControls = shown;
    const open = document.querySelector("#controls details[open]")?.dataset.variable;
    find("dashboards").replaceChildren(...links(this.dashboard, this.listed, this.state));
    keepingPlace(find("controls"), () => {
      find("controls").replaceChildren(...controls(this.dashboard, this.state, (name) => this.options[name] ?? [], (part) => this.change(part), () => this.refresh()));
      // Keep an open list open.
      const again = open && document.querySelector(`#controls details[data-variable="${CSS.escape(open)}"]`);
      if (again) again.open = true;
    });
  }

  change(part) {
    this.state = { ...this.state, ...part };
    history.pushState(null, "", `?${parametersOf(this.state)}`);
    this.refresh();
  }

  async refresh() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    clearTimeout(this.timer);
    this.isDue = false;
    this.drawControls();
    const { uid, variables, hasAnnotations } = this.dashboard;
    const parameters = question(this.state);
    const [regions] = await Promise.all([
      hasAnnotations ? ask(`dashboards/${uid}/annotations`, parameters).catch(() => []) : [],
      ...variables.map(({ name }) => ask(`dashboards/${uid}/variables/${name}`, question({ ...this.state, chosen: {} }))
        .then((options) => (this.options[name] = options)).catch(() => null)),
    ]);
    if (turn !== this.turn) return;
    this.regions = regions;
    for (const options of Object.values(this.options)) seedColors(options.map(({ value }) => value));
    this.drawControls();
    await Promise.all(this.panels.filter((panel) => panel.isShown()).map((panel) => panel.load()));
    if (turn !== this.turn) return;
    find("announcement").textContent = this.failed ? `${this.failed} of ${this.panels.length} panels failed` : "";
    this.schedule();
  }

  schedule() {
    const found = REFRESH.exec(this.state.refresh);
    if (!found) return;
    const seconds = Number(found[1]) * (found[2] === "m" ? 60 : 1);
    this.timer = setTimeout(() => (document.hidden ? (this.isDue = true) : this.refresh()), Math.max(5, seconds) * 1000);
  }

  /** Update counts and the page's watermark, the oldest of its panels, after a panel changed. */
  changed() {
    const shown = this.panels.filter((panel) => panel.isShown?.());
    const count = (...states) => shown.filter(({ state }) => states.includes(state)).length;
    this.failed = count("error");
    Object.assign(document.body.dataset, { panels: shown.length, drawn: count("drawn"), empty: count("empty"), failed: this.failed });
    const known = shown.map(({ watermark }) => watermark).filter((watermark) => watermark?.holds_for_ms > 0);
    const oldest = Math.min(...known.map(({ holds_for_ms }) => holds_for_ms));
    const isStale = known.some(({ is_stale }) => is_stale);
    const holding = find("holding");
    holding.dataset.stale = String(isStale);
    holding.textContent = !known.length ? "" : isStale ? `stale: numbers hold for ${instantNear(oldest)}, nothing newer has come` : `numbers hold for ${clockSeconds(oldest)}`;
    holding.title = `Times are of the zone ${ZONE}`;
  }
}

function closeSheets(inside) {
  for (const details of document.querySelectorAll("details[open]")) if (!inside || !details.contains(inside)) details.open = false;
}

async function main() {
  applyTheme(new URLSearchParams(location.search).get("theme"));
  try {
    const listed = await ask("dashboards");
    if (!listed.length) throw new Error("There are no dashboards.");
    const uid = decodeURIComponent(location.pathname.match(/^\/d\/([^/]+)/)?.[1] ?? "") || listed[0].uid;
    await new Page(await ask(`dashboards/${encodeURIComponent(uid)}`), listed).start();
  } catch (error) {
    find("panels").replaceChildren(element("p", { className: "message", role: "alert" }, error.message));
    document.body.dataset.failed = "1";
    throw error;
  }
}

main();
