// The tab Translate: words as they come, other translations, where the network looked.

import { ask, askForEvents } from "./api.js";
import { button, field, h, number, select, short, table } from "./dom.js";
import { SENTENCES } from "./examples.js";
import { answerBox } from "./result.js";
import { matrix } from "./heat.js";

export function needs(service) {
  return service.of("translate").length ? null : "No translator is served. `unroll train translate --data DIR` makes one from pairs of sentences.";
}

export async function mount(panel, service) {
  const models = service.of("translate");
  const { content } = await ask({ method: "GET", path: `/models/${models[0].name}/versions/${models[0].version}` });
  const { source, targets } = content.features;
  const text = h("textarea", { rows: 5, lang: source });
  const target = select(targets, targets[0]);
  const width = number(4, { min: 1, max: 10 });
  const box = answerBox("Translation");
  let stop = new AbortController();

  async function translate() {
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    const json = { text: text.value, target: target.value, ...(models[0].name === "translate" ? {} : { model: models[0].name }) };
    const written = h("p", { class: "big written writing", lang: target.value, role: "status" });
    const more = h("div");
    box.show([written, more]);
    box.busy();
    try {
      const greedy = { method: "POST", path: "/translate", json, accept: "text/event-stream" };
      box.show(null, greedy, await askForEvents(greedy, (piece) => written.append(piece), signal));
      written.classList.remove("writing");
      const beams = { method: "POST", path: "/translate", json: { ...json, beam_width: Number(width.value), num_translations: Number(width.value), attention: true } };
      const answer = await ask(beams, signal);
      const [found] = answer.content.translations;
      const rows = found.candidates.map((each) => [each.text, short(each.probability * 100, 3), short(each.score, 3)]);
      more.replaceChildren(
        table("Translations by their score", ["translation", "probability of a piece (%)", "score"], rows),
        ...(found.attention || []).map((each, index) => matrix(`Where it looked, sentence ${index + 1}: a row a word, a column a piece of the source`, each.source.map(readable), each.words)),
      );
      box.show(null, beams, answer);
    } catch (error) {
      written.classList.remove("writing");
      box.fail(error);
    }
  }

  const pick = (example) => {
    text.value = example;
    translate();
  };
  for (const each of [target, width]) each.addEventListener("change", translate);
  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "form",
        { class: "inputs", onsubmit: (event) => (event.preventDefault(), translate()) },
        h("div", { class: "examples", role: "group", "aria-label": "Examples" }, SENTENCES.map((each) => button(each, () => pick(each), { class: "example" }))),
        field(`Text (${source})`, text),
        h("div", { class: "grid" }, field("Into", target), field("Beams", width)),
        h("p", { class: "row" }, h("button", {}, "Translate")),
      ),
      box.element,
    ),
  );
  pick(SENTENCES[0]);
}

/** A piece of the source as people read it: without the mark of a word's beginning, which is a space. */
const readable = (piece) => piece.replaceAll("\u2581", " ").trim() || "space";
