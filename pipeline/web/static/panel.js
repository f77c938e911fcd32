// One panel: a labelled region that fetches and draws its data, and says if there is none, it is stale, or it failed.

import { ask } from "./api.js";
import { Chart } from "./chart.js";
import { element } from "./element.js";
import { fieldOf } from "./fields.js";
import { barChart, barGauge, figuresOf, gauge, stat } from "./figures.js";
import { clock, instant, instantNear } from "./format.js";
import { markdown } from "./markdown.js";
import { keepingPlace } from "./place.js";
import { linkTarget, question } from "./state.js";
import { asColumns, table } from "./table.js";

const FIGURES = { stat, gauge, bargauge: barGauge, barchart: barChart };

export class Panel {
  /** `page` provides state, regions and zoom, and is notified of changes by `changed()`. */
  constructor(definition, uid, page) {
    this.definition = definition;
    this.uid = uid;
    this.page = page;
    this.asTable = false;
    this.sorting = {};
    const { id, title, type, description, gridPos } = definition;
    this.body = element("div", { className: "body" });
    this.message = element("p", { className: "message", id: `message-${id}` });
    this.holds = element("p", { className: "holds" });
    const heading = element("h3", { id: `panel-${id}` }, title || "");
    this.menu = this.menuOf(description);
    const head = element("header", {}, heading, this.menu);
    if (!title && type === "text") head.className = "unseen";
    this.element = element("section", {
      className: "panel", "data-type": type, "data-panel": String(id), "aria-labelledby": `panel-${id}`, "aria-describedby": `message-${id}`,
      style: { "--x": gridPos.x + 1, "--y": gridPos.y + 1, "--w": gridPos.w, "--h": gridPos.h },
    }, head, this.body, this.message, this.holds);
    this.show(type === "text" ? "drawn" : "loading");
    if (type === "text") this.body.append(markdown(definition.options?.content ?? "", page.state));
  }

  menuOf(description) {
    const { title, type, links = [] } = this.definition;
    const parts = description ? [element("p", {}, description)] : [];
    if (!["table", "text"].includes(type)) {
      const toggle = (event) => {
        this.asTable = !this.asTable;
        event.target.setAttribute("aria-pressed", String(this.asTable));
        this.draw();
      };
      parts.push(element("button", { type: "button", "aria-pressed": "false", on: { click: toggle } }, "Show as table"));
    }
    for (const link of links) {
      const target = linkTarget(link.url ?? "", this.page.state, { keepTime: link.keepTime, keepVariables: link.includeVars });
      if (target) parts.push(element("a", { href: target }, link.title));
    }
    if (!parts.length) return null;
    const menu = element("details", { className: "menu" }, element("summary", { "aria-label": `About ${title}`, title: "What is this?" }, "?"), element("div", { className: "sheet" }, ...parts));
    return menu;
  }

  /** Refresh. The old drawing stays until the new one is ready. */
  async load() {
    const { id, type } = this.definition;
    if (type === "text") return;
    this.underway?.abort();
    const underway = (this.underway = new AbortController());
    this.element.setAttribute("aria-busy", "true");
    try {
      const width = Math.max(100, Math.round(this.body.clientWidth));
      this.answer = await ask(`dashboards/${this.uid}/panels/${id}`, question(this.page.state, { width }), underway.signal);
      this.draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.answer = null;
      this.clear();
      this.show("error", error.message);
    }
    this.element.removeAttribute("aria-busy");
  }

  draw() {
    if (this.answer) keepingPlace(this.body, () => this.drawAnswer());
  }

  drawAnswer() {
    this.showWatermark(this.answer.watermark);
    const frames = this.answer.frames.filter(hasValues);
    const before = this.chart;
    this.clear();
    const isBlank = this.definition.type === "stat" && figuresOf(this.definition, frames).every(({ value }) => value === null);
    if (!frames.length || isBlank) return this.show("empty", fieldOf(this.definition, "").noValue || "No data in this range.");
    try {
      this.body.append(this.drawing(frames, before));
      this.show("drawn");
    } catch (error) {
      console.error(error);
      this.clear();
      this.show("error", `Cannot be drawn: ${error.message}`);
    }
  }

  drawing(frames, before) {
    const { type } = this.definition;
    if (type === "table" || this.asTable) {
      return element("div", { className: "stack" }, ...frames.map((frame, at) => table(this.definition, frame.columns ?? asColumns(frame), this.page.state, (this.sorting[at] ??= {}))));
    }
    if (FIGURES[type]) return FIGURES[type](this.definition, frames);
    const series = frames.filter((frame) => frame.series);
    if (type !== "timeseries" || !series.length) throw new Error(`a panel of the kind ${type} is not known here`);
    this.chart = new Chart(this.definition, { ...this.answer, frames: series }, this.page.regions, this.page.zoom);
    if (before) this.chart.goOnFrom(before);
    return this.chart.element;
  }

  clear() {
    this.chart?.destroy();
    this.chart = null;
    this.body.replaceChildren();
  }

  show(state, text = "") {
    this.state = state;
    this.element.dataset.state = state;
    this.message.textContent = text;
    this.page.changed();
  }

  showWatermark(watermark) {
    this.watermark = watermark;
    const isKnown = watermark && watermark.holds_for_ms > 0;
    this.element.dataset.stale = String(Boolean(watermark?.is_stale));
    this.holds.textContent = !isKnown ? "" : watermark.is_stale ? `stale: holds for ${instantNear(watermark.holds_for_ms)}` : `holds for ${clock(watermark.holds_for_ms)}`;
    this.holds.title = isKnown ? `These numbers hold for ${instant(watermark.holds_for_ms)}` : "";
  }
}

/** Whether a table has rows or a series has a value. */
function hasValues({ columns, series }) {
  if (columns) return columns.length > 0 && columns[0].values.length > 0;
  return series.some(({ values }) => values.some((value) => value !== null));
}
