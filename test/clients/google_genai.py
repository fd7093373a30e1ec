"""google-genai: the Gemini API; with the argument vertex, Vertex AI."""

import sys

import report
from google import genai
from google.genai import errors, types

options = types.HttpOptions(base_url=report.URL, timeout=20_000, retry_options=types.HttpRetryOptions(attempts=1))
client = genai.Client(api_key=report.KEY, vertexai=sys.argv[1:] == ["vertex"], http_options=options)
declaration = types.FunctionDeclaration(name="get_weather", description=report.DESCRIPTION, parameters_json_schema=report.SCHEMA)
tools = [types.Tool(function_declarations=[declaration])]


def config(**more):
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=4000, automatic_function_calling=off, **more)


ask = lambda model, contents, **more: client.models.generate_content(model=model, contents=contents, config=config(**more))
user = lambda *parts: types.Content(role="user", parts=[types.Part(text=p) if isinstance(p, str) else p for p in parts])
said = lambda r: "".join(p.text or "" for p in r.candidates[0].content.parts if not p.thought)


def text(model):
    r = ask(model, "Say hello")
    report.holds(said(r), "")
    assert r.usage_metadata.prompt_token_count > 0 and r.usage_metadata.candidates_token_count > 0, r.usage_metadata


def parts(model, contents, **more):
    """The parts and the usage of a stream."""
    got, usage = [], None
    for r in client.models.generate_content_stream(model=model, contents=contents, config=config(**more)):
        if r.candidates and r.candidates[0].content and r.candidates[0].content.parts:
            got += r.candidates[0].content.parts
        usage = r.usage_metadata or usage
    return got, usage


def stream(model):
    got, usage = parts(model, "Say hello")
    report.holds("".join(p.text or "" for p in got), "")
    assert usage.total_token_count > 0, usage


def tool(model):
    tool_round(model, ask(model, [user(report.ASK)], tools=tools).candidates[0].content.parts)


def stream_tool(model):
    tool_round(model, parts(model, [user(report.ASK)], tools=tools)[0])


def tool_round(model, got, **more):
    call = next(p.function_call for p in got if p.function_call)
    answer = types.FunctionResponse(id=call.id, name=call.name, response={"output": report.weather(**call.args)})
    contents = [user(report.ASK), types.Content(role="model", parts=got), user(types.Part(function_response=answer))]
    report.holds(said(ask(model, contents, tools=tools, **more)))


def image(model):
    report.holds(said(ask(model, [user(types.Part.from_bytes(data=report.PNG, mime_type="image/png"), "What is this?")])), "")


def reasoning(model):
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    got, _ = parts(model, [user(report.ASK)], tools=tools, thinking_config=thinking)
    tool_round(model, got, thinking_config=thinking)


def structured(model):
    r = ask(model, report.PLACE, response_mime_type="application/json", response_json_schema=report.SCHEMA)
    assert '"city"' in said(r), said(r)


def error(model):
    e = report.fails(errors.ClientError, lambda: ask(report.MISSING, "x"))
    report.same((e.code, e.status), (404, "NOT_FOUND"), "the error")


def limited(model):
    e = report.fails(errors.ClientError, lambda: ask(report.limited_model(model), "x"))
    report.same((e.code, e.status), (429, "RESOURCE_EXHAUSTED"), "the error")


def count(model):
    assert client.models.count_tokens(model=model, contents="Say hello").total_tokens > 0


report.run(text, stream, tool, stream_tool, image, reasoning, structured, error, limited, count)
