// The OpenAI Node SDK against a gateway; see cases.mjs.

import { address, key, load, refusal, serve } from "./cases.mjs";

const { OpenAI } = load("openai");
const { zodResponseFormat, zodTextFormat } = load("openai/helpers/zod");
const { z } = load("zod");

const PIXEL =
  "data:image/png;base64," +
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });

const TOOLS = "Look it up\n@sim scenario=tools";
const ECHO = "\n@sim scenario=echo";
const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const LOOK = { type: "function", function: { name: "lookup_city", parameters: CITY } };
const FLAT = { type: "function", name: "lookup_city", parameters: CITY, strict: true };
const City = z.object({ city: z.string() });

const ask = (content, more = {}) => ({
  model: "grok-4",
  messages: [{ role: "user", content }],
  ...more,
});
const turn = (input, more = {}) => ({ model: "grok-4", input, ...more });

const refused = (call) =>
  refusal(call, (error) => ({
    isApiError: error instanceof OpenAI.APIError,
    status: error.status,
    code: error.code,
    param: error.param,
    type: error.type,
    requestId: error.requestID ?? null,
    retryAfter: error.headers?.get("retry-after") ?? null,
  }));

async function collect(stream) {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
}

async function terminal(id) {
  for (;;) {
    const now = await client.responses.retrieve(id);
    if (!["queued", "in_progress"].includes(now.status)) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

await serve({
  async unary() {
    const { data, request_id } = await client.chat.completions
      .create(ask("Say hello to Lisbon"))
      .withResponse();
    return { ...data, request_id };
  },

  async stream() {
    const stream = await client.chat.completions.create(
      ask("Say the same twice", { stream: true, stream_options: { include_usage: true } }),
    );
    return collect(stream);
  },

  async helper() {
    const runner = client.chat.completions.stream(ask("Say hello to Porto"));
    let heard = "";
    runner.on("content", (delta) => (heard += delta));
    const whole = await runner.finalChatCompletion();
    return { heard, content: whole.choices[0].message.content, usage: await runner.totalUsage() };
  },

  async reasoning() {
    const stream = await client.chat.completions.create(
      ask("Think about kites", { model: "grok-4-thinking", stream: true }),
    );
    let reasoning = "";
    let content = "";
    for await (const chunk of stream) {
      reasoning += chunk.choices[0]?.delta.reasoning_content ?? "";
      content += chunk.choices[0]?.delta.content ?? "";
    }
    return { reasoning, content };
  },

  async image() {
    const answer = await client.chat.completions.create(
      ask([
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: PIXEL } },
      ]),
    );
    return answer.choices[0].message.content;
  },

  async tools() {
    const answer = await client.chat.completions.create(ask(TOOLS, { tools: [LOOK] }));
    return answer.choices[0];
  },

  async toolStream() {
    const runner = client.chat.completions.stream(ask(`${TOOLS} calls=2`, { tools: [LOOK] }));
    const whole = await runner.finalChatCompletion();
    return whole.choices[0];
  },

  async runTools() {
    const asked = [];
    const runner = client.chat.completions.runTools(
      ask(TOOLS, {
        tools: [
          {
            type: "function",
            function: {
              ...LOOK.function,
              parse: JSON.parse,
              function: ({ city }) => {
                asked.push(city);
                return "sunny\n@sim scenario=echo";
              },
            },
          },
        ],
      }),
    );
    return { asked, content: await runner.finalContent() };
  },

  async customTool() {
    const args = Buffer.from("free <text>").toString("base64url");
    const answer = await client.chat.completions.create(
      ask(`${TOOLS} name=run_note args=${args}`, {
        tools: [{ type: "custom", custom: { name: "run_note" } }],
        tool_choice: { type: "custom", custom: { name: "run_note" } },
      }),
    );
    return answer.choices[0].message.tool_calls[0];
  },

  async structured() {
    const answer = await client.chat.completions.parse(
      ask('It is {"city": "Porto"}', {
        response_format: {
          type: "json_schema",
          json_schema: { name: "place", strict: true, schema: CITY },
        },
      }),
    );
    return answer.choices[0].message.content;
  },

  async choices() {
    const stream = await client.chat.completions.create(
      ask("Tell me\n@sim scenario=long tokens=30", { n: 2, stream: true }),
    );
    const texts = ["", ""];
    const reasons = [];
    for await (const chunk of stream) {
      for (const choice of chunk.choices) {
        texts[choice.index] += choice.delta.content ?? "";
        if (choice.finish_reason) reasons[choice.index] = choice.finish_reason;
      }
    }
    return { texts, reasons };
  },

  async limits() {
    const text = "Tell me\n@sim scenario=long tokens=200";
    const stopped = await client.chat.completions.create(ask(text, { stop: "wire" }));
    const cut = await client.chat.completions.create(ask(text, { max_completion_tokens: 10 }));
    return {
      stopped: stopped.choices[0].message.content,
      reason: cut.choices[0].finish_reason,
      count: cut.usage.completion_tokens,
    };
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: await client.models.retrieve("grok-4.1-fast") };
  },

  async abort() {
    const stream = await client.chat.completions.create(
      ask("Count\n@sim scenario=long delay_ms=100 tokens=500", { stream: true }),
    );
    let chunks = 0;
    for await (const _ of stream) {
      chunks += 1;
      if (chunks === 3) stream.controller.abort();
    }
    return { chunks };
  },

  wrongKey: () => refused(() => client.withOptions({ apiKey: "sk-wrong" }).models.list()),
  noCall: () =>
    refused(() =>
      client.chat.completions.create(ask("Just talk", { tools: [LOOK], tool_choice: "required" })),
    ),
  unknownModel: () => refused(() => client.chat.completions.create(ask("hi", { model: "grok-99" }))),
  badValue: () => refused(() => client.chat.completions.create(ask("hi", { temperature: 9 }))),
  notOffered: () => refused(() => client.embeddings.create({ model: "grok-4", input: "x" })),
  rateLimit: () => refused(() => client.chat.completions.create(ask("hi\n@sim fault=rate_limit"))),

  async zodFormat() {
    const answer = await client.chat.completions.parse(
      ask('It is {"city": "Faro"}', { response_format: zodResponseFormat(City, "place") }),
    );
    return answer.choices[0].message.parsed;
  },

  async response() {
    const { data, request_id } = await client.responses
      .create(turn("Say hello to Lisbon"))
      .withResponse();
    return { ...data, output_text: data.output_text, request_id };
  },

  async responseEvents(prompt, more) {
    return collect(await client.responses.create(turn(prompt, { ...more, stream: true })));
  },

  async responseHelper() {
    const runner = client.responses.stream(turn("Say hello to Porto"));
    let heard = "";
    runner.on("response.output_text.delta", ({ delta }) => (heard += delta));
    const whole = await runner.finalResponse();
    return { heard, text: whole.output_text, status: whole.status };
  },

  async responseParsed() {
    const answer = await client.responses.parse(
      turn('It is {"city": "Faro"}', { text: { format: zodTextFormat(City, "place") } }),
    );
    return answer.output_parsed;
  },

  async responseTools() {
    const first = await client.responses.create(turn(TOOLS, { tools: [FLAT] }));
    const call = first.output.find((item) => item.type === "function_call");
    const result = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
    const second = await client.responses.create(
      turn([result, { role: "user", content: `So?${ECHO}` }], {
        previous_response_id: first.id,
        tools: [FLAT],
      }),
    );
    return { call, text: second.output_text, previous: second.previous_response_id };
  },

  async responseKept() {
    const { id } = await client.responses.create(turn("Remember me"));
    const again = await client.responses.retrieve(id);
    const items = await collect(client.responses.inputItems.list(id));
    await client.responses.delete(id);
    const gone = await refused(() => client.responses.retrieve(id));
    return { text: again.output_text, items, gone };
  },

  async responseBackground() {
    const begun = await client.responses.create(turn("Take your time", { background: true }));
    const done = await terminal(begun.id);
    return { begun: begun.status, done: done.status, text: done.output_text };
  },

  async responseCancelled() {
    const { id } = await client.responses.create(
      turn("Count\n@sim scenario=long delay_ms=100 tokens=500", { background: true }),
    );
    const { status } = await client.responses.cancel(id);
    return status;
  },

  async responseCounted() {
    const { input_tokens } = await client.responses.inputTokens.count(turn("How long is this?"));
    return input_tokens;
  },

  async responseCompacted() {
    const { output } = await client.responses.compact(turn("A long story"));
    const next = await client.responses.create(
      turn([...output, { role: "user", content: `And then?${ECHO}` }]),
    );
    return { types: output.map(({ type }) => type), text: next.output_text };
  },

  responseUnknown: () => refused(() => client.responses.retrieve("resp_000000000000000000000000")),
  responseNoModel: () => refused(() => client.responses.create({ input: "hi" })),
  responseBadValue: () => refused(() => client.responses.create(turn("hi", { temperature: 9 }))),
  responseNoPrevious: () =>
    refused(() => client.responses.create(turn("hi", { previous_response_id: "resp_none" }))),
});
