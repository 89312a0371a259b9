// Renders the Markdown of model cards: headings, lists, tables, code. Knows no model.

import { h } from "./dom.js";

/** Elements for a text. Nothing in it becomes HTML, and pictures and links are left as words. */
export function markdown(text) {
  const lines = text.split("\n");
  const made = [];
  let at = 0;
  const take = (test) => {
    const found = [];
    while (at < lines.length && test(lines[at])) found.push(lines[at++]);
    return found;
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (!line.trim()) at += 1;
    else if (heading) {
      // The page has the levels above.
      made.push(h(`h${Math.min(6, heading[1].length + 3)}`, {}, inline(heading[2])));
      at += 1;
    } else if (line.startsWith("```")) {
      at += 1;
      const code = take((each) => !each.startsWith("```"));
      at += 1;
      made.push(h("pre", { tabindex: "0" }, h("code", {}, code.join("\n"))));
    } else if (line.startsWith("    ")) {
      const code = take((each) => each.startsWith("    ") || !each.trim());
      made.push(h("pre", { tabindex: "0" }, h("code", {}, code.map((each) => each.slice(4)).join("\n").trimEnd())));
    } else if (line.startsWith("|")) made.push(tableOf(take((each) => each.startsWith("|"))));
    else if (isItem(line)) made.push(list(take((each) => isItem(each) || /^\s+\S/.test(each))));
    else made.push(h("p", {}, inline(take((each) => each.trim() && !/^(#|\||```)/.test(each) && !isItem(each)).join(" "))));
  }
  return made;
}

const isItem = (line) => /^\s*([-*]|\d+\.)\s/.test(line);

function list(lines) {
  const items = [];
  for (const line of lines) {
    if (isItem(line)) items.push(line.replace(/^\s*([-*]|\d+\.)\s+/, ""));
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  const tag = /^\s*\d/.test(lines[0]) ? "ol" : "ul";
  return h(tag, {}, items.map((each) => h("li", {}, inline(each))));
}

function tableOf(lines) {
  const cells = (line) => line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((each) => each.trim().replaceAll("\\|", "|"));
  const [head, ruler, ...rest] = lines;
  const body = ruler && /^[\s|:-]+$/.test(ruler) ? rest : lines.slice(1);
  const row = (tag, line, attributes) => h("tr", {}, cells(line).map((each) => h(tag, attributes, inline(each))));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", {}, h("thead", {}, row("th", head, { scope: "col" })), h("tbody", {}, body.map((each) => row("td", each, {})))),
  );
}

function inline(text) {
  const parts = [];
  let rest = text;
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|!?\[([^\]]*)\]\(([^)\s]+)\)/;
  for (let found = pattern.exec(rest); found; found = pattern.exec(rest)) {
    parts.push(rest.slice(0, found.index));
    if (found[1]) parts.push(h("code", {}, found[1]));
    else if (found[2]) parts.push(h("strong", {}, inline(found[2])));
    else parts.push(found[4].includes("://") ? `${found[3]} (${found[4]})` : found[3]);
    rest = rest.slice(found.index + found[0].length);
  }
  return [...parts, rest];
}
