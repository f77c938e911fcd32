// The wall: rows of panels as large as the screen allows, one screenful after another. Arrow keys turn it by hand.

const SECONDS_PER_SCREEN = 20;
const MOST_GRID_ROWS = 17;

/** Show sections, each with a height in rows of the grid, by the screenful. */
export function turnThrough(sections) {
  const screens = [];
  for (const section of sections) {
    const last = screens.at(-1);
    if (last && last.height + section.height <= MOST_GRID_ROWS) {
      last.sections.push(section);
      last.height += section.height;
    } else screens.push({ sections: [section], height: section.height });
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
