"""openai: Chat Completions."""

import json

import openai
import report

client = openai.OpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)
tools = [{"type": "function", "function": {"name": "get_weather", "description": report.DESCRIPTION, "parameters": report.SCHEMA, "strict": True}}]
user = lambda content: [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


def text(model):
    r = client.chat.completions.create(model=model, messages=user("Say hello"), max_completion_tokens=500, user="u-1")
    report.holds(r.choices[0].message.content, "")
    assert r.usage.prompt_tokens > 0 and r.usage.completion_tokens > 0, r.usage


def stream(model):
    with client.chat.completions.stream(model=model, messages=user("Say hello"), stream_options={"include_usage": True}) as s:
        s.until_done()
        r = s.get_final_completion()
    report.holds(r.choices[0].message.content, "")
    assert r.usage.total_tokens > 0, r.usage


def tool(model):
    messages = user(report.ASK)
    r = client.chat.completions.create(model=model, messages=messages, tools=tools, tool_choice="auto", parallel_tool_calls=False)
    tool_round(model, messages, r.choices[0])


def stream_tool(model):
    messages = user(report.ASK)
    with client.chat.completions.stream(model=model, messages=messages, tools=tools) as s:
        s.until_done()
        tool_round(model, messages, s.get_final_completion().choices[0])


def tool_round(model, messages, choice):
    report.same(choice.finish_reason, "tool_calls", "finish_reason")
    call = choice.message.tool_calls[0]
    result = report.weather(**json.loads(call.function.arguments))
    messages += [choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}), {"role": "tool", "tool_call_id": call.id, "content": result}]
    r = client.chat.completions.create(model=model, messages=messages, tools=tools)
    report.holds(r.choices[0].message.content)


def image(model):
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + report.PNG64, "detail": "low"}}]
    report.holds(client.chat.completions.create(model=model, messages=user(parts)).choices[0].message.content, "")


def reasoning(model):
    r = client.chat.completions.create(model=model, messages=user("Say hello"), reasoning_effort="low", max_completion_tokens=4000)
    report.holds(r.choices[0].message.content, "")


def structured(model):
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": report.SCHEMA, "strict": True}}
    r = client.chat.completions.create(model=model, messages=user(report.PLACE), response_format=form)
    assert "city" in json.loads(r.choices[0].message.content)


def error(model):
    e = report.fails(openai.NotFoundError, lambda: client.chat.completions.create(model=report.MISSING, messages=user("x")))
    report.holds(e.message, report.MISSING)


def limited(model):
    report.fails(openai.RateLimitError, lambda: client.chat.completions.create(model=report.limited_model(model), messages=user("x")))


def models(model):
    assert model in [m.id for m in client.models.list()]


report.run(text, stream, tool, stream_tool, image, reasoning, structured, error, limited, models)
