// Calls as code for the SDKs of OpenAI and Anthropic, in Python and for Node. Pure.

import { clientCall, isForPython } from "./snippets-calls.js";
import { toNode, toPython } from "./snippets-literals.js";

/** @typedef {import("./snippets.js").Call} Call */
/** @typedef {import("./snippets-calls.js").ClientCall} ClientCall */

const ENVIRONMENT = "GROKGATE_KEY";

/**
 * Write a call for the Python SDKs, version 1 and newer.
 *
 * @param {Call} call
 */
export function python(call) {
  const way = clientCall(call);
  const base = JSON.stringify(baseOf(call, way));
  const made = way.call
    ? `client.${way.call.python}(${pythonArguments(call, way)})`
    : pythonPlain(call, way);
  return [
    "import os",
    "",
    `from ${way.sdk === "anthropic" ? "anthropic" : "openai"} import ${clientName(way)}`,
    "",
    `client = ${clientName(way)}(base_url=${base}, api_key=os.environ["${ENVIRONMENT}"])`,
    "",
    pythonResult(call, way, made),
  ].join("\n");
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 */
function pythonArguments(call, way) {
  const lines = way.ids.map((id) => `"${id}"`);
  const foreign = /** @type {Record<string, unknown>} */ ({});
  for (const [name, value] of Object.entries(call.body ?? {})) {
    if (isForPython(way, name)) lines.push(`${name}=${toPython(value, 1)}`);
    else foreign[name] = value;
  }
  for (const [name, value] of Object.entries(call.form ?? {})) {
    lines.push(`${name}=${pythonPart(value)}`);
  }
  if (Object.keys(foreign).length) lines.push(`extra_body=${toPython(foreign, 1)}`);
  return spread(lines, "    ");
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 */
function pythonPlain(call, way) {
  const { method = "POST", body, form } = call;
  const lines = [`"${way.path}"`, "cast_to=object"];
  if (body) lines.push(`body=${toPython(body, 1)}`);
  if (form) lines.push(...pythonForm(form));
  return `client.${method.toLowerCase()}(${spread(lines, "    ")})`;
}

/**
 * The SDK sends JSON unless it is told that this is a form.
 *
 * @param {Record<string, string>} form
 */
function pythonForm(form) {
  const parts = Object.entries(form);
  const files = parts.filter(([, value]) => value.startsWith("@"));
  const words = parts.filter(([, value]) => !value.startsWith("@"));
  const opened = files.map(([name, value]) => `${JSON.stringify(name)}: ${pythonPart(value)}`);
  return [
    ...(words.length ? [`body=${toPython(Object.fromEntries(words), 1)}`] : []),
    `files={${opened.join(", ")}}`,
    'options={"headers": {"Content-Type": "multipart/form-data"}}',
  ];
}

/** @param {string} value */
function pythonPart(value) {
  if (!value.startsWith("@")) return JSON.stringify(value);
  return `open(${JSON.stringify(value.slice(1))}, "rb")`;
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 * @param {string} made
 */
function pythonResult({ body }, way, made) {
  if (body?.stream === true && way.call) {
    const shown = pieceOf(body, way)?.python ?? "print(event)";
    return `for event in ${made}:\n    ${shown}\n`;
  }
  const shown = way.call?.shown?.python ?? "reply";
  return `reply = ${made}\nprint(${shown})\n`;
}

/**
 * Write a call for the Node SDKs.
 *
 * @param {Call} call
 */
export function node(call) {
  const way = clientCall(call);
  const module = way.sdk === "anthropic" ? "@anthropic-ai/sdk" : "openai";
  const hasFile = Object.values(call.form ?? {}).some((value) => value.startsWith("@"));
  const made = way.call
    ? `client.${way.call.node}(${nodeArguments(call, way)})`
    : nodePlain(call, way);
  return [
    ...(hasFile ? ['import fs from "node:fs";'] : []),
    `import ${clientName(way)} from "${module}";`,
    "",
    `const client = new ${clientName(way)}({`,
    `  baseURL: ${JSON.stringify(baseOf(call, way))},`,
    `  apiKey: process.env.${ENVIRONMENT},`,
    "});",
    "",
    nodeResult(call, way, made),
  ].join("\n");
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 */
function nodeArguments({ body, form }, way) {
  const lines = way.ids.map((id) => `"${id}"`);
  if (form) lines.push(nodeForm(form, ""));
  else if (body) lines.push(toNode(body, 0));
  return lines.join(", ");
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 */
function nodePlain({ method = "POST", body, form }, way) {
  const lines = [`"${way.path}"`];
  if (form) lines.push(`{\n  body: ${nodeForm(form, "  ")},\n}`);
  else if (body) lines.push(`{\n  body: ${toNode(body, 1)},\n}`);
  return `client.${method.toLowerCase()}(${lines.join(", ")})`;
}

/**
 * @param {Record<string, string>} form
 * @param {string} indent
 */
function nodeForm(form, indent) {
  const lines = Object.entries(form).map(([name, value]) => {
    const isFile = value.startsWith("@");
    const text = JSON.stringify(isFile ? value.slice(1) : value);
    return `${indent}  ${name}: ${isFile ? `fs.createReadStream(${text})` : text},\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 * @param {string} made
 */
function nodeResult({ body }, way, made) {
  if (body?.stream === true && way.call) {
    const shown = pieceOf(body, way)?.node ?? "console.log(event)";
    return `for await (const event of await ${made}) {\n  ${shown};\n}\n`;
  }
  const shown = way.call?.shown?.node ?? "reply";
  return `const reply = await ${made};\nconsole.log(${shown});\n`;
}

/**
 * With `stream_options` there are events without a choice, so events are shown as they are.
 *
 * @param {Record<string, unknown>} body
 * @param {ClientCall} way
 */
function pieceOf(body, way) {
  return body.stream_options ? null : way.call?.piece;
}

/** @param {ClientCall} way */
function clientName(way) {
  return way.sdk === "anthropic" ? "Anthropic" : "OpenAI";
}

/**
 * @param {Call} call
 * @param {ClientCall} way
 */
function baseOf({ base }, way) {
  const root = base.replace(/\/+$/, "");
  return way.sdk === "anthropic" ? root : `${root}/v1`;
}

/**
 * @param {string[]} lines
 * @param {string} indent
 */
function spread(lines, indent) {
  const flat = lines.join(", ");
  if (flat.length <= 60 && !flat.includes("\n")) return flat;
  return `\n${lines.map((line) => `${indent}${line},\n`).join("")}`;
}
