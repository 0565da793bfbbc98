// Runs one case of the OpenAI Node SDK against a gateway and prints what the SDK made of it.
//
//     node sdk.mjs CASE    with GATEWAY_URL, GATEWAY_KEY and NODE_PACKAGES in the environment

import { createRequire } from "node:module";

const { OpenAI } = createRequire(`${process.env.NODE_PACKAGES}/`)("openai");
const PIXEL =
  "data:image/png;base64," +
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const client = new OpenAI({
  baseURL: `${process.env.GATEWAY_URL}/v1`,
  apiKey: process.env.GATEWAY_KEY,
  maxRetries: 0,
});

const TOOLS = "Look it up\n@sim scenario=tools";
const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const LOOK = { type: "function", function: { name: "lookup_city", parameters: CITY } };

const ask = (content, more = {}) => ({
  model: "grok-4",
  messages: [{ role: "user", content }],
  ...more,
});

async function refusal(call) {
  try {
    return { answered: await call() };
  } catch (error) {
    const { status, code, param, type } = error;
    return {
      class: error.constructor.name,
      isApiError: error instanceof OpenAI.APIError,
      status,
      code,
      param,
      type,
      requestId: error.requestID ?? null,
      retryAfter: error.headers?.get("retry-after") ?? null,
    };
  }
}

const cases = {
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
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
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

  wrongKey: () => refusal(() => client.withOptions({ apiKey: "sk-wrong" }).models.list()),
  noCall: () =>
    refusal(() =>
      client.chat.completions.create(ask("Just talk", { tools: [LOOK], tool_choice: "required" })),
    ),
  unknownModel: () => refusal(() => client.chat.completions.create(ask("hi", { model: "grok-99" }))),
  badValue: () => refusal(() => client.chat.completions.create(ask("hi", { temperature: 9 }))),
  notOffered: () => refusal(() => client.embeddings.create({ model: "grok-4", input: "x" })),
  rateLimit: () => refusal(() => client.chat.completions.create(ask("hi\n@sim fault=rate_limit"))),
};

console.log(JSON.stringify((await cases[process.argv[2]]()) ?? null));
