// What the tabs of texts share: a text that is judged while it is typed, bars, coloured pieces.

import { ask } from "./api.js";
import { button, field, h, later, latest, select, short } from "./dom.js";
import { answerBox } from "./result.js";

const WAIT_MS = 250;

/** Mounts a tab whose one input is a text. `body(text, model)` is asked, `show(content, text)` shown. */
export function mountText(panel, { models, label, hint, examples, path, body, show, rows = 5 }) {
  const text = h("textarea", { rows });
  const model = select(models.map((each) => [each.name, `${each.name} ${each.version}`]), models[0].name);
  const box = answerBox("Answer");
  const update = latest(async () => {
    if (!text.value.trim()) return;
    const request = { method: "POST", path, json: body(text.value, model.value) };
    const judged = text.value;
    box.busy();
    try {
      const answer = await ask(request);
      box.show(show(answer.content, judged), request, answer);
    } catch (error) {
      box.fail(error);
    }
  });
  const soon = later(update, WAIT_MS);
  text.addEventListener("input", soon);
  model.addEventListener("change", update);
  const pick = (example) => {
    text.value = example;
    update();
  };
  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "form",
        { class: "inputs", onsubmit: (event) => event.preventDefault() },
        h("div", { class: "examples", role: "group", "aria-label": "Examples" }, examples.map(([name, each]) => button(name, () => pick(each), { class: "example" }))),
        field(label, text, hint),
        field("Model", model),
      ),
      box.element,
    ),
  );
  pick(examples[0][1]);
}

/** A bar for each probability, the likeliest first; so many at most. */
export function bars(probabilities, most = 10) {
  const sorted = Object.entries(probabilities).sort(([, a], [, b]) => b - a).slice(0, most);
  return h(
    "div",
    { class: "bars" },
    sorted.map(([name, value]) => {
      const fill = h("i");
      fill.style.width = `${(value * 100).toFixed(1)}%`;
      return [h("span", {}, name), h("span", { class: "bar", "aria-hidden": "true" }, fill), h("span", {}, `${short(value * 100, 3)} %`)];
    }),
  );
}

/** A piece of text on a colour: strength from -1 (speaks against) to 1 (speaks for). */
export function coloured(text, strength, title) {
  const mark = h("mark", { title });
  mark.textContent = text;
  const name = strength < 0 ? "--against" : "--for";
  mark.style.backgroundColor = `rgb(var(${name}) / ${Math.min(1, Math.abs(strength)) * 0.45})`;
  return mark;
}

/** The places of a text as the service counts them: code points. */
export const points = (text) => Array.from(text);
