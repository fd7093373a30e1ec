"""openai: Responses."""

import json

import openai
import report

client = openai.OpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)
tools = [{"type": "function", "name": "get_weather", "description": report.DESCRIPTION, "parameters": report.SCHEMA, "strict": True}]
ask = lambda model, input, **more: client.responses.create(model=model, instructions="Be brief.", input=input, store=False, **more)


def final(model, input, **more):
    with client.responses.stream(model=model, instructions="Be brief.", input=input, store=False, **more) as s:
        s.until_done()
        return s.get_final_response()


def text(model):
    r = ask(model, "Say hello", max_output_tokens=500)
    report.holds(r.output_text, "")
    assert r.usage.input_tokens > 0 and r.usage.output_tokens > 0, r.usage


def stream(model):
    r = final(model, "Say hello")
    report.holds(r.output_text, "")
    assert r.usage.total_tokens > 0, r.usage


def tool(model):
    input = [{"role": "user", "content": report.ASK}]
    tool_round(model, input, ask(model, input, tools=tools))


def stream_tool(model):
    input = [{"role": "user", "content": report.ASK}]
    tool_round(model, input, final(model, input, tools=tools))


def tool_round(model, input, r):
    call = next(o for o in r.output if o.type == "function_call")
    result = report.weather(**json.loads(call.arguments))
    input += [o.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for o in r.output]
    input.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    report.holds(ask(model, input, tools=tools).output_text)


def image(model):
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": "data:image/png;base64," + report.PNG64, "detail": "low"}]
    report.holds(ask(model, [{"role": "user", "content": parts}]).output_text, "")


def reasoning(model):
    r = ask(model, "Say hello", reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"])
    input = [{"role": "user", "content": "Say hello"}] + [o.model_dump(exclude_none=True) for o in r.output] + [{"role": "user", "content": "Again"}]
    report.holds(ask(model, input, reasoning={"effort": "low"}, include=["reasoning.encrypted_content"]).output_text, "")


def structured(model):
    form = {"format": {"type": "json_schema", "name": "place", "schema": report.SCHEMA, "strict": True}}
    assert "city" in json.loads(ask(model, report.PLACE, text=form).output_text)


def error(model):
    e = report.fails(openai.NotFoundError, lambda: ask(report.MISSING, "x"))
    report.holds(e.message, report.MISSING)


def limited(model):
    report.fails(openai.RateLimitError, lambda: ask(report.limited_model(model), "x"))


report.run(text, stream, tool, stream_tool, image, reasoning, structured, error, limited)
