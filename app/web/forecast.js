// The tab Forecast: a series in, a fan chart out, and points that can be dragged.

import { ask, takes } from "./api.js";
import { FanChart } from "./chart.js";
import { button, droppable, field, h, later, latest, number, select, short, table, tick } from "./dom.js";
import { SERIES } from "./examples.js";
import { answerBox } from "./result.js";
import { readTable, timeAt } from "./table.js";

const FREQUENCIES = [["", "none"], "min", "15min", "30min", "h", "D", "W", "MS", "QS", "YS"];
const LEVELS = { 80: [0.1, 0.5, 0.9], "50, 80 and 95": [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975] };
const SHOWN = 500; // points of a history that are drawn; all of them are sent
const WAIT_MS = 250;

export function needs(service) {
  return service.of("forecast").length
    ? null
    : "No forecaster is served. `unroll train forecast --data DIR` makes one; GET /models tells what is there.";
}

export function mount(panel, service) {
  const text = h("textarea", { rows: 8, spellcheck: "false", class: "numbers" });
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/*", class: "file" });
  const model = select(service.of("forecast").map((each) => [each.name, `${each.name} ${each.version}`]), "forecast");
  const horizon = number(12, { min: 1, max: 1000 });
  const frequency = select(FREQUENCIES, "");
  const start = h("input", { type: "text", placeholder: "1998-01-01", spellcheck: "false" });
  const levels = select(Object.keys(LEVELS), "80");
  const target = select([], "");
  const others = h("fieldset", { hidden: true });
  const more = h("div", { class: "grid" }, field("Column to forecast", target), others);
  more.hidden = true;
  const box = answerBox("Forecast");
  const chart = new FanChart("Forecast: history, quantiles and mean", moved);
  const details = h("div");
  box.content.append(
    h("p", { class: "hint" }, "Drag a point of the history, or choose one with ← and → and move it with ↑ and ↓."),
    chart.element,
    legend(),
    details,
  );

  const state = { columns: [], values: [], forecast: null, covariates: [] };

  function readText() {
    try {
      const read = readTable(text.value);
      state.columns = read.columns;
      if (read.frequency) frequency.value = read.frequency;
      if (read.start) start.value = read.start;
      const names = read.columns.map((each) => each.name);
      const chosen = names.includes(target.value) ? target.value : names.at(-1);
      target.replaceChildren(...names.map((each) => h("option", { value: each, selected: each === chosen }, each)));
      more.hidden = names.length < 2;
      choose();
    } catch (error) {
      box.fail({ title: "These are no numbers yet", message: error.message });
    }
  }

  async function choose() {
    const column = state.columns.find((each) => each.name === target.value) || state.columns[0];
    const rest = state.columns.filter((each) => each !== column);
    // Rows at the end without a value are the future of the other columns.
    const known = rest.length ? column.values.findLastIndex((each) => each !== null) + 1 : column.values.length;
    const ahead = column.values.length - known;
    state.values = column.values.slice(0, known);
    if (ahead) horizon.value = ahead;
    others.hidden = !rest.length;
    state.covariates = [];
    if (rest.length) {
      others.replaceChildren(h("legend", {}, "Columns that may help"));
      if (await takes("/forecast", "past_covariates").catch(() => false)) {
        for (const each of rest) {
          const { box: chosen, row } = tick(each.name, false, update);
          state.covariates.push({ name: each.name, past: each.values.slice(0, known), future: each.values.slice(known), chosen });
          others.append(row);
        }
      } else others.append(h("p", {}, "This service's forecaster takes no further columns."));
    }
    update();
  }

  function request() {
    const body = { series: state.values, horizon: Number(horizon.value), quantiles: LEVELS[levels.value] };
    if (frequency.value) body.frequency = frequency.value;
    if (start.value && frequency.value) body.start = start.value;
    if (model.value !== "forecast") body.model = model.value;
    const chosen = state.covariates.filter((each) => each.chosen.checked);
    const ahead = chosen.filter((each) => each.future.length === body.horizon && !each.future.includes(null));
    if (chosen.length) body.past_covariates = Object.fromEntries(chosen.map((each) => [each.name, each.past]));
    if (ahead.length) body.future_covariates = Object.fromEntries(ahead.map((each) => [each.name, each.future]));
    return { method: "POST", path: "/forecast", json: body };
  }

  const update = latest(async () => {
    if (!state.values.length) return;
    const asked = request();
    box.busy();
    try {
      const answer = await ask(asked);
      const began = performance.now();
      state.forecast = answer.content.forecasts[0];
      draw();
      if (!chart.dragging) tell(answer.content);
      box.show(null, asked, answer);
      performance.measure("redraw", { start: began });
    } catch (error) {
      state.forecast = null;
      draw();
      box.fail(error);
    }
  });

  function draw() {
    const { values, forecast } = state;
    const hidden = Math.max(0, values.length - SHOWN);
    const times = forecast?.timestamps;
    chart.draw({
      history: values.slice(hidden),
      mean: forecast?.mean || [],
      quantiles: forecast?.quantiles || {},
      label: (index) => stepName(index + hidden, values.length, times, start.value, frequency.value),
    });
    chart.hiddenPoints = hidden;
  }

  function moved(index, value, done) {
    const digits = 10 ** Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value) || 1)));
    state.values[index + (chart.hiddenPoints || 0)] = Math.round(value * digits) / digits;
    draw();
    update();
    if (done && state.columns.length === 1) text.value = state.values.map((each) => each ?? "").join("\n");
    if (done) box.say("A point was moved, and the forecast with it.");
  }

  function tell({ model: name, version }) {
    const { mean, quantiles, timestamps, season_length: season, notes, covariates } = state.forecast;
    const names = Object.keys(quantiles);
    const rows = mean.map((value, index) => [
      timestamps ? timestamps[index].replace("T00:00:00", "").replace("T", " ") : `+${index + 1}`,
      short(value, 6),
      ...names.map((each) => short(quantiles[each][index], 6)),
    ]);
    const open = details.querySelector("details")?.open || false;
    const shown = [
      h("p", {}, `${name} ${version}. ${season > 1 ? `A season of ${season} steps. ` : "No season. "}${notes.length ? `Notes: ${notes.join("; ")}.` : ""}`),
      covariates ? h("p", {}, `Weight of the other columns: ${covariates.weight}.`) : null,
      h("details", { open }, h("summary", {}, "The numbers"), table("Forecast by step", ["step", "mean", ...names.map((each) => `${Number(each) * 100} %`)], rows)),
    ];
    details.replaceChildren(...shown.filter(Boolean));
  }

  function fill(example) {
    text.value = example.values.map((each) => each ?? "").join("\n");
    frequency.value = example.frequency;
    start.value = example.start;
    horizon.value = example.horizon;
    readText();
  }

  async function take(dropped) {
    text.value = await dropped.text();
    start.value = "";
    frequency.value = "";
    readText();
  }

  const soon = later(readText, WAIT_MS);
  text.addEventListener("input", soon);
  file.addEventListener("change", () => file.files.length && take(file.files[0]));
  for (const each of [horizon, frequency, start, levels, model]) each.addEventListener("change", update);
  target.addEventListener("change", choose);
  droppable(text, take);

  panel.append(
    h(
      "div",
      { class: "columns" },
      h(
        "form",
        { class: "inputs", onsubmit: (event) => event.preventDefault() },
        h("div", { class: "examples", role: "group", "aria-label": "Examples" }, SERIES.map((each) => button(each.name, () => fill(each), { class: "example" }))),
        field("Values, oldest first", text, "One column, or a CSV with dates and several columns. An empty cell is a missing value; rows at the end that lack only the column to forecast are the future of the others."),
        field("… or a file", file),
        more,
        h("div", { class: "grid" }, field("Steps ahead", horizon), field("Frequency", frequency), field("First value at", start), field("Intervals (%)", levels), field("Model", model)),
      ),
      box.element,
    ),
  );
  fill(SERIES[0]);
}

function legend() {
  const item = (kind, words) => h("li", {}, h("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), words);
  return h("ul", { class: "legend" }, item("history", "history"), item("mean", "mean"), item("band", "where the values lie, by their quantiles"));
}

function stepName(index, known, times, start, frequency) {
  const ahead = index - known;
  if (ahead >= 0) return times?.[ahead] ? readable(times[ahead]) : `+${ahead + 1}`;
  return times ? readable(timeAt(start, frequency, index)) : String(index + 1);
}

const readable = (time) => time.replace("T00:00:00", "").slice(0, 16).replace("T", " ");
