// Focus and scroll position, preserved when a part of the page is redrawn.

const FOCUSABLE = "a, button, input, select, summary, [tabindex='0']";
const SCROLLED = ".scroll";

/** Run `draw`, which replaces the children of `root`, and restore focus and scroll position. */
export function keepingPlace(root, draw) {
  const found = (selector) => [...root.querySelectorAll(selector)];
  const focused = found(FOCUSABLE).indexOf(document.activeElement);
  const scrolled = found(SCROLLED).map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
  draw();
  if (focused >= 0) found(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  found(SCROLLED).forEach((made, at) => Object.assign(made, scrolled[at]));
}
