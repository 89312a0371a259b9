// The tab Authorship: who wrote it, and what each chunk of the text says.

import { h, short } from "./dom.js";
import { PAPERS } from "./examples.js";
import { bars, coloured, mountText, points } from "./words.js";

export function needs(service) {
  return service.of("authorship").length ? null : "No model of the task authorship is served. `unroll train authorship --data DIR` makes one of your own authors.";
}

export function mount(panel, service) {
  mountText(panel, {
    models: service.of("authorship"),
    label: "Text",
    hint: "The longer, the surer. The models know their own authors only.",
    examples: PAPERS.map((each) => [each.name, each.text]),
    path: "/authorship",
    body: (text, model) => ({ text, evidence: true, ...(model === "authorship" ? {} : { model }) }),
    show,
    rows: 12,
  });
}

function show({ model, version, predictions: [found] }, text) {
  const letters = points(text);
  const chunks = found.evidence.map((each, index) => {
    const share = each.probabilities[found.author] ?? 0;
    const best = Object.entries(each.probabilities).sort(([, a], [, b]) => b - a)[0];
    // Half stands for nothing, one for sure.
    const mark = coloured(letters.slice(each.start, each.end).join(""), 2 * share - 1, `${found.author}: ${short(share * 100, 3)} %`);
    return h(
      "li",
      {},
      h("p", {}, `Characters ${each.start} to ${each.end}: ${best[0]} ${short(best[1] * 100, 3)} %${best[0] === found.author ? "" : `, ${found.author} ${short(share * 100, 3)} %`}`),
      h("p", { class: "words" }, mark),
      found.evidence.length > 1 ? h("details", {}, h("summary", {}, `All authors of chunk ${index + 1}`), bars(each.probabilities, 8)) : null,
    );
  });
  return [
    h("p", { class: "big", role: "status" }, found.abstained ? `Perhaps ${found.author}: the evidence is too thin to rely on` : found.author),
    bars(found.probabilities),
    h("p", { class: "hint" }, `${found.chunks} ${found.chunks === 1 ? "chunk" : "chunks"}, ${found.characters} characters read${found.truncated ? "; the text went on" : ""}. ${model} ${version}.`),
    h("h3", {}, "Evidence, chunk by chunk"),
    h("ol", {}, chunks),
  ];
}
