// Lines over time for one stream and its fork, with marks. Knows no service.

import { rangeOf } from "./chart.js";
import { short, svg } from "./dom.js";

const HEIGHT = 180;
const LEFT = 56;
const RIGHT = 12;
const ROOM = 14;

/**
 * Draws lines {kind, from, values, marks}; `from` is the position of the first value, `marks` are
 * positions of anomalies. bands: {from, low, high} of forecasts. range: of the values, if it is known.
 */
export function drawTraces(element, title, lines, { first, last, bands = [], range = null }) {
  const width = Math.max(280, element.clientWidth || 640);
  element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  element.setAttribute("aria-label", title);
  element.style.height = `${HEIGHT}px`;
  const [low, high] = range ?? rangeOf([...lines.map((each) => each.values), ...bands.flatMap((each) => [each.low, each.high])]);
  const x = (position) => LEFT + ((position - first) / Math.max(1, last - first)) * (width - LEFT - RIGHT);
  const y = (value) => ROOM + (1 - (value - low) / (high - low)) * (HEIGHT - 2 * ROOM);
  const point = (value, position) => `${x(position).toFixed(1)},${y(value).toFixed(1)}`;
  const parts = [low, (low + high) / 2, high].flatMap((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, short(value, 3)),
  ]);
  for (const band of bands) {
    const up = band.low.map((value, index) => point(value, band.from + index));
    const back = band.high.map((value, index) => point(value, band.from + index)).reverse();
    parts.push(svg("path", { class: `band ${band.kind}`, d: `M${[...up, ...back].join("L")}Z` }));
  }
  for (const { kind, from, values, marks = [] } of lines) {
    const shown = values.map((value, index) => [value, from + index]).filter(([value, position]) => value !== null && position >= first);
    if (shown.length) parts.push(svg("path", { class: kind, d: `M${shown.map((each) => point(...each)).join("L")}` }));
    for (const position of marks.filter((each) => each >= first)) {
      parts.push(svg("circle", { class: "anomaly", cx: x(position), cy: y(values[position - from]), r: 6 }));
    }
  }
  element.replaceChildren(...parts);
}
