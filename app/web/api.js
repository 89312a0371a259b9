// Asks the service. Knows HTTP, keys, problems and events; no task.

const KEY = "unroll-key";

/** The API key, kept for the session of this tab alone. */
export const key = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** What the service says is wrong, in its own words. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.error || `the service answered ${status}`);
    this.status = status;
    this.title = body.title || `Status ${status}`;
    this.errors = body.errors || [];
    this.requestId = body.request_id || "";
    this.position = body.position;
  }
}

/**
 * A request is {method, path, json} or {method, path, body, type}; `accept` if it matters.
 * Answers {content, timing, requestId}; content is what JSON holds, a text, or an ArrayBuffer.
 */
export async function ask(request, signal) {
  const began = performance.now();
  const response = await sent(request, signal);
  const content = await contentOf(response);
  return { content, ...factsOf(response, began) };
}

/** The same for an answer in events: `onText` is given each piece; the last one is returned. */
export async function askForEvents(request, onText, signal) {
  const began = performance.now();
  const response = await sent({ ...request, accept: "text/event-stream" }, signal);
  const facts = factsOf(response, began);
  let content = null;
  for await (const [name, data] of eventsOf(response.body)) {
    if (name === "text") onText(data.text);
    else if (name === "answer") content = data;
    else throw new Problem(data.status || 500, data);
  }
  Object.assign(facts.timing, { begun: facts.timing.elapsed, elapsed: performance.now() - began });
  if (content === null) throw new Problem(0, { detail: "the answer ended before its end" });
  return { content, ...facts };
}

async function sent(request, signal) {
  const headers = {};
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  if (request.accept) headers.Accept = request.accept;
  let body = request.body;
  if (request.json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(request.json);
  } else if (request.type) headers["Content-Type"] = request.type;
  let response;
  try {
    // Relative to the page, so that a proxy may put the service under a path.
    response = await fetch(`.${request.path}`, { method: request.method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "the service cannot be reached" });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await problemOf(response));
  if (response.status === 401) document.dispatchEvent(new CustomEvent("key-needed", { detail: problem }));
  throw problem;
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.trim() };
  }
}

async function contentOf(response) {
  const type = response.headers.get("Content-Type") || "";
  if (type.includes("json")) return response.json();
  if (type.includes("octet-stream")) return response.arrayBuffer();
  return response.text();
}

function factsOf(response, began) {
  const timing = { elapsed: performance.now() - began };
  for (const part of (response.headers.get("Server-Timing") || "").split(",")) {
    const found = /^\s*(\w+);dur=([\d.]+)/.exec(part);
    if (found) timing[found[1]] = Number(found[2]);
  }
  return { timing, requestId: response.headers.get("X-Request-ID") || "" };
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part);
      const data = /^data: (.*)$/m.exec(part);
      if (name && data) yield [name[1], JSON.parse(data[1])];
    }
  }
}

let described = null;

/** The description of the service, fetched once and only when a tab asks for it. */
export function description() {
  described ??= ask({ method: "GET", path: "/openapi.json" }).then((answer) => answer.content);
  return described;
}

/** Whether the service has an operation, and whether its request takes a field. */
export async function takes(path, name) {
  const { paths, components } = await description();
  const body = paths[path]?.post?.requestBody?.content["application/json"]?.schema;
  const schema = body?.$ref ? components.schemas[body.$ref.split("/").pop()] : body;
  return Boolean(schema?.properties && name in schema.properties);
}
