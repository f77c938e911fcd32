// Kiosk mode: rows of panels as large as the screen allows, one screenful after another. Arrow keys turn pages.

const SECONDS_PER_SCREEN = 20;
const MOST_GRID_ROWS = 17;

/** Cut a group of panels into bands that can be on different screens, so that no panel spans two. */
export function bandsOf({ row, panels }) {
  const bands = [];
  let bottom = -1;
  for (const panel of panels.toSorted((one, other) => one.gridPos.y - other.gridPos.y)) {
    if (panel.gridPos.y >= bottom) bands.push({ row, panels: [] });
    bands.at(-1).panels.push(panel);
    bottom = Math.max(bottom, panel.gridPos.y + panel.gridPos.h);
  }
  return bands;
}

/** Show sections by the screenful, each with its height in grid rows and its row's title. */
export function turnThrough(sections) {
  const screens = [];
  for (const section of sections) {
    const last = screens.at(-1);
    const isSameRow = last?.sections.at(-1).title === section.title;
    const height = section.height + (isSameRow ? 0 : 1);
    if (last && last.height + height <= MOST_GRID_ROWS) {
      section.element.querySelector("h2")?.classList.toggle("unseen", isSameRow);
      last.sections.push(section);
      last.height += height;
    } else screens.push({ sections: [section], height: section.height + 1 });
  }
  let shown = 0;
  let held = false;
  const show = (at) => {
    shown = (at + screens.length) % screens.length;
    screens.forEach((screen, place) => screen.sections.forEach(({ element }) => (element.hidden = place !== shown)));
    document.body.dataset.screen = `${shown + 1} / ${screens.length}`;
  };
  show(0);
  addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) {
      held = true;
      show(shown + by);
    } else if (event.key === " ") held = !held;
  });
  setInterval(() => {
    if (!held) show(shown + 1);
  }, SECONDS_PER_SCREEN * 1000);
}
