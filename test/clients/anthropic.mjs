// @anthropic-ai/sdk: Messages; with an argument, its Bedrock or Vertex client.
import Anthropic from "@anthropic-ai/sdk";
import * as report from "./report.mjs";

async function connect(how) {
  const settings = { maxRetries: 0, timeout: 20_000 };
  switch (how) {
    case "bedrock": {
      const { AnthropicBedrock } = await import("@anthropic-ai/bedrock-sdk");
      return new AnthropicBedrock({ baseURL: report.URL, apiKey: report.KEY, awsRegion: "us-east-1", ...settings });
    }
    case "vertex": {
      const { AnthropicVertex } = await import("@anthropic-ai/vertex-sdk");
      const { OAuth2Client } = await import("google-auth-library");
      const authClient = new OAuth2Client({ credentials: { access_token: report.KEY } });
      return new AnthropicVertex({ baseURL: report.URL + "/v1", authClient, projectId: "proj", region: "us-east5", ...settings });
    }
  }
  return new Anthropic({ baseURL: report.URL, apiKey: report.KEY, ...settings });
}

const client = await connect(process.argv[2]);
const base = { max_tokens: 4000, system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }] };
const tools = [{ name: "get_weather", description: report.DESCRIPTION, input_schema: report.SCHEMA }];
const thinking = { type: "enabled", budget_tokens: 1024 };
const user = (content) => [{ role: "user", content }];
const ask = (model, messages, more = {}) => client.messages.create({ model, messages, ...base, ...more });
const final = (model, messages, more = {}) => client.messages.stream({ model, messages, ...base, ...more }).finalMessage();
const said = (r) => r.content.map((b) => b.text ?? "").join("");

async function round(model, r, more = {}) {
  report.same(r.stop_reason, "tool_use", "stop_reason");
  const call = r.content.find((b) => b.type === "tool_use");
  const result = { type: "tool_result", tool_use_id: call.id, content: report.weather(call.input) };
  const messages = [...user(report.ASK), { role: "assistant", content: r.content }, ...user([result])];
  report.holds(said(await ask(model, messages, { tools, ...more })));
}

await report.run({
  text: async (model) => report.holds(said(await ask(model, user("Say hello"))), ""),
  stream: async (model) => report.holds(said(await final(model, user("Say hello"))), ""),
  tool: async (model) => round(model, await ask(model, user(report.ASK), { tools })),
  stream_tool: async (model) => round(model, await final(model, user(report.ASK), { tools })),
  image: async (model) => {
    const source = { type: "base64", media_type: "image/png", data: report.PNG64 };
    report.holds(said(await ask(model, user([{ type: "image", source }, { type: "text", text: "What is this?" }]))), "");
  },
  reasoning: async (model) => round(model, await final(model, user(report.ASK), { tools, thinking }), { thinking }),
  error: async () => report.same((await report.fails(() => ask(report.MISSING, user("x")))).status, 404, "status"),
  limited: async (model) => report.same((await report.fails(() => ask(report.limited(model), user("x")))).status, 429, "status"),
});
