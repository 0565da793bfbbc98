// The AI SDK, two major versions of it with their providers, against a gateway; see cases.mjs.
//
// Every case takes the version ("6" or "7") and the provider first.

import { address, key, load, refusal, serve } from "./cases.mjs";

const { z } = load("zod");

const sdks = {
  6: {
    ai: load("ai-6"),
    openai: load("ai-6-openai"),
    compatible: load("ai-6-openai-compatible"),
    xai: load("ai-6-xai"),
    anthropic: load("ai-6-anthropic"),
    open: load("ai-6-open-responses"),
  },
  7: {
    ai: load("ai"),
    openai: load("@ai-sdk/openai"),
    compatible: load("@ai-sdk/openai-compatible"),
    xai: load("@ai-sdk/xai"),
    anthropic: load("@ai-sdk/anthropic"),
    open: load("@ai-sdk/open-responses"),
  },
};
globalThis.AI_SDK_LOG_WARNINGS = false;

const baseURL = `${address}/v1`;
const common = { baseURL, apiKey: key };
const named = { name: "grokgate", ...common };

const models = {
  "openai responses": (sdk, id) => sdk.openai.createOpenAI(common).responses(id),
  "openai chat": (sdk, id) => sdk.openai.createOpenAI(common).chat(id),
  "openai compatible": (sdk, id) =>
    sdk.compatible
      .createOpenAICompatible({ ...named, supportsStructuredOutputs: true, includeUsage: true })
      .chatModel(id),
  "xai chat": (sdk, id) => sdk.xai.createXai(common).chat(id),
  "xai responses": (sdk, id) => sdk.xai.createXai(common).responses(id),
  anthropic: (sdk, id) => sdk.anthropic.createAnthropic(common)(id),
  "open responses": (sdk, id) =>
    sdk.open.createOpenResponses({ ...named, url: `${baseURL}/responses` })(id),
};

const TOOLS = "Look it up\n@sim scenario=tools";
const City = z.object({ city: z.string() });

function asked(version, provider, prompt, { id = "grok-4", ...more } = {}) {
  const sdk = sdks[version];
  return { model: models[provider](sdk, id), prompt, maxRetries: 0, ...more };
}

function tools(version) {
  const { tool } = sdks[version].ai;
  return {
    lookup_city: tool({
      description: "Tell how the weather of a city is.",
      inputSchema: City,
      execute: async ({ city }) => `${city} is sunny\n@sim scenario=echo`,
    }),
  };
}

const steps = (version) => sdks[version].ai.stepCountIs(3);

const refused = (call) =>
  refusal(call, (error) => ({ status: error.statusCode ?? null, message: error.message }));

async function streamed(version, request) {
  const errors = [];
  const result = sdks[version].ai.streamText({
    ...request,
    onError: ({ error }) => errors.push(String(error?.message ?? JSON.stringify(error))),
  });
  const parts = [];
  for await (const part of result.fullStream) parts.push(part);
  return { parts, errors, result };
}

await serve({
  async text(version, provider) {
    const request = asked(version, provider, "Say hello to Lisbon");
    const { text, finishReason, usage } = await sdks[version].ai.generateText(request);
    return { text, finishReason, usage };
  },

  async stream(version, provider) {
    const { result } = await streamed(version, asked(version, provider, "Say hello to Porto"));
    return { text: await result.text, finishReason: await result.finishReason };
  },

  async reasoning(version, provider, providerOptions) {
    const request = asked(version, provider, "Think about kites", {
      id: "grok-4-thinking",
      providerOptions,
    });
    const { parts, result } = await streamed(version, request);
    return { kinds: parts.map(({ type }) => type), text: await result.text };
  },

  async tools(version, provider) {
    const { text, steps: made } = await sdks[version].ai.generateText(
      asked(version, provider, TOOLS, { tools: tools(version), stopWhen: steps(version) }),
    );
    const inputs = made.flatMap(({ toolCalls }) => toolCalls.map(({ input }) => input));
    return { text, inputs };
  },

  async toolStream(version, provider) {
    const request = { tools: tools(version), stopWhen: steps(version) };
    const { parts, errors, result } = await streamed(
      version,
      asked(version, provider, `${TOOLS} calls=2`, request),
    );
    const inputs = parts.filter(({ type }) => type === "tool-call").map(({ input }) => input);
    return { text: await result.text, inputs, errors };
  },

  async object(version, provider, prompt) {
    const request = asked(version, provider, prompt, { schema: City });
    return (await sdks[version].ai.generateObject(request)).object;
  },

  async output(version, provider, prompt) {
    const output = sdks[version].ai.Output.object({ schema: City });
    const request = asked(version, provider, prompt, { output });
    const { result } = await streamed(version, request);
    return result.output;
  },

  async sources(version, provider) {
    const sdk = sdks[version];
    const hosted = provider.startsWith("xai")
      ? sdk.xai.createXai(common).tools.webSearch()
      : sdk.openai.createOpenAI(common).tools.webSearch();
    const request = asked(version, provider, "What is new?\n@sim scenario=search", {
      tools: { web_search: hosted },
    });
    const { sources } = await sdk.ai.generateText(request);
    return sources.map(({ url }) => url);
  },

  async video(version, id) {
    const sdk = sdks[version];
    const { video } = await sdk.ai.experimental_generateVideo({
      model: sdk.xai.createXai(common).video(id),
      prompt: "Waves at dusk",
      duration: 6,
      aspectRatio: "16:9",
      resolution: "1280x720",
      maxRetries: 0,
      providerOptions: { xai: { pollIntervalMs: 50 } },
      // The SDK's own download goes to public addresses alone.
      download: async ({ url }) => {
        const reply = await fetch(url);
        const data = new Uint8Array(await reply.arrayBuffer());
        return { data, mediaType: reply.headers.get("content-type") };
      },
    });
    return { type: video.mediaType, bytes: video.uint8Array.length };
  },

  async abort(version, provider) {
    const stop = new AbortController();
    const prompt = "Count\n@sim scenario=long delay_ms=50 tokens=400";
    const result = sdks[version].ai.streamText(
      asked(version, provider, prompt, { abortSignal: stop.signal }),
    );
    let deltas = 0;
    for await (const { type } of result.fullStream) {
      if (type === "text-delta" && ++deltas === 3) stop.abort();
    }
    return deltas;
  },

  async broken(version, provider) {
    const prompt = "Break\n@sim scenario=long tokens=60 fault=cut lines=20";
    const { parts, errors } = await streamed(version, asked(version, provider, prompt));
    return { errors, finish: parts.findLast(({ type }) => type === "finish")?.finishReason ?? null };
  },

  unknownModel: (version, provider) =>
    refused(() =>
      sdks[version].ai.generateText(asked(version, provider, "hi", { id: "grok-99" })),
    ),
});
