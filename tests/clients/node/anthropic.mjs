// The Anthropic Node SDK against a gateway; see cases.mjs.

import { address, key, load, refusal, serve } from "./cases.mjs";

const { Anthropic } = load("@anthropic-ai/sdk");

const client = new Anthropic({ baseURL: address, apiKey: key, maxRetries: 0 });

const LOOK = {
  name: "lookup_city",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const TOOLS = "Look it up\n@sim scenario=tools";

const ask = (content, more = {}) => ({
  model: "grok-4",
  max_tokens: 2000,
  messages: [{ role: "user", content }],
  ...more,
});

const refused = (call) =>
  refusal(call, (error) => ({
    isApiError: error instanceof Anthropic.APIError,
    status: error.status,
    type: error.error?.error?.type,
    requestId: error.requestID ?? null,
  }));

await serve({
  async unary() {
    return client.messages.create(ask("Say hello to Lisbon"));
  },

  async stream() {
    const kinds = [];
    for await (const event of client.messages.stream(ask("Say it in order"))) {
      if (event.type !== "content_block_delta" && event.type !== "ping") kinds.push(event.type);
    }
    return kinds;
  },

  async helper() {
    let heard = "";
    const stream = client.messages.stream(ask("Say hello to Porto"));
    stream.on("text", (text) => (heard += text));
    const message = await stream.finalMessage();
    return { heard, message };
  },

  async thinking() {
    let thought = "";
    const stream = client.messages.stream(
      ask("Think about kites", {
        model: "grok-4-thinking",
        thinking: { type: "enabled", budget_tokens: 1024 },
      }),
    );
    stream.on("thinking", (text) => (thought += text));
    const { content } = await stream.finalMessage();
    return { thought, content };
  },

  async tools() {
    const messages = ask(TOOLS).messages;
    const asked = { model: "grok-4", max_tokens: 500, tools: [LOOK] };
    const first = await client.messages.create({ ...asked, messages });
    const use = first.content.find(({ type }) => type === "tool_use");
    const result = {
      type: "tool_result",
      tool_use_id: use.id,
      content: "sunny\n@sim scenario=echo",
    };
    const second = await client.messages.create({
      ...asked,
      messages: [
        ...messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [result] },
      ],
    });
    return { reason: first.stop_reason, use, text: second.content[0].text };
  },

  async toolStream() {
    const stream = client.messages.stream(ask(`${TOOLS} calls=2`, { tools: [LOOK] }));
    return (await stream.finalMessage()).content;
  },

  async count() {
    return client.messages.countTokens({ model: "grok-4", messages: ask("How long?").messages });
  },

  wrongKey: () => {
    const other = new Anthropic({ baseURL: address, apiKey: "sk-wrong", maxRetries: 0 });
    return refused(() => other.messages.create(ask("hi")));
  },
  unknownModel: () => refused(() => client.messages.create(ask("hi", { model: "grok-99" }))),
  badValue: () => refused(() => client.messages.create(ask("hi", { max_tokens: 0 }))),
});
