// @google/genai: the Gemini API, or Vertex AI with the argument vertex.
import { GoogleGenAI } from "@google/genai";
import * as report from "./report.mjs";

const client = new GoogleGenAI({
  apiKey: report.KEY, vertexai: process.argv[2] === "vertex",
  httpOptions: { baseUrl: report.URL, timeout: 20_000 },
});
const config = { systemInstruction: "Be brief.", maxOutputTokens: 4000 };
const tools = [{ functionDeclarations: [{ name: "get_weather", description: report.DESCRIPTION, parametersJsonSchema: report.SCHEMA }] }];
const thinkingConfig = { includeThoughts: true, thinkingBudget: 1024 };
const user = (...parts) => ({ role: "user", parts });
const ask = (model, contents, more = {}) => client.models.generateContent({ model, contents, config: { ...config, ...more } });
const said = (parts) => parts.filter((p) => !p.thought).map((p) => p.text ?? "").join("");
const partsOf = (r) => r.candidates?.[0]?.content?.parts ?? [];

async function final(model, contents, more = {}) {
  const parts = [];
  for await (const r of await client.models.generateContentStream({ model, contents, config: { ...config, ...more } })) parts.push(...partsOf(r));
  return parts;
}

async function round(model, parts, more = {}) {
  const call = parts.find((p) => p.functionCall).functionCall;
  const functionResponse = { id: call.id, name: call.name, response: { output: report.weather(call.args) } };
  const contents = [user({ text: report.ASK }), { role: "model", parts }, user({ functionResponse })];
  report.holds(said(partsOf(await ask(model, contents, { tools, ...more }))));
}

const hello = [user({ text: "Say hello" })];
const question = [user({ text: report.ASK })];
await report.run({
  text: async (model) => report.holds(said(partsOf(await ask(model, hello))), ""),
  stream: async (model) => report.holds(said(await final(model, hello)), ""),
  tool: async (model) => round(model, partsOf(await ask(model, question, { tools }))),
  stream_tool: async (model) => round(model, await final(model, question, { tools })),
  image: async (model) => {
    const inlineData = { mimeType: "image/png", data: report.PNG64 };
    report.holds(said(partsOf(await ask(model, [user({ inlineData }, { text: "What is this?" })]))), "");
  },
  reasoning: async (model) => round(model, await final(model, question, { tools, thinkingConfig }), { thinkingConfig }),
  error: async () => report.same((await report.fails(() => ask(report.MISSING, hello))).status, 404, "status"),
  limited: async (model) => report.same((await report.fails(() => ask(report.limited(model), hello))).status, 429, "status"),
  count: async (model) => report.same((await client.models.countTokens({ model, contents: hello })).totalTokens > 0, true, "counted"),
});
