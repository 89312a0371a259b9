// The tab Caption: a photograph in, words as they are found, other captions, where the model looked.

import { ask, askForEvents } from "./api.js";
import { button, droppable, field, h, number, select, short, table, tick, unique } from "./dom.js";
import { PHOTOGRAPHS } from "./examples.js";
import { answerBox } from "./result.js";
import { heatOver } from "./heat.js";

const TYPES = ["image/jpeg", "image/png", "image/webp"];

export function needs(service) {
  return service.of("caption").length ? null : "No model of the task caption is served. `unroll train caption --data DIR` makes one.";
}

export function mount(panel, service) {
  const file = h("input", { type: "file", accept: TYPES.join(",") });
  const models = service.of("caption");
  const model = select(models.map((each) => [each.name, `${each.name} ${each.version}`]), "caption");
  const width = number(3, { min: 1, max: 10 });
  const looks = tick("Where did the model look?", false, () => image && describe(image));
  const blind = h("p", { class: "hint", id: unique("blind"), hidden: true });
  looks.box.setAttribute("aria-describedby", blind.id);
  const box = answerBox("Caption");
  const drop = h("div", { class: "drop" }, h("p", {}, "Drop a photograph here, or choose one."), field("Photograph", file));
  let image = null;
  let stop = new AbortController();

  async function describe(chosen) {
    image = chosen;
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    const picture = h("img", { src: URL.createObjectURL(image), alt: "The chosen photograph" });
    const frame = h("div", { class: "picture" }, picture);
    const written = h("p", { class: "big written writing", role: "status" });
    const more = h("div");
    box.show([frame, written, more]);
    box.busy();
    try {
      const type = TYPES.includes(image.type) ? image.type : "image/jpeg";
      const chosenModel = model.value === "caption" ? "" : `model=${encodeURIComponent(model.value)}`;
      const greedy = { method: "POST", path: `/caption${chosenModel && `?${chosenModel}`}`, body: image, type, accept: "text/event-stream" };
      const answer = await askForEvents(greedy, (piece) => written.append(piece), signal);
      written.classList.remove("writing");
      box.show(null, greedy, answer);
      const options = [`num_captions=${width.value}`, `beam_width=${width.value}`, ...(looks.box.checked ? ["attention=true"] : []), ...(chosenModel ? [chosenModel] : [])];
      const beams = { method: "POST", path: `/caption?${options.join("&")}`, body: image, type };
      const found = await ask(beams, signal);
      const [caption] = found.content.captions;
      more.replaceChildren(...candidates(caption, found.content), ...(caption.attention ? [attention(caption.attention, frame)] : []));
      box.show(null, beams, found);
    } catch (error) {
      written.classList.remove("writing");
      box.fail(error);
    }
  }

  /** Where it looked can only be asked of a model that attends to parts of an image. */
  async function choose() {
    const { name, version } = models.find((each) => each.name === model.value) || models[0];
    const { content } = await ask({ method: "GET", path: `/models/${name}/versions/${version}` });
    const attends = Boolean(content.features.grid);
    looks.box.disabled = !attends;
    looks.box.checked &&= attends;
    blind.hidden = attends;
    blind.textContent = attends ? "" : `${name} ${version} sees a photograph as a whole: it does not tell where it looked.`;
  }

  async function example({ file: name }) {
    const answer = await fetch(`web/${name}`);
    describe(new File([await answer.blob()], name, { type: "image/jpeg" }));
  }

  file.addEventListener("change", () => file.files.length && describe(file.files[0]));
  droppable(drop, describe);
  width.addEventListener("change", () => image && describe(image));
  model.addEventListener("change", async () => {
    await choose();
    if (image) describe(image);
  });
  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "form",
        { class: "inputs", onsubmit: (event) => event.preventDefault() },
        h(
          "div",
          { class: "examples", role: "group", "aria-label": "Examples" },
          PHOTOGRAPHS.map((each) => button(h("img", { src: `web/${each.file}`, alt: each.name }), () => example(each), { class: "thumb", title: each.credit })),
        ),
        h("p", { class: "hint" }, PHOTOGRAPHS.map((each) => `${each.name}: ${each.credit}.`).join(" ")),
        drop,
        h("div", { class: "grid" }, field("Beams", width), field("Model", model)),
        h("div", {}, looks.row, blind),
      ),
      box.element,
    ),
  );
  choose().catch(box.fail);
  example(PHOTOGRAPHS[0]);
}

function candidates(caption, { model, version }) {
  const rows = caption.candidates.map((each) => [each.text, short(each.probability * 100, 3), short(each.score, 3)]);
  return [
    caption.abstained ? h("p", {}, h("strong", {}, "The model abstains: this is no photograph of the kind that it has learned.")) : null,
    caption.confidence === undefined ? null : h("p", { class: "hint" }, `How sure the model is that the caption is right: ${short(caption.confidence * 100, 2)} %.`),
    h("p", { class: "hint" }, `Word by word only the likeliest word is followed; below, several captions side by side. ${model} ${version}.`),
    table("Captions by their score", ["caption", "probability of a word (%)", "score"], rows),
  ].filter(Boolean);
}

function attention({ grid, words }, frame) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  frame.append(canvas);
  const show = (each) => heatOver(canvas, each.weights, grid);
  return h(
    "p",
    { class: "row" },
    "Where it looked: ",
    words.map((each) => button(each.word, () => show(each), { class: "quiet", onfocus: () => show(each), onpointerenter: () => show(each) })),
  );
}
