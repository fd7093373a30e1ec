// openai: Chat Completions, or Responses with the argument responses.
import OpenAI from "openai";
import * as report from "./report.mjs";

const client = new OpenAI({ baseURL: report.URL + "/v1", apiKey: report.KEY, maxRetries: 0, timeout: 20_000 });
const about = { name: "get_weather", description: report.DESCRIPTION, parameters: report.SCHEMA, strict: true };

const chat = {
  ask: (model, messages, more = {}) => client.chat.completions.create({ model, messages, ...more }),
  final: (model, messages, more = {}) => client.chat.completions.stream({ model, messages, ...more }).finalChatCompletion(),
  tools: [{ type: "function", function: about }],
  said: (r) => r.choices[0].message.content,
  picture: [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: "data:image/png;base64," + report.PNG64 } },
  ],
  thinking: { reasoning_effort: "low" },
  next(messages, r) {
    const { message } = r.choices[0];
    const call = message.tool_calls[0];
    const content = report.weather(JSON.parse(call.function.arguments));
    return [...messages, message, { role: "tool", tool_call_id: call.id, content }];
  },
};

const responses = {
  ask: (model, input, more = {}) => client.responses.create({ model, input, store: false, ...more }),
  final: (model, input, more = {}) => client.responses.stream({ model, input, store: false, ...more }).finalResponse(),
  tools: [{ type: "function", ...about }],
  said: (r) => r.output_text ?? r.output.flatMap((o) => o.content ?? []).map((c) => c.text ?? "").join(""),
  picture: [
    { type: "input_text", text: "What is this?" },
    { type: "input_image", image_url: "data:image/png;base64," + report.PNG64, detail: "auto" },
  ],
  thinking: { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] },
  next(input, r) {
    const call = r.output.find((o) => o.type === "function_call");
    const output = report.weather(JSON.parse(call.arguments));
    const said = r.output.map(({ parsed_arguments, ...o }) => o);
    return [...input, ...said, { type: "function_call_output", call_id: call.call_id, output }];
  },
};

const api = process.argv[2] === "responses" ? responses : chat;
const user = (content) => [{ role: "user", content }];
const round = async (model, r, more) => {
  const next = api.next(user(report.ASK), r);
  report.holds(api.said(await api.ask(model, next, { tools: api.tools, ...more })));
};

await report.run({
  text: async (model) => report.holds(api.said(await api.ask(model, user("Say hello"))), ""),
  stream: async (model) => report.holds(api.said(await api.final(model, user("Say hello"))), ""),
  tool: async (model) => round(model, await api.ask(model, user(report.ASK), { tools: api.tools })),
  stream_tool: async (model) => round(model, await api.final(model, user(report.ASK), { tools: api.tools })),
  image: async (model) => report.holds(api.said(await api.ask(model, user(api.picture))), ""),
  reasoning: async (model) => round(model, await api.ask(model, user(report.ASK), { tools: api.tools, ...api.thinking }), api.thinking),
  error: async () => report.same((await report.fails(() => api.ask(report.MISSING, user("x")))).status, 404, "status"),
  limited: async (model) => report.same((await report.fails(() => api.ask(report.limited(model), user("x")))).status, 429, "status"),
});
