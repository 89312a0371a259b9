// A fan chart in SVG: a history whose points can be dragged, and bands of quantiles. Knows no task.

import { short, svg } from "./dom.js";

const HEIGHT = 320;
const LEFT = 56;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 28;
const DOTS = 80; // beyond so many points a line says more
const STEP = 0.02; // of the range, for each press of an arrow key

/**
 * draw({history, mean, quantiles, label}) draws; history may hold null, quantiles are lists by level.
 * label(index) names a step. onMove(index, value, done) is told when a point is dragged.
 */
export class FanChart {
  constructor(title, onMove = null) {
    this.element = svg("svg", { class: "chart", role: "group", "aria-label": title });
    this.onMove = onMove;
    this.at = null; // the point that is chosen
    this.shown = null;
    this.handle = svg("circle", { class: "handle", r: 8 });
    this.layer = svg("g");
    this.element.append(this.layer);
    if (onMove) this.#listen();
    new ResizeObserver(() => this.shown && this.draw(this.shown)).observe(this.element);
  }

  draw(shown) {
    this.shown = shown;
    const { history, mean = [], quantiles = {}, label = String } = shown;
    const width = Math.max(280, this.element.clientWidth || 640);
    this.element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.element.style.height = `${HEIGHT}px`;
    const levels = Object.keys(quantiles).sort((a, b) => a - b).map((level) => quantiles[level]);
    const total = history.length + mean.length;
    if (!this.dragging) this.range = rangeOf([history, mean, ...levels]);
    const [low, high] = this.range;
    this.x = (index) => LEFT + (index / Math.max(1, total - 1)) * (width - LEFT - RIGHT);
    this.y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const from = history.length;
    const parts = [...this.#axes(width, total, label)];
    for (let each = 0; each < Math.floor(levels.length / 2); each += 1) {
      parts.push(this.#band(levels[each], levels[levels.length - 1 - each], from));
    }
    parts.push(svg("path", { class: "history", d: this.#line(history, 0) }));
    if (history.length <= DOTS) {
      for (const [index, value] of history.entries()) {
        if (value !== null) parts.push(svg("circle", { class: "dot", cx: this.x(index), cy: this.y(value), r: 2.5 }));
      }
    }
    if (mean.length) parts.push(svg("path", { class: "mean", d: this.#line(mean, from, history.at(-1)) }));
    this.layer.replaceChildren(...parts);
    if (this.onMove) this.#place();
  }

  #line(values, from, before = null) {
    let pen = before === null || before === undefined ? "M" : `M${this.x(from - 1)},${this.y(before)}L`;
    let path = "";
    for (const [index, value] of values.entries()) {
      if (value === null) {
        pen = "M";
        continue;
      }
      path += `${pen}${this.x(from + index).toFixed(1)},${this.y(value).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }

  #band(low, high, from) {
    const point = (value, index) => `${this.x(from + index).toFixed(1)},${this.y(value).toFixed(1)}`;
    const back = high.map(point).reverse();
    return svg("path", { class: "band", d: `M${low.map(point).join("L")}L${back.join("L")}Z` });
  }

  *#axes(width, total, label) {
    for (const value of ticks(...this.range)) {
      const y = this.y(value);
      yield svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y, y2: y });
      yield svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, short(value, 6));
    }
    const every = Math.max(1, Math.ceil(total / Math.max(2, Math.floor((width - LEFT) / 110))));
    for (let index = 0; index < total; index += every) {
      yield svg("text", { x: this.x(index), y: HEIGHT - 8, "text-anchor": index ? "middle" : "start" }, label(index));
    }
  }

  #listen() {
    Object.entries({ tabindex: "0", role: "slider", "aria-label": "Point of the history" }).forEach(([name, value]) =>
      this.handle.setAttribute(name, value),
    );
    this.element.append(this.handle);
    this.element.classList.add("draggable");
    const index = (event) => {
      const box = this.element.getBoundingClientRect();
      const share = (event.clientX - box.left - LEFT) / Math.max(1, box.width - LEFT - RIGHT);
      const total = this.shown.history.length + (this.shown.mean || []).length;
      return Math.max(0, Math.min(this.shown.history.length - 1, Math.round(share * (total - 1))));
    };
    const value = (event) => {
      const [low, high] = this.range;
      const box = this.element.getBoundingClientRect();
      const share = 1 - (event.clientY - box.top - TOP) / (HEIGHT - TOP - BOTTOM);
      return low + Math.max(-0.5, Math.min(1.5, share)) * (high - low);
    };
    this.element.addEventListener("pointerdown", (event) => {
      if (!this.shown?.history.length) return;
      const box = this.element.getBoundingClientRect();
      if (event.clientX - box.left > this.x(this.shown.history.length - 0.5)) return; // the forecast
      event.preventDefault();
      this.at = index(event);
      this.dragging = true;
      this.element.setPointerCapture(event.pointerId);
      this.#place();
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.dragging) this.onMove(this.at, value(event), false);
    });
    const end = (event) => {
      if (!this.dragging) return;
      this.dragging = false;
      if (event.type === "pointerup") this.onMove(this.at, this.shown.history[this.at], true);
    };
    this.element.addEventListener("pointerup", end);
    this.element.addEventListener("pointercancel", end);
    this.handle.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const { history } = this.shown;
    const sideways = { ArrowLeft: -1, ArrowRight: 1, Home: -history.length, End: history.length }[event.key];
    const up = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (sideways === undefined && up === undefined) return;
    event.preventDefault();
    if (sideways) this.at = Math.max(0, Math.min(history.length - 1, this.at + sideways));
    else this.onMove(this.at, (history[this.at] ?? this.range[0]) + up * STEP * (this.range[1] - this.range[0]), true);
    this.#place();
  }

  #place() {
    const { history, label = String } = this.shown;
    if (!history.length) return;
    if (this.at === null || this.at >= history.length) this.at = history.length - 1;
    const value = history[this.at];
    const shown = {
      ...{ cx: this.x(this.at), cy: this.y(value ?? this.range[0]) },
      ...{ "aria-valuenow": value ?? 0, "aria-valuetext": `${label(this.at)}: ${short(value, 6)}` },
      ...{ "aria-valuemin": this.range[0], "aria-valuemax": this.range[1] },
    };
    for (const [name, each] of Object.entries(shown)) this.handle.setAttribute(name, each);
  }
}

/** The least and the greatest number, with some room. */
export function rangeOf(lists) {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return [0, 1];
  const room = (high - low) * 0.06 || Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}

/** Four or five round numbers in a range. */
function ticks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return found;
}
