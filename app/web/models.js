// The tab Models: what is served, cards, licences, and two versions on the same input.

import { ask } from "./api.js";
import { button, field, h, select, short } from "./dom.js";
import { PAPERS, PROMPTS, SENTENCES, SENTIMENTS, SERIES } from "./examples.js";
import { markdown } from "./markdown.js";
import { answerBox } from "./result.js";

// What each task is asked with to compare two versions; an image would not fit into a text.
const INPUTS = {
  forecast: () => ({ series: SERIES[0].values, horizon: 6, frequency: "MS" }),
  sentiment: () => ({ text: SENTIMENTS[0] }),
  authorship: () => ({ text: PAPERS[0].text }),
  translate: () => ({ text: SENTENCES[0], target: "de" }),
  generate: () => ({ prompt: PROMPTS[0], max_length: 80, seed: 1 }),
};

export const needs = () => null;

export function mount(panel, service) {
  const shown = h("section", { class: "answer prose", "aria-live": "polite", hidden: true });
  const cards = (models, kind) => models.map((each) => card(each, kind, shown));
  panel.append(
    h("p", {}, "What the service serves. Licences are those of the weights, as their cards state them; the mark is a reading of that text, and the text counts."),
    h("div", { class: "cards" }, cards(service.models, "served"), cards(service.candidates, "candidate")),
    shown,
    h("h3", {}, "Refused versions"),
    service.refused.length
      ? h("ul", {}, service.refused.map((each) => h("li", {}, `${each.name} ${each.version}: ${each.reason}`)))
      : h("p", {}, "None: every version in the repository passed its checks."),
    h("h3", {}, "Compare"),
    comparison([...service.models, ...service.candidates].filter((each) => each.task in INPUTS)),
  );
}

/** Whether the licence lets the weights be used commercially, as far as its words tell. */
export function commercial(license) {
  if (/non-?commercial|research (only|and)|for research/i.test(license)) return ["bad", "not for commercial use"];
  if (/not settled|your own case/i.test(license)) return ["unsure", "read the licence"];
  if (/apache-2\.0|\bMIT\b|\bBSD\b|CC0|CC BY 4\.0/i.test(license)) return ["good", "commercial use allowed"];
  return ["unsure", "ask whoever trained it"];
}

function card(model, kind, shown) {
  const [mark, words] = commercial(model.license);
  const row = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
  const where = `/models/${model.name}/versions/${model.version}`;
  const open = async (path, rendered) => {
    try {
      const { content } = await ask({ method: "GET", path });
      shown.replaceChildren(...rendered(content));
    } catch (problem) {
      shown.replaceChildren(h("p", {}, problem.message));
    }
    shown.hidden = false;
    shown.scrollIntoView({ block: "nearest" });
  };
  const whole = (content) => [h("h4", {}, `Manifest of ${model.name} ${model.version}`), h("pre", { tabindex: "0" }, JSON.stringify(content, null, 1))];
  const named = (words) => ({ "aria-label": `${words} of ${model.name} ${model.version}` });
  return h(
    "article",
    { class: "card" },
    h("h3", {}, `${model.name} ${model.version}`, kind === "candidate" ? " (candidate)" : ""),
    h("p", {}, model.description),
    h("p", { class: "row" }, h("span", { class: `tag ${mark}` }, words), model.streams ? h("span", { class: "tag" }, "streams") : null),
    h("dl", {}, row("task", model.task), row("cell", model.cell), row("weights", model.parameters.toLocaleString("en")), row("made", model.created.slice(0, 10)), row("licence", model.license)),
    h("p", { class: "row" }, button("Card", () => open(`${where}/card`, markdown), named("Card")), button("Manifest", () => open(where, whole), { class: "quiet", ...named("Manifest") })),
  );
}

function comparison(models) {
  if (!models.length) return h("p", {}, "There is nothing to compare.");
  const names = models.map((each, index) => [String(index), `${each.name} ${each.version}`]);
  const sides = [select(names, "0"), select([], "")];
  const input = h("textarea", { rows: 4, spellcheck: "false", class: "numbers" });
  const boxes = [answerBox("First answer"), answerBox("Second answer")];
  const chosen = () => sides.map((each) => models[Number(each.value)]);
  const fill = () => {
    // Only what does the same task can be asked the same; another one first, if there is one.
    const first = models[Number(sides[0].value)];
    const others = names.filter(([index]) => models[index].task === first.task);
    const other = others.find(([index]) => models[index] !== first) || others[0];
    sides[1].replaceChildren(...others.map(([value, text]) => h("option", { value, selected: value === other[0] }, text)));
    input.value = JSON.stringify(INPUTS[first.task]());
  };
  const compare = () =>
    boxes.forEach(async (box, side) => {
      const model = chosen()[side];
      box.busy();
      try {
        const json = { ...JSON.parse(input.value), model: model.name, version: model.version };
        const request = { method: "POST", path: `/${model.task}`, json };
        const answer = await ask(request);
        box.show([h("h4", {}, `${model.name} ${model.version}`), h("pre", { tabindex: "0" }, readable(answer.content))], request, answer);
      } catch (error) {
        box.fail(error);
      }
    });
  sides[0].addEventListener("change", fill);
  fill();
  return h(
    "div",
    { class: "card" },
    h("div", { class: "grid" }, field("First", sides[0]), field("Second", sides[1])),
    field("The same request for both, as JSON", input),
    h("p", { class: "row" }, button("Ask both", compare)),
    h("div", { class: "pair" }, boxes.map((each) => each.element)),
  );
}

const readable = (content) => JSON.stringify(content, (_, value) => (typeof value === "number" ? Number(short(value, 5)) : value), 1);
