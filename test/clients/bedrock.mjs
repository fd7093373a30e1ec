// @aws-sdk/client-bedrock-runtime: Converse and ConverseStream, with a bearer key.
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import * as report from "./report.mjs";

const client = new BedrockRuntimeClient({
  endpoint: report.URL, region: "us-east-1", maxAttempts: 1,
  token: { token: report.KEY }, authSchemePreference: ["httpBearerAuth"],
});
const base = { system: [{ text: "Be brief." }, { cachePoint: { type: "default" } }], inferenceConfig: { maxTokens: 4000 } };
const toolSpec = { name: "get_weather", description: report.DESCRIPTION, inputSchema: { json: report.SCHEMA } };
const able = { toolConfig: { tools: [{ toolSpec }] } };
const user = (...content) => [{ role: "user", content }];
const ask = (modelId, messages, more = {}) => client.send(new ConverseCommand({ modelId, messages, ...base, ...more }));
const said = (r) => r.output.message.content.map((b) => b.text ?? "").join("");

// final joins a stream into what Converse would have answered.
async function final(modelId, messages, more = {}) {
  const blocks = [];
  const out = { output: { message: { role: "assistant", content: blocks } } };
  const { stream } = await client.send(new ConverseStreamCommand({ modelId, messages, ...base, ...more }));
  for await (const { contentBlockStart: start, contentBlockDelta: delta, messageStop, metadata } of stream) {
    if (start?.start.toolUse) blocks[start.contentBlockIndex] = { toolUse: { ...start.start.toolUse, input: "" } };
    if (delta) {
      const block = (blocks[delta.contentBlockIndex] ??= {});
      if (delta.delta.text) block.text = (block.text ?? "") + delta.delta.text;
      const { text, signature } = delta.delta.reasoningContent ?? {};
      if (text || signature) {
        const thought = ((block.reasoningContent ??= {}).reasoningText ??= { text: "" });
        thought.text += text ?? "";
        if (signature) thought.signature = signature;
      }
      if (delta.delta.toolUse) block.toolUse.input += delta.delta.toolUse.input;
    }
    if (messageStop) out.stopReason = messageStop.stopReason;
    if (metadata) out.usage = metadata.usage;
  }
  for (const b of blocks) if (b.toolUse) b.toolUse.input = JSON.parse(b.toolUse.input || "{}");
  return out;
}

async function round(model, r) {
  report.same(r.stopReason, "tool_use", "stopReason");
  const { message } = r.output;
  const call = message.content.find((b) => b.toolUse).toolUse;
  const toolResult = { toolUseId: call.toolUseId, content: [{ text: report.weather(call.input) }] };
  report.holds(said(await ask(model, [...user({ text: report.ASK }), message, ...user({ toolResult })], able)));
}

await report.run({
  text: async (model) => report.holds(said(await ask(model, user({ text: "Say hello" }))), ""),
  stream: async (model) => report.holds(said(await final(model, user({ text: "Say hello" }))), ""),
  tool: async (model) => round(model, await ask(model, user({ text: report.ASK }), able)),
  stream_tool: async (model) => round(model, await final(model, user({ text: report.ASK }), able)),
  image: async (model) => {
    const image = { format: "png", source: { bytes: Buffer.from(report.PNG64, "base64") } };
    report.holds(said(await ask(model, user({ image }, { text: "What is this?" }))), "");
  },
  error: async () => report.same((await report.fails(() => ask(report.MISSING, user({ text: "x" })))).name, "ResourceNotFoundException", "the error"),
  limited: async (model) => report.same((await report.fails(() => ask(report.limited(model), user({ text: "x" })))).name, "ThrottlingException", "the error"),
});
