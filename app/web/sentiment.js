// The tab Sentiment: type, and words are coloured by what they contribute.

import { h, short, table } from "./dom.js";
import { SENTIMENTS } from "./examples.js";
import { bars, coloured, mountText, points } from "./words.js";

export function needs(service) {
  return service.of("sentiment").length ? null : "No model of the task sentiment is served. `unroll train sentiment --data DIR` makes one.";
}

export function mount(panel, service) {
  mountText(panel, {
    models: service.of("sentiment"),
    label: "Text",
    hint: "Judged while you type.",
    examples: SENTIMENTS.map((each) => [each, each]),
    path: "/sentiment",
    body: (text, model) => ({ text, explain: true, ...(model === "sentiment" ? {} : { model }) }),
    show,
  });
}

function show({ model, version, predictions: [found] }, text) {
  const { label, tokens, bias } = found.explanation;
  const largest = Math.max(...tokens.map((each) => Math.abs(each.contribution)), 1e-9);
  const letters = points(text);
  const words = h("p", { class: "words" });
  let at = 0;
  for (const each of tokens) {
    words.append(letters.slice(at, each.start).join(""));
    words.append(coloured(letters.slice(each.start, each.end).join(""), each.contribution / largest, `${each.token}: ${short(each.contribution, 3)}`));
    at = each.end;
  }
  words.append(letters.slice(at).join(""));
  const rows = tokens.map((each) => [each.token, short(each.contribution, 3)]);
  return [
    h("p", { class: "big", role: "status" }, found.abstained ? `Perhaps ${label}: the model does not understand enough of this text` : `${label} (${short(found.score * 100, 3)} %)`),
    bars(found.probabilities),
    words,
    h("p", { class: "hint" }, `Green speaks for ${label}, orange against it. The contributions and ${short(bias, 3)}, which no word brings, sum up exactly to the answer. ${model} ${version}.`),
    found.truncated ? h("p", { class: "hint" }, "Only the beginning of the text was read.") : null,
    h("details", {}, h("summary", {}, "The contributions as numbers"), table("Contribution of each token", ["token", "contribution"], rows)),
  ];
}
