// The tabs, the service's state and the API key. Knows which tabs there are, not what they do.

import { ask, key } from "./api.js";
import { button, h } from "./dom.js";
import { inWords } from "./result.js";

// Each file has `title`, `needs(service)`, which says what is missing or null, and `mount`.
const TABS = ["forecast", "live", "sentiment", "authorship", "caption", "translate", "generate", "network", "models"];
const TITLES = {
  forecast: "Forecast",
  live: "Live",
  sentiment: "Sentiment",
  authorship: "Authorship",
  caption: "Caption",
  translate: "Translate",
  generate: "Generate",
  network: "Your network",
  models: "Models",
};
const AGAIN_MS = 2000; // while the models are being loaded

const bar = document.getElementById("tabs");
const panels = document.getElementById("panels");
const status = document.getElementById("status");

/** What the service serves. */
const service = {
  models: [],
  candidates: [],
  refused: [],
  of: (task) => service.models.filter((each) => each.task === task),
  streaming: () => service.models.filter((each) => each.streams),
};

function build() {
  for (const name of TABS) {
    bar.append(
      h(
        "button",
        {
          ...{ type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` },
          ...{ "aria-selected": "false", tabindex: "-1", onclick: () => open(name, true) },
        },
        TITLES[name],
      ),
    );
    panels.append(
      h("section", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, hidden: true }),
    );
  }
  bar.addEventListener("keydown", (event) => {
    const at = TABS.indexOf(opened);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = TABS[(to + TABS.length) % TABS.length];
    open(name, true);
    document.getElementById(`tab-${name}`).focus();
  });
}

let opened = "";
const mounted = new Set();

async function open(name, remember) {
  opened = name;
  for (const each of TABS) {
    const tab = document.getElementById(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    document.getElementById(`panel-${each}`).hidden = each !== name;
  }
  document.getElementById(`tab-${name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  document.title = `Unroll: ${TITLES[name]}`;
  if (remember) history.replaceState(null, "", `#${name}`);
  if (mounted.has(name) || !service.known) return;
  mounted.add(name);
  const panel = document.getElementById(`panel-${name}`);
  const tab = await import(`./${name}.js`);
  const missing = tab.needs(service);
  panel.replaceChildren(h("h2", {}, TITLES[name]));
  if (missing) panel.append(h("div", { class: "missing" }, missing));
  else tab.mount(panel, service);
}

async function look() {
  // A service without models is not ready either, and will not be by waiting.
  const ready = await ask({ method: "GET", path: "/health/ready" }).catch((problem) => problem);
  if (ready.status === 503 && !ready.message.startsWith("no model")) {
    say("", `${ready.message} …`);
    setTimeout(look, AGAIN_MS);
    return;
  }
  try {
    const { content } = await ask({ method: "GET", path: "/models" });
    Object.assign(service, { ...content, known: true });
  } catch (problem) {
    say("bad", problem.message);
    document.getElementById(`panel-${opened}`).replaceChildren(
      h("div", { class: "problem", role: "alert" }, inWords(problem), button("Try again", restart)),
    );
    return;
  }
  const count = service.models.length;
  say(count ? "good" : "bad", count === 1 ? "1 model served" : `${count} models served`);
  open(opened, false);
}

function say(kind, text) {
  status.className = kind;
  status.textContent = text;
}

function restart() {
  mounted.clear();
  service.known = false;
  look();
}

function setUpKey() {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key-input");
  const why = document.getElementById("key-why");
  const show = (reason) => {
    if (dialog.open) return;
    why.textContent = reason;
    input.value = key.get();
    dialog.showModal();
  };
  document.getElementById("key-button").addEventListener("click", () =>
    show("Only needed where the service asks for one."),
  );
  document.addEventListener("key-needed", (event) => show(event.detail.message));
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "keep") key.set(input.value.trim());
    if (dialog.returnValue === "forget") key.set("");
    input.value = "";
    if (["keep", "forget"].includes(dialog.returnValue)) restart();
    dialog.returnValue = "";
  });
}

build();
setUpKey();
const asked = location.hash.slice(1);
open(TABS.includes(asked) ? asked : TABS[0], false);
addEventListener("hashchange", () => {
  const name = location.hash.slice(1);
  if (TABS.includes(name) && name !== opened) open(name, false);
});
look();
