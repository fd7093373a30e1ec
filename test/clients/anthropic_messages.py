"""anthropic: Messages; with an argument, as Bedrock InvokeModel or Vertex rawPredict."""

import sys

import anthropic
import report

how = sys.argv[1] if len(sys.argv) > 1 else "messages"
if how == "bedrock":
    client = anthropic.AnthropicBedrock(base_url=report.URL, api_key=report.KEY, aws_region="us-east-1", max_retries=0, timeout=20)
elif how == "bedrock-sigv4":
    client = anthropic.AnthropicBedrock(base_url=report.URL, aws_access_key="AKIATEST", aws_secret_key="secret", aws_region="us-east-1", max_retries=0, timeout=20)
elif how == "vertex":
    client = anthropic.AnthropicVertex(base_url=report.URL + "/v1", access_token=report.KEY, project_id="proj", region="us-east5", max_retries=0, timeout=20)
else:
    client = anthropic.Anthropic(base_url=report.URL, api_key=report.KEY, max_retries=0, timeout=20)

tools = [{"name": "get_weather", "description": report.DESCRIPTION, "input_schema": report.SCHEMA, "cache_control": {"type": "ephemeral"}}]
system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
user = lambda content: [{"role": "user", "content": content}]
ask = lambda model, messages, max_tokens=1000, **more: client.messages.create(model=model, system=system, messages=messages, max_tokens=max_tokens, **more)
said = lambda r: "".join(b.text for b in r.content if b.type == "text")


def final(model, messages, max_tokens=1000, **more):
    with client.messages.stream(model=model, system=system, messages=messages, max_tokens=max_tokens, **more) as s:
        s.until_done()
        return s.get_final_message()


def text(model):
    r = ask(model, user("Say hello"), metadata={"user_id": "u-1"})
    report.holds(said(r), "")
    assert r.usage.input_tokens > 0 and r.usage.output_tokens > 0, r.usage


def stream(model):
    r = final(model, user("Say hello"))
    report.holds(said(r), "")
    assert r.usage.output_tokens > 0, r.usage


def tool(model):
    tool_round(model, ask(model, user(report.ASK), tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True}))


def stream_tool(model):
    tool_round(model, final(model, user(report.ASK), tools=tools))


def tool_round(model, r, **more):
    report.same(r.stop_reason, "tool_use", "stop_reason")
    call = next(b for b in r.content if b.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": report.weather(**call.input)}
    messages = user(report.ASK) + [{"role": "assistant", "content": r.content}] + user([result])
    report.holds(said(ask(model, messages, tools=tools, **more)))


def image(model):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": report.PNG64}}
    report.holds(said(ask(model, user([picture, {"type": "text", "text": "What is this?"}]))), "")


def reasoning(model):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    r = final(model, user(report.ASK), max_tokens=4000, tools=tools, thinking=thinking)
    tool_round(model, r, max_tokens=4000, thinking=thinking)


def error(model):
    e = report.fails(anthropic.NotFoundError, lambda: ask(report.MISSING, user("x")))
    report.holds(str(e), report.MISSING)


def limited(model):
    report.fails(anthropic.RateLimitError, lambda: ask(report.limited_model(model), user("x")))


def count(model):
    assert client.messages.count_tokens(model=model, messages=user("Say hello"), system="Be brief.").input_tokens > 0


def models(model):
    assert model in [m.id for m in client.models.list()]


features = [text, stream, tool, stream_tool, image, reasoning, error, limited]
report.run(*features, *([count, models] if how == "messages" else []))
