// One stream as the page follows it: what went in, what came out, its states. Knows the routes of
// streams, not what is shown.

import { ask } from "./api.js";
import { readState } from "./sealed.js";

const KEPT = 240; // steps that are remembered here
const UNITS = 128; // of a state that are shown
const TTL_SECONDS = 3600; // a page that is left behind leaves nothing behind for long

/** Numbers of any nesting in a row. */
const flat = (value) => [value].flat(Infinity).filter((each) => typeof each === "number");

export class Lane {
  /** horizon: steps to forecast after each value, of a model that does; else 0. */
  constructor(name, model, horizon = 0) {
    this.name = name;
    this.model = model;
    this.horizon = horizon;
    this.position = 0;
    this.first = 0; // position of the oldest step that is remembered
    this.inputs = [];
    this.outputs = [];
    this.states = [];
    this.anomalies = [];
    this.ahead = null;
    this.ended = false;
  }

  get path() {
    return `/streams/${this.name}`;
  }

  async open(options = null) {
    const json = { model: this.model, ttl_seconds: TTL_SECONDS, ...(options ? { options } : {}) };
    this.last = { method: "PUT", path: this.path, json };
    const answer = await ask(this.last);
    this.position = answer.content.position;
    this.first = this.position;
    return answer;
  }

  /** Takes one step: a number, a list of them, or a text. */
  async step(value) {
    const given = typeof value === "string" ? { text: value } : { values: [value], ...(this.horizon ? { horizon: this.horizon } : {}) };
    this.last = { method: "POST", path: `${this.path}/steps`, json: { position: this.position, ...given } };
    const answer = await ask(this.last);
    if (this.ended) return answer; // the stream is gone, and so is its state
    const { position, steps = [], forecast = null, ...rest } = answer.content;
    const found = { ...(steps.at(-1) || rest), ...(forecast ? { forecast } : {}) };
    this.#note(typeof value === "string" ? null : flat(value)[0], found);
    this.position = position;
    await this.look();
    return answer;
  }

  /** Fetches the state, and remembers it as a column of the heat map. */
  async look() {
    const { content } = await ask({ method: "GET", path: `${this.path}/state` });
    this.states.push(Object.values(readState(content)).flat().slice(0, UNITS));
    if (this.states.length > KEPT) this.states.shift();
  }

  /** A stream of another name that goes on from here. */
  async fork(name) {
    this.last = { method: "POST", path: `${this.path}/fork`, json: { stream: name } };
    const answer = await ask(this.last);
    const other = new Lane(name, this.model, this.horizon);
    Object.assign(other, { position: this.position, first: this.first, forkedAt: this.position, ahead: this.ahead });
    for (const each of ["inputs", "outputs", "states", "anomalies"]) other[each] = [...this[each]];
    return [other, answer];
  }

  end() {
    this.ended = true;
    return ask({ method: "DELETE", path: this.path }).catch(() => null);
  }

  #note(input, found) {
    const { output, text } = outputOf(found);
    this.inputs.push(input);
    this.outputs.push(output);
    this.text = text;
    this.ahead = aheadOf(found);
    if (isAnomaly(found)) this.anomalies.push(this.position);
    if (this.inputs.length <= KEPT) return;
    this.inputs.shift();
    this.outputs.shift();
    this.first += 1;
  }
}

/** The number that stands for a step's answer, and its words. */
function outputOf(found) {
  if (found.anomaly_score !== undefined && found.anomaly_score !== null) return { output: found.anomaly_score };
  const numbers = Object.values(found).flatMap(flat);
  return { output: numbers.length ? numbers[0] : null, text: found.text };
}

/** The forecast from here on, if the model gives one: the mean, and its outer quantiles. */
function aheadOf(found) {
  const forecast = found.forecast || found;
  if (!Array.isArray(forecast.mean) || !forecast.quantiles) return null;
  const levels = Object.keys(forecast.quantiles).sort((a, b) => a - b);
  return { mean: forecast.mean, low: forecast.quantiles[levels[0]], high: forecast.quantiles[levels.at(-1)] };
}

const isAnomaly = (found) => found.anomalous === true;
