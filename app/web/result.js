// What stands under every answer: errors in the service's words, where the time went, and the
// request to copy. Knows no task.

import { h, short, unique } from "./dom.js";
import { SNIPPETS } from "./snippets.js";

/** A place for answers: busy(), show(content, request, answer), fail(problem). */
export function answerBox(label) {
  const status = h("p", { class: "status", role: "status" });
  const problem = h("div", { class: "problem", role: "alert", hidden: true });
  const content = h("div", { class: "content" });
  const foot = h("div", { class: "foot" });
  const element = h("section", { class: "answer", "aria-label": label }, status, problem, content, foot);
  return {
    element,
    content,
    say: (text) => status.replaceChildren(text),
    busy() {
      element.setAttribute("aria-busy", "true");
    },
    show(node, request, answer) {
      element.removeAttribute("aria-busy");
      problem.hidden = true;
      if (node) content.replaceChildren(...[node].flat().filter(Boolean));
      if (request) showFoot(foot, request, answer);
    },
    fail(error) {
      element.removeAttribute("aria-busy");
      if (error.name === "AbortError") return;
      problem.hidden = false;
      problem.replaceChildren(...inWords(error));
    },
  };
}

/** An error as the service says it, with what is allowed. */
export function inWords(error) {
  const lines = (error.errors || []).map((each) =>
    h("li", {}, h("code", {}, each.field), `: ${each.message}`, each.allowed ? ` (allowed: ${each.allowed})` : ""),
  );
  return [
    h("strong", {}, error.title || "Something went wrong"),
    lines.length ? h("ul", {}, lines) : h("p", {}, error.message),
    error.requestId ? h("p", { class: "hint" }, `Request ${error.requestId}`) : "",
  ].filter(Boolean);
}

function showFoot(foot, request, answer) {
  // Whether the request is open is the reader's choice, also when the next answer comes.
  const open = foot.querySelector("details")?.open || false;
  const chosen = foot.querySelector("[aria-pressed=true]")?.dataset.language || "curl";
  foot.replaceChildren(timeSpent(answer.timing), copyable(request, chosen, open));
}

/** A bar and words: the queue, the network, the rest of the service, the way here and back. */
function timeSpent(timing) {
  const { queue = 0, inference = 0, total = timing.elapsed, elapsed, begun } = timing;
  // Of an answer in pieces the service tells only when it began.
  const parts = begun
    ? [["until the first piece", begun], ["the pieces", elapsed - begun]]
    : [
        ["queue", queue],
        ["network", inference],
        ["rest of the service", Math.max(0, total - queue - inference)],
        ["on the way, and the browser", Math.max(0, elapsed - total)],
      ];
  const sum = parts.reduce((all, [, ms]) => all + ms, 0) || 1;
  const bar = h("div", { class: "time-bar", "aria-hidden": "true" });
  for (const [index, [, ms]] of parts.entries()) {
    const piece = h("span", { class: `part-${index}` });
    piece.style.flexGrow = ms / sum;
    bar.append(piece);
  }
  const words = parts.map(([name, ms], index) =>
    h("li", {}, h("span", { class: `dot part-${index}`, "aria-hidden": "true" }), `${name} ${short(ms, 3)} ms`),
  );
  return h("div", { class: "time" }, h("h3", {}, "Where the time went"), bar, h("ul", {}, words));
}

function copyable(request, chosen, open) {
  const code = h("code");
  const pre = h("pre", { tabindex: "0", "aria-label": "The request as code" }, code);
  const done = h("span", { role: "status", class: "hint" });
  const buttons = ["curl", "Python", "JavaScript"].map((language) => {
    const show = () => {
      for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset.language === language));
      code.textContent = SNIPPETS[language](request);
      done.textContent = "";
    };
    return h("button", { type: "button", class: "quiet", "data-language": language, onclick: show }, language);
  });
  const copy = async () => {
    await navigator.clipboard.writeText(code.textContent);
    done.textContent = "Copied.";
  };
  buttons.find((each) => each.dataset.language === chosen).click();
  const id = unique("request");
  return h(
    "details",
    { open, id },
    h("summary", {}, "The same request as code"),
    h("p", { class: "row" }, buttons, h("button", { type: "button", onclick: copy }, "Copy"), done),
    pre,
  );
}
