// The subset of Markdown in text panels: headings, lists, paragraphs, code, emphasis, links.

import { element } from "./element.js";
import { linkTarget } from "./state.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function markdown(text, state) {
  const made = element("div", { className: "prose" });
  for (const block of text.trim().split(/\n\s*\n/)) {
    const lines = block.split("\n");
    const heading = lines[0].match(/^(#{1,4})\s+(.*)/);
    if (heading) {
      made.append(element("h4", {}, ...inline(heading[2], state)));
      lines.shift();
    }
    if (!lines.length) continue;
    const kind = lines.every((line) => /^\s*([-*]|\d+\.)\s/.test(line)) ? (/^\s*\d/.test(lines[0]) ? "ol" : "ul") : "p";
    if (kind === "p") made.append(element("p", {}, ...inline(lines.join(" "), state)));
    else made.append(element(kind, {}, ...lines.map((line) => element("li", {}, ...inline(line.replace(/^\s*([-*]|\d+\.)\s/, ""), state)))));
  }
  return made;
}

function inline(text, state) {
  const parts = [];
  let position = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(position, found.index));
    position = found.index + found[0].length;
    const target = found[5] ? linkTarget(found[5], state, { keepTime: found[5].startsWith("/d/"), keepVariables: found[5].startsWith("/d/") }) : null;
    if (found[1]) parts.push(element("code", {}, found[1]));
    else if (found[2]) parts.push(element("strong", {}, found[2]));
    else if (found[3]) parts.push(element("em", {}, found[3]));
    else parts.push(target ? element("a", { href: target }, found[4]) : found[4]);
  }
  return [...parts, text.slice(position)];
}
