// Requests as code to copy. Knows the paths of the service and the calls of its Python client; sends nothing.

import { key } from "./api.js";

const address = (request) => new URL(`.${request.path}`, location.href).href;
const FILE = "photograph.jpg";

/** By language, what makes code of a request. */
export const SNIPPETS = {
  curl(request) {
    const parts = [`curl '${address(request)}'`];
    if (request.method !== "GET" && request.method !== "POST") parts.push(`-X ${request.method}`);
    if (key.get()) parts.push("-H \"Authorization: Bearer $UNROLL_API_KEY\"");
    if (request.accept) parts.push(`-N -H 'Accept: ${request.accept}'`);
    if (request.json !== undefined) {
      parts.push("-H 'Content-Type: application/json'");
      parts.push(`-d '${JSON.stringify(request.json).replaceAll("'", "'\\''")}'`);
    } else if (request.type) parts.push(`-H 'Content-Type: ${request.type}' --data-binary @${FILE}`);
    return parts.join(" \\\n  ");
  },
  Python: python,
  JavaScript(request) {
    const headers = {};
    if (key.get()) headers.Authorization = "Bearer YOUR_KEY";
    if (request.accept) headers.Accept = request.accept;
    if (request.json !== undefined) headers["Content-Type"] = "application/json";
    else if (request.type) headers["Content-Type"] = request.type;
    const lines = [`method: "${request.method}"`];
    if (Object.keys(headers).length) lines.push(`headers: ${JSON.stringify(headers)}`);
    if (request.json !== undefined) lines.push(`body: JSON.stringify(${JSON.stringify(request.json)})`);
    else if (request.type) lines.push("body: file");
    const call = `const answer = await fetch("${address(request)}", {\n  ${lines.join(",\n  ")},\n});\n`;
    return call + (request.accept ? "for await (const part of answer.body) console.log(part);\n" : "console.log(await answer.json());\n");
  },
};

// The calls of the client for these paths, and their arguments that need no name.
const CALLS = {
  "/forecast": ["forecast", "series", "horizon"],
  "/anomalies": ["anomalies", "series"],
  "/sentiment": ["sentiment", "text"],
  "/classify": ["classify", "text"],
  "/authorship": ["authorship", "text"],
  "/translate": ["translate", "text", "target"],
  "/generate": ["generate", "prompt", "max_length"],
};

/** With unroll_client: the call of the path, else its `ask`, which takes any. */
function python(request) {
  const url = literal(new URL(".", location.href).href.replace(/\/$/, ""));
  const client = `Client(${url}${key.get() ? ', api_key=os.environ["UNROLL_API_KEY"]' : ""})`;
  const { imports = [], context = "", lines } = callOf(request);
  const head = [...(key.get() ? ["import os", ""] : []), ...imports, "from unroll_client import Client"].join("\n");
  return `${head}\n\nwith ${client} as client${context}:\n${lines.map((each) => `    ${each}\n`).join("")}`;
}

function callOf(request) {
  const [path, query] = request.path.split("?");
  if (path === "/caption") return written("caption", [literal(FILE)], named(captionOptions(query)), request.accept);
  const [name, ...first] = CALLS[path] || [];
  if (name && first.every((each) => each in request.json)) {
    const others = Object.entries(request.json).filter(([field]) => !first.includes(field));
    return written(name, first.map((each) => literal(request.json[each])), named(others), request.accept);
  }
  return streamed(path, request) || inferred(path, request) || asked(request);
}

/** A call of a task; words come one by one where events are asked for. */
function written(name, first, others, events) {
  const given = [...first, ...others].join(", ");
  if (events) return { lines: [`for words in client.${name}_words(${given}):`, '    print(words, end="", flush=True)'] };
  return { lines: [`print(client.${name}(${given}))`] };
}

function captionOptions(query) {
  const read = (value) => (value === "true" ? true : /^\d+$/.test(value) ? Number(value) : value);
  return [...new URLSearchParams(query)].map(([name, value]) => [name, name === "model" ? value : read(value)]);
}

function streamed(path, { method, json }) {
  const [, name, what] = /^\/streams\/([^/]+)(?:\/(steps|fork))?$/.exec(path) || [];
  if (!name || (what ? method !== "POST" : method !== "PUT")) return null;
  const { model, position, values, text, stream, ...others } = json;
  const given = what ? [literal(name)] : [literal(name), literal(model), ...named(Object.entries(others))];
  const context = `, client.stream(${given.join(", ")}) as stream`;
  if (!what) return { context, lines: ["print(stream.position)"] };
  if (what === "fork") return { context, lines: [`print(stream.fork(${literal(stream)}).position)`] };
  const options = named(Object.entries(others));
  const call = text === undefined ? `step(${[...values.map(literal), ...options].join(", ")})` : `write(${[literal(text), ...options].join(", ")})`;
  return { context, lines: [`print(stream.${call})`] };
}

const TYPES = { BOOL: "bool", FP: "float", INT: "int", UINT: "uint" };

function inferred(path, { json }) {
  const [, model] = /^\/v2\/models\/([^/]+)\/infer$/.exec(path) || [];
  if (!model) return null;
  const inputs = [];
  for (const { name, datatype, shape, data } of json.inputs) {
    const [, kind, bits] = /^(BOOL|FP|INT|UINT)(\d*)$/.exec(datatype) || [];
    if (!kind) return null; // NumPy has no such type
    inputs.push(`${literal(name)}: np.array(${literal(data)}, "${TYPES[kind]}${bits}").reshape(${literal(shape)}),`);
  }
  return { imports: ["import numpy as np"], lines: ["inputs = {", ...inputs.map((each) => `    ${each}`), "}", `print(client.infer(${literal(decodeURIComponent(model))}, inputs))`] };
}

function asked({ method, path, json }) {
  const usual = json === undefined ? "GET" : "POST";
  const given = [literal(path), ...(json === undefined ? [] : [literal(json)]), ...(method === usual ? [] : [`method=${literal(method)}`])];
  return { lines: [`print(client.ask(${given.join(", ")}))`] };
}

const named = (entries) => entries.map(([name, value]) => `${name}=${literal(value)}`);

/** A value of JSON as Python writes it. */
function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}
