// The tab Live: a stream that values flow into, its state as a heat map, and a fork with two futures.

import { ask, key } from "./api.js";
import { button, droppable, field, h, number, select, svg, unique } from "./dom.js";
import { heatMap } from "./heat.js";
import { Lane } from "./lane.js";
import { answerBox } from "./result.js";
import { readTable } from "./table.js";
import { drawTraces } from "./traces.js";

const SHOWN = 120; // steps in the picture
const HORIZON = 24; // steps that a forecaster looks ahead
const PATTERNS = {
  "a sine": (index) => Math.sin(index / 4),
  "a sine with jumps": (index) => Math.sin(index / 4) + (index % 37 === 36 ? 3 : 0),
  "a random walk": (index, before) => before + Math.random() - 0.5,
  "what was dropped": null,
};
const FORKS = {
  "the same values": (value) => value,
  "nothing (zeros)": () => 0,
  "the values, mirrored": (value) => -value,
  "the values and 1": (value) => value + 1,
};

export function needs(service) {
  return service.streaming().length
    ? null
    : "No model here takes streams. `unroll import network.onnx --name my_rnn --stream` serves a recurrent network of yours with its state.";
}

export function mount(panel, service) {
  const models = service.streaming();
  const first = models.find((each) => each.task !== "generate") || models[0]; // texts have a tab of their own
  const model = select(models.map((each) => [each.name, `${each.name} ${each.version}`]), first.name);
  const typed = h("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
  const pattern = select(Object.keys(PATTERNS), "a sine with jumps");
  const speed = number(5, { min: 1, max: 20 });
  const futures = select(Object.keys(FORKS), "the values, mirrored");
  const drop = h("textarea", { rows: 2, class: "numbers", placeholder: "Paste a column, or drop a file" });
  const box = answerBox("The stream");
  const picture = { input: chart(), output: chart() };
  const heats = h("div", { class: "pair" });
  const out = h("h3");
  const send = h("button", {}, "Send");
  const play = button("Play", toggle, { "aria-pressed": "false" });
  const fork = button("Fork here", forkHere);
  const state = { lanes: [], playing: false, index: 0, value: 0, dropped: [], width: 1, isText: false, range: null };
  let begun = 0; // how often a stream was begun: answers of an earlier one are not shown
  let plays = 0; // how often Play was pressed: the last one goes on
  let turn = Promise.resolve(); // steps and forks, one after the other

  box.content.append(
    h("h3", {}, "What goes in"),
    picture.input,
    out,
    picture.output,
    h("ul", { class: "legend" }, ...["past", "fork"].map((kind) => h("li", {}, h("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), kind === "past" ? "the stream" : "its fork")), h("li", {}, "○ anomaly")),
    h("h3", {}, "The hidden state, step by step"),
    heats,
  );

  async function start() {
    const mine = ++begun;
    pause();
    for (const each of state.lanes) each.end();
    Object.assign(state, { lanes: [], index: 0, value: 0 });
    allow(false);
    const served = models.find((each) => each.name === model.value);
    state.isText = served.task === "generate";
    state.range = served.task === "anomalies" ? [0, 1] : null;
    out.textContent = state.range ? "What comes out: how unusual each value was, 0 to 1" : "What comes out";
    box.busy();
    box.say(`A stream of ${served.name} is being opened …`);
    try {
      const width = served.task === "tensor" ? await widthOf(served) : 1;
      const horizon = served.task === "anomalies" ? HORIZON : 0;
      const lane = new Lane(unique(`page-${crypto.randomUUID().slice(0, 8)}`), served.name, horizon);
      const answer = await lane.open();
      if (mine !== begun) {
        lane.end();
        return;
      }
      Object.assign(state, { lanes: [lane], width });
      box.show(null, lane.last, answer);
      box.say(`The stream ${lane.name} is open, at position ${lane.position}.`);
      draw();
      allow(true);
    } catch (error) {
      if (mine === begun) failed(error);
    }
  }

  /** What asks something of the stream can be pressed only while one is open. */
  function allow(open) {
    for (const each of [send, play, fork]) each.disabled = !open;
  }

  function failed(error) {
    pause();
    box.say("");
    box.fail(error);
  }

  /** Does `act` once what was asked for before is done, unless another stream was begun by then. */
  function inTurn(act) {
    const mine = begun;
    const current = () => mine === begun;
    turn = turn.then(async () => {
      if (!current()) return;
      try {
        await act(current);
      } catch (error) {
        if (current()) failed(error);
      }
    });
    return turn;
  }

  /** One step of every lane: the fork gets another value. */
  function step(value) {
    return inTurn(async (current) => {
      const [lane, other] = state.lanes;
      const answer = await lane.step(shaped(value));
      if (other && current()) await other.step(typeof value === "string" ? value : shaped(FORKS[futures.value](value)));
      if (!current()) return;
      box.show(null, lane.last, answer);
      box.say(`${lane.name} is at position ${lane.position}${other ? `, and so is its fork ${other.name}` : ""}.`);
      draw();
    });
  }

  const shaped = (value) => (typeof value === "string" || state.width === 1 ? value : Array(state.width).fill(value));

  function next() {
    state.index += 1;
    if (pattern.value === "what was dropped") {
      if (!state.dropped.length) return null;
      return state.dropped.shift();
    }
    state.value = PATTERNS[pattern.value](state.index, state.value);
    return Number(state.value.toFixed(3));
  }

  async function run() {
    const mine = ++plays;
    while (state.playing && mine === plays) {
      const began = performance.now();
      const value = state.isText ? "abc "[state.index++ % 4] : next();
      if (value === null) pause();
      else await step(value);
      await new Promise((done) => setTimeout(done, Math.max(0, 1000 / Number(speed.value) - (performance.now() - began))));
      if (!panel.isConnected || panel.hidden) pause();
    }
  }

  function toggle() {
    if (state.playing) pause();
    else {
      state.playing = true;
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      run();
    }
  }

  function pause() {
    state.playing = false;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }

  function forkHere() {
    return inTurn(async (current) => {
      const [lane, old] = state.lanes;
      if (old) old.end();
      const [other, answer] = await lane.fork(`${lane.name}-fork-${lane.position}`);
      if (!current()) {
        other.end();
        return;
      }
      state.lanes = [lane, other];
      box.show(null, lane.last, answer);
      box.say(`Forked at position ${lane.position}: from here on ${other.name} gets ${futures.value}.`);
      draw();
    });
  }

  function draw() {
    const ahead = Math.max(0, ...state.lanes.map((each) => each.ahead?.mean.length || 0));
    const position = Math.max(...state.lanes.map((each) => each.position));
    const first = Math.max(state.lanes[0].first, position - SHOWN);
    const sides = [...state.lanes.entries()].reverse();
    const lines = (name) =>
      sides.map(([index, lane]) => {
        const from = index ? Math.max(lane.first, lane.forkedAt - 1) : lane.first;
        return { kind: index ? "fork" : "past", from, values: lane[name].slice(from - lane.first), marks: name === "inputs" && !index ? lane.anomalies : [] };
      });
    const bands = sides.filter(([, lane]) => lane.ahead).map(([index, lane]) => ({ kind: index ? "fork" : "past", from: lane.position, ...lane.ahead }));
    const means = bands.map(({ kind, from, mean }) => ({ kind, from, values: mean }));
    drawTraces(picture.input, "What goes in, over the positions of the stream", [...lines("inputs"), ...means], { first, last: Math.max(first + 1, position + ahead), bands });
    drawTraces(picture.output, "What comes out, over the positions of the stream", lines("outputs"), { first, last: Math.max(first + 1, position + ahead), range: state.range });
    heats.replaceChildren(
      ...state.lanes.map((lane, index) => {
        const canvas = h("canvas", { class: "heat", role: "img", "aria-label": `State of ${lane.name}: a column a step, a row a unit` });
        const columns = lane.states.slice(-SHOWN);
        const units = columns[0]?.length || 1;
        heatMap(canvas, Array.from({ length: units }, (_, unit) => columns.map((each) => each[unit])), 1);
        canvas.style.height = "180px";
        return h("div", {}, h("p", { class: "hint" }, `${index ? "The fork" : "The stream"}: ${units} numbers, ${columns.length} steps`), canvas);
      }),
    );
  }

  async function take(file) {
    drop.value = await file.text();
    readDropped();
  }

  function readDropped() {
    try {
      state.dropped = readTable(drop.value).columns.at(-1).values.filter((each) => each !== null);
      pattern.value = "what was dropped";
      box.say(`${state.dropped.length} values wait; press Play.`);
    } catch (error) {
      box.fail({ title: "These are no numbers yet", message: error.message });
    }
  }

  drop.addEventListener("change", readDropped);
  droppable(drop, take);
  model.addEventListener("change", start);
  addEventListener("pagehide", () => {
    const headers = key.get() ? { Authorization: `Bearer ${key.get()}` } : {};
    for (const each of state.lanes) fetch(`.${each.path}`, { method: "DELETE", keepalive: true, headers });
  });
  const sendTyped = (event) => {
    event.preventDefault();
    if (!typed.value || send.disabled) return;
    step(state.isText ? typed.value : Number(typed.value.replace(",", ".")));
    typed.value = "";
  };
  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "inputs" },
        field("Model", model),
        h("form", { class: "inputs", onsubmit: sendTyped }, field("A value", typed), h("p", { class: "row" }, send)),
        field("Or let come", pattern),
        field("Steps a second", speed),
        field("A column of your own", drop),
        h("p", { class: "row" }, play, button("Begin anew", start, { class: "quiet" })),
        field("From now on the fork gets", futures),
        h("p", { class: "row" }, fork),
      ),
      box.element,
    ),
  );
  start();
}

const chart = () => svg("svg", { class: "chart", role: "img" });

/** How many numbers a step of the one input that is no state and no length has. */
async function widthOf({ name, version }) {
  const { content } = await ask({ method: "GET", path: `/models/${name}/versions/${version}` });
  const { inputs, states, lengths } = content.features;
  const data = inputs.find((each) => !(each.name in (states || {})) && each.name !== lengths);
  const sizes = data.shape.filter((each, axis) => axis !== data.batch_axis && axis !== data.time_axis);
  return sizes.reduce((all, each) => all * (typeof each === "number" && each > 0 ? each : 1), 1);
}
