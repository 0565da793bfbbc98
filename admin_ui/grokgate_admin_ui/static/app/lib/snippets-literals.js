// JSON values as literals of Python and JavaScript. Pure.

const WIDE = 72;

/**
 * Write a value as Python.
 *
 * @param {unknown} value What JSON can hold.
 * @param {number} depth Levels of four spaces that the following lines are moved in by.
 * @returns {string}
 */
export function toPython(value, depth) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => toPython(item, depth + 1));
    return block("[", items, "]", "    ".repeat(depth), "    ");
  }
  const items = Object.entries(value).map(
    ([name, item]) => `${JSON.stringify(name)}: ${toPython(item, depth + 1)}`,
  );
  return block("{", items, "}", "    ".repeat(depth), "    ");
}

/**
 * Write a value as JSON that is easy to read.
 *
 * @param {unknown} value What JSON can hold.
 * @param {number} depth Levels of two spaces that the following lines are moved in by.
 * @returns {string}
 */
export function toJson(value, depth) {
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) {
    const items = value.map((item) => toJson(item, depth + 1));
    return block("[", items, "]", "  ".repeat(depth), "  ", { trailing: "" });
  }
  const items = Object.entries(value).map(
    ([name, item]) => `${JSON.stringify(name)}: ${toJson(item, depth + 1)}`,
  );
  return block("{", items, "}", "  ".repeat(depth), "  ", { trailing: "" });
}

/**
 * Write a value as JavaScript.
 *
 * @param {unknown} value What JSON can hold.
 * @param {number} depth Levels of two spaces that the following lines are moved in by.
 * @returns {string}
 */
export function toNode(value, depth) {
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) {
    const items = value.map((item) => toNode(item, depth + 1));
    return block("[", items, "]", "  ".repeat(depth), "  ");
  }
  const items = Object.entries(value).map(
    ([name, item]) => `${propertyName(name)}: ${toNode(item, depth + 1)}`,
  );
  return block("{", items, "}", "  ".repeat(depth), "  ", { pad: " " });
}

/**
 * A plain `__proto__` would set the prototype, quoted or not.
 *
 * @param {string} name
 */
function propertyName(name) {
  if (name === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/**
 * @param {string} open
 * @param {string[]} items
 * @param {string} close
 * @param {string} indent Of the line that the block begins in.
 * @param {string} step
 * @param {{pad?: string, trailing?: string}} [style] What stands within the brackets of a block of
 *   one line, and behind the last item of a longer one.
 */
function block(open, items, close, indent, step, { pad = "", trailing = "," } = {}) {
  if (!items.length) return open + close;
  const flat = items.join(", ");
  if (indent.length + flat.length <= WIDE && !flat.includes("\n")) {
    return open + pad + flat + pad + close;
  }
  const lines = items.map((item) => indent + step + item).join(",\n");
  return `${open}\n${lines}${trailing}\n${indent}${close}`;
}
