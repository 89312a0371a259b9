// The tab Your network: any graph by its tensors, over the Open Inference Protocol.

import { ask } from "./api.js";
import { button, field, h, select, short } from "./dom.js";
import { heatMap } from "./heat.js";
import { answerBox } from "./result.js";

const STEPS = 12; // of an example, where a graph takes any number
const SHOWN = 400; // numbers of an output that are written out

export function needs(service) {
  return service.models.length ? null : "No model is served. `unroll import network.onnx --name my_rnn` serves one of yours.";
}

export async function mount(panel, service) {
  // Imported networks first: they have no other tab.
  const models = [...service.models].sort((a, b) => Number(b.task === "tensor") - Number(a.task === "tensor"));
  const model = select(models.map((each) => [each.name, `${each.name} ${each.version} (${each.task === "tensor" ? "imported" : each.task})`]), models[0].name);
  const graph = select([], "");
  const graphs = field("Graph", graph);
  const inputs = h("div", { class: "inputs" });
  const box = answerBox("Outputs");
  const state = { inputs: [], optional: new Set() };

  async function choose() {
    try {
      const { content } = await ask({ method: "GET", path: `/v2/models/${model.value}` });
      const names = content.graphs || [];
      graphs.hidden = !names.length;
      graph.replaceChildren(...names.map((each) => h("option", { value: each }, each)));
      if (names.length) await describe(names[0]);
      else build(content);
    } catch (error) {
      box.fail(error);
    }
  }

  async function describe(name) {
    build((await ask({ method: "GET", path: `/v2/models/${name}` })).content);
  }

  async function build({ name, inputs: tensors }) {
    const served = models.find((each) => each.name === model.value);
    const { content: manifest } = await ask({ method: "GET", path: `/models/${served.name}/versions/${served.version}` });
    // A graph that streams needs neither its states nor lengths.
    const states = served.streams ? Object.keys(manifest.features.states || {}) : [];
    state.name = name;
    state.inputs = tensors.map((tensor) => {
      const optional = states.includes(tensor.name);
      const text = h("textarea", { rows: 3, spellcheck: "false", class: "numbers" });
      text.value = optional ? "" : JSON.stringify(example(tensor));
      const shape = tensor.shape.map((each) => (each < 0 ? "any" : each)).join(" × ");
      inputs.append();
      return { ...tensor, optional, text, row: field(`${tensor.name}: ${tensor.datatype}, ${shape}`, text, optional ? "May be empty: then it begins at nothing." : "Nested lists, batch first.") };
    });
    inputs.replaceChildren(...state.inputs.map((each) => each.row), h("p", { class: "row" }, button("Run", run)));
    run();
  }

  async function run() {
    try {
      const tensors = state.inputs
        .filter((each) => each.text.value.trim())
        .map((each) => {
          const data = JSON.parse(each.text.value);
          return { name: each.name, datatype: each.datatype, shape: shapeOf(data), data };
        });
      const request = { method: "POST", path: `/v2/models/${state.name}/infer`, json: { inputs: tensors } };
      box.busy();
      const answer = await ask(request);
      box.show(answer.content.outputs.map(shown), request, answer);
    } catch (error) {
      if (error instanceof SyntaxError) box.fail({ title: "An input is no JSON", message: error.message });
      else box.fail(error);
    }
  }

  model.addEventListener("change", choose);
  graph.addEventListener("change", () => describe(graph.value));
  graphs.hidden = true;
  panel.append(
    h("div", { class: "columns" }, h("div", { class: "inputs" }, field("Model", model), graphs, inputs), box.element),
  );
  await choose();
}

function shapeOf(data) {
  return Array.isArray(data) ? [data.length, ...(data.length ? shapeOf(data[0]) : [])] : [];
}

/** Something of the right shape to begin with. */
function example({ name, datatype, shape }) {
  const sizes = shape.map((each, axis) => (each > 0 ? each : axis ? STEPS : 1));
  const isWhole = /INT/.test(datatype);
  let count = 0;
  const fill = (axis) => {
    if (axis < sizes.length) return Array.from({ length: sizes[axis] }, () => fill(axis + 1));
    count += 1;
    if (datatype === "BYTES") return "text";
    if (datatype === "BOOL") return true;
    if (isWhole) return /length/.test(name) ? STEPS : 1 + (count % 5);
    return Number(Math.sin(count / 2).toFixed(3));
  };
  return fill(0);
}

function shown({ name, datatype, shape, data }) {
  const flat = data.flat(Infinity);
  const width = shape.at(-1) || 1;
  const rows = [];
  for (let at = 0; at < flat.length; at += width) rows.push(flat.slice(at, at + width).map(Number));
  const title = h("h3", {}, `${name}: ${datatype}, ${shape.join(" × ")}`);
  const numbers = h("pre", { tabindex: "0" }, flat.slice(0, SHOWN).map((each) => short(each, 4)).join(", ") + (flat.length > SHOWN ? ", …" : ""));
  const all = h("details", { open: flat.length <= 12 }, h("summary", {}, "The numbers"), numbers);
  if (rows.length < 2 && width < 2) return h("div", {}, title, all);
  // Time runs to the right, units downwards.
  const turned = rows[0].map((_, unit) => rows.map((row) => row[unit]));
  const canvas = h("canvas", { class: "heat", role: "img", "aria-label": `${name} as a heat map` });
  const largest = heatMap(canvas, turned);
  canvas.style.height = `${Math.max(24, Math.min(260, turned.length * 8))}px`;
  return h("div", {}, title, canvas, h("p", { class: "hint" }, `Blue is below zero, orange above; full colour at ${short(largest, 3)}. A column is a step, a row a unit.`), all);
}
