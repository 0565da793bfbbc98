// Server-sent events, read from a reply so that its status and headers are seen.

/**
 * Read events until the stream ends.
 *
 * @param {Response} reply
 * @param {(name: string, data: string) => void} onEvent Name is "" for events without one.
 * @param {(error: unknown) => unknown} broken Makes what is thrown when the connection breaks.
 */
export async function readEvents(reply, onEvent, broken) {
  const body = reply.body;
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        throw broken(error);
      });
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) tell(block, onEvent);
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

/**
 * @param {string} block
 * @param {(name: string, data: string) => void} onEvent
 */
function tell(block, onEvent) {
  let name = "";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  if (data.length) onEvent(name, data.join("\n"));
}
