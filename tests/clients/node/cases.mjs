// Runs cases that come one a line on standard input, as JSON [name, ...arguments].
//
// Each is answered by one line: {"value": …}, or {"failed": "…"} when it threw. In the environment:
// GATEWAY_URL, GATEWAY_KEY, and NODE_PACKAGES, the folder that holds node_modules.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.env.NODE_PACKAGES}/`);

/** Load an installed package. */
export const load = (name) => require(name);

export const address = process.env.GATEWAY_URL;
export const key = process.env.GATEWAY_KEY;

/** What a client makes of a refusal; `seen` picks what its error classes are known by. */
export async function refusal(call, seen) {
  try {
    return { answered: await call() };
  } catch (error) {
    return { class: error.constructor.name, ...seen(error) };
  }
}

/** Answer lines until standard input ends. */
export async function serve(cases) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...given] = JSON.parse(line);
    console.log(JSON.stringify(await outcome(cases[name], given)));
  }
}

async function outcome(run, given) {
  try {
    return { value: (await run(...given)) ?? null };
  } catch (error) {
    return { failed: `${error?.stack ?? error}\n${JSON.stringify(error?.cause ?? error) ?? ""}` };
  }
}
