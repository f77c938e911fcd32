// Where a person is on the page: what has the focus and how far it is scrolled stays so when a part is drawn anew.

const FOCUSABLE = "a, button, input, select, summary, [tabindex='0']";
const SCROLLED = ".scroll";

/** Run `draw`, which replaces the children of `root`, and put focus and scrolling back to where they were. */
export function keepingPlace(root, draw) {
  const found = (selector) => [...root.querySelectorAll(selector)];
  const focused = found(FOCUSABLE).indexOf(document.activeElement);
  const scrolled = found(SCROLLED).map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
  draw();
  if (focused >= 0) found(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  found(SCROLLED).forEach((made, at) => Object.assign(made, scrolled[at]));
}
