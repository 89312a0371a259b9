// Heat maps on a canvas: states over time, weights over a picture, matrices. Knows no task.

import { h, short } from "./dom.js";

// From low over nothing to high; readable in light and dark, and without red beside green.
const LOW = [33, 102, 172];
const NONE = [247, 247, 247];
const HIGH = [178, 64, 24];

function colour(share) {
  const [from, to, part] = share < 0 ? [NONE, LOW, -share] : [NONE, HIGH, share];
  return from.map((each, index) => Math.round(each + (to[index] - each) * Math.min(1, part)));
}

/** Draws rows of numbers, one pixel each, blue to white to orange about 0. Returns the largest. */
export function heatMap(canvas, rows, most = null) {
  const height = rows.length;
  const width = Math.max(1, ...rows.map((row) => row.length));
  const largest = most ?? Math.max(1e-9, ...rows.map((row) => row.reduce((all, each) => Math.max(all, Math.abs(each)), 0)));
  canvas.width = width;
  canvas.height = Math.max(1, height);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (const [y, row] of rows.entries()) {
    for (const [x, value] of row.entries()) pixels.data.set([...colour(value / largest), 255], 4 * (y * width + x));
  }
  context.putImageData(pixels, 0, 0);
  return largest;
}

/** Draws weights over a picture, the heavier the brighter; grid is [rows, columns]. */
export function heatOver(canvas, weights, [rows, columns]) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const largest = Math.max(...weights);
  weights.forEach((each, index) => pixels.data.set([255, 140, 0, Math.round((255 * each) / largest)], 4 * index));
  context.putImageData(pixels, 0, 0);
}

/** A table of weights, a row a word and a column a source token. */
export function matrix(caption, columns, rows) {
  const cell = ([word, weight, column]) => {
    const td = h("td", { title: `${word} ← ${column}: ${short(weight, 2)}` }, h("span", { class: "hint", hidden: true }, short(weight, 2)));
    td.style.backgroundColor = `rgb(var(--band) / ${weight})`;
    return td;
  };
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "matrix" },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, h("td"), columns.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map(({ word, weights }) => h("tr", {}, h("th", { scope: "row" }, word), weights.map((each, index) => cell([word, each, columns[index]]))))),
    ),
  );
}
