// Vercel's AI SDK; the argument says over which of its providers.
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import * as report from "./report.mjs";

async function provider(name) {
  switch (name) {
    case "openai":
    case "openai-unstored":
    case "openai-chat": {
      const { createOpenAI } = await import("@ai-sdk/openai");
      const openai = createOpenAI({ baseURL: report.URL + "/v1", apiKey: report.KEY });
      return name === "openai-chat" ? openai.chat : openai;
    }
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      return createAnthropic({ baseURL: report.URL + "/v1", apiKey: report.KEY });
    }
    case "bedrock": {
      const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
      return createAmazonBedrock({ baseURL: report.URL, apiKey: report.KEY, region: "us-east-1" });
    }
    case "google": {
      const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
      return createGoogleGenerativeAI({ baseURL: report.URL + "/v1beta", apiKey: report.KEY });
    }
  }
  throw new Error(`${name} is none of the providers`);
}

const models = await provider(process.argv[2]);
// Without this its openai refers to earlier items, which the provider that made them has and no other.
const providerOptions = process.argv[2] === "openai-unstored" ? { openai: { store: false } } : {};
const base = (model) => ({ model: models(model), providerOptions, system: "Be brief.", maxRetries: 0, abortSignal: AbortSignal.timeout(20_000) });
const tools = { get_weather: tool({ description: report.DESCRIPTION, inputSchema: jsonSchema(report.SCHEMA), execute: report.weather }) };
const steps = { tools, stopWhen: stepCountIs(3) };

async function streamed(options) {
  let failed;
  const r = streamText({ ...options, onError: ({ error }) => (failed = error) });
  await r.consumeStream();
  if (failed) throw failed;
  return r.text;
}

await report.run({
  text: async (model) => report.holds((await generateText({ ...base(model), prompt: "Say hello" })).text, ""),
  stream: async (model) => report.holds(await streamed({ ...base(model), prompt: "Say hello" }), ""),
  tool: async (model) => report.holds((await generateText({ ...base(model), ...steps, prompt: report.ASK })).text),
  stream_tool: async (model) => report.holds(await streamed({ ...base(model), ...steps, prompt: report.ASK })),
  image: async (model) => {
    const content = [{ type: "text", text: "What is this?" }, { type: "image", image: Buffer.from(report.PNG64, "base64"), mediaType: "image/png" }];
    report.holds((await generateText({ ...base(model), messages: [{ role: "user", content }] })).text, "");
  },
  structured: async (model) => {
    const { object } = await generateObject({ ...base(model), schema: jsonSchema(report.SCHEMA), prompt: report.PLACE });
    report.same(typeof object.city, "string", "the object's city");
  },
  error: async () => report.same((await report.fails(() => generateText({ ...base(report.MISSING), prompt: "x" }))).statusCode, 404, "status"),
  limited: async (model) => report.same((await report.fails(() => generateText({ ...base(report.limited(model)), prompt: "x" }))).statusCode, 429, "status"),
});
