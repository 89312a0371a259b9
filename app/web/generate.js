// The tab Generate: a text that goes on, and forks.

import { ask, askForEvents } from "./api.js";
import { button, field, h, number, select, short } from "./dom.js";
import { PROMPTS } from "./examples.js";
import { answerBox } from "./result.js";
import { coloured, points } from "./words.js";

const SURPRISE = 6; // nats; what is as unlikely as this or more has the full colour

export function needs(service) {
  return service.of("generate").length ? null : "No language model is served. `unroll train generate --data DIR` makes one from text files.";
}

export function mount(panel, service) {
  const models = service.of("generate");
  const prompt = h("textarea", { rows: 4 });
  const model = select(models.map((each) => [each.name, `${each.name} ${each.version}`]), "generate");
  const length = number(300, { min: 1, max: 2000 });
  const temperature = number(0.7, { min: 0, max: 10, step: 0.1 });
  const top = number(0.95, { min: 0.05, max: 1, step: 0.05 });
  const seed = number(1, { min: 0 });
  const box = answerBox("Text");
  const branches = h("div", { class: "pair" });
  const halt = button("Stop", () => stop.abort(), { class: "quiet", disabled: true });
  let stop = new AbortController();

  const body = (from, number) => ({
    ...{ prompt: from, max_length: Number(length.value), temperature: Number(temperature.value), top_p: Number(top.value), seed: number },
    ...(model.value === "generate" ? {} : { model: model.value }),
  });

  /** Writes on from `from`, in a branch of its own. */
  async function write(from, number, title) {
    stop.abort();
    stop = new AbortController();
    const request = { method: "POST", path: "/generate", json: body(from, number), accept: "text/event-stream" };
    const text = h("p", { class: "written writing" }, h("span", { class: "prompt" }, from));
    const tools = h("p", { class: "row" });
    branches.append(h("div", {}, h("h3", {}, title), text, tools));
    box.busy();
    halt.disabled = false;
    let written = "";
    try {
      const answer = await askForEvents(request, (piece) => {
        written += piece;
        text.append(piece);
      }, stop.signal);
      box.show(null, request, answer);
      box.say("The text is written.");
    } catch (error) {
      box.fail(error);
    }
    halt.disabled = true;
    text.classList.remove("writing");
    if (written) tools.append(...toolsOf(from, written, number, text));
  }

  function toolsOf(from, written, number, text) {
    const letters = points(written);
    const place = h("input", { type: "range", min: 0, max: letters.length, value: Math.round(letters.length / 2) });
    const mark = () => text.replaceChildren(h("span", { class: "prompt" }, from + letters.slice(0, place.value).join("")), letters.slice(place.value).join(""));
    place.addEventListener("input", mark);
    return [
      field("Fork at", place),
      button("Fork here", () => write(from + letters.slice(0, place.value).join(""), number + 1, `Fork at character ${place.value}, seed ${number + 1}`)),
      button("How likely was each character?", () => surprise(from, number, text), { class: "quiet" }),
    ];
  }

  async function surprise(from, number, text) {
    const request = { method: "POST", path: "/generate", json: { ...body(from, number), log_probabilities: true } };
    box.busy();
    try {
      const answer = await ask(request);
      const marks = answer.content.samples[0].characters.map((each) => coloured(each.text, each.log_probability / SURPRISE, `${short(Math.exp(each.log_probability) * 100, 3)} %`));
      text.classList.add("words");
      text.replaceChildren(h("span", { class: "prompt" }, from), ...marks);
      box.show(null, request, answer);
      box.say("The stronger the colour, the less likely was the character.");
    } catch (error) {
      box.fail(error);
    }
  }

  const begin = () => {
    branches.replaceChildren();
    write(prompt.value, Number(seed.value), `Seed ${seed.value}`);
  };
  const pick = (example) => {
    prompt.value = example;
    begin();
  };
  box.content.append(branches);
  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "form",
        { class: "inputs", onsubmit: (event) => (event.preventDefault(), begin()) },
        h("div", { class: "examples", role: "group", "aria-label": "Examples" }, PROMPTS.map((each) => button(each.replaceAll("\n", " ").trim(), () => pick(each), { class: "example" }))),
        field("It begins with", prompt),
        h("div", { class: "grid" }, field("Characters", length), field("Temperature", temperature), field("Top p", top), field("Seed", seed), field("Model", model)),
        h("p", { class: "row" }, h("button", {}, "Write"), halt),
      ),
      box.element,
    ),
  );
  pick(PROMPTS[0]);
}
