"""LangChain's chat models; the argument says which."""

import os
import sys

import report
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool as as_tool


def chat(model, **more):
    match sys.argv[1]:
        case "openai":
            from langchain_openai import ChatOpenAI
            return ChatOpenAI(model=model, base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20, use_responses_api=False, **more)
        case "openai-responses":
            from langchain_openai import ChatOpenAI
            return ChatOpenAI(model=model, base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20, use_responses_api=True, store=False, **more)
        case "anthropic":
            from langchain_anthropic import ChatAnthropic
            return ChatAnthropic(model=model, base_url=report.URL, api_key=report.KEY, max_retries=0, timeout=20, max_tokens=4000, **more)
        case "aws":
            os.environ["AWS_BEARER_TOKEN_BEDROCK"] = report.KEY
            from langchain_aws import ChatBedrockConverse
            return ChatBedrockConverse(model=model, provider="anthropic", endpoint_url=report.TLS_URL, region_name="us-east-1", **more)
        case "google":
            from langchain_google_genai import ChatGoogleGenerativeAI
            return ChatGoogleGenerativeAI(model=model, google_api_key=report.KEY, base_url=report.URL, max_retries=0, timeout=20, **more)
    raise SystemExit(f"{sys.argv[1]} is none of the chat models")


@as_tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return report.weather(city)


user = lambda content: [SystemMessage("Be brief."), HumanMessage(content)]


def text(model):
    r = chat(model).invoke(user("Say hello"))
    report.holds(r.text, "")
    assert r.usage_metadata["input_tokens"] > 0 and r.usage_metadata["output_tokens"] > 0, r.usage_metadata


def joined(stream):
    whole = next(stream)
    for chunk in stream:
        whole += chunk
    return whole


def stream(model):
    report.holds(joined(chat(model).stream(user("Say hello"))).text, "")


def tool(model):
    able = chat(model).bind_tools([get_weather])
    tool_round(able, able.invoke(user(report.ASK)))


def stream_tool(model):
    able = chat(model).bind_tools([get_weather])
    tool_round(able, joined(able.stream(user(report.ASK))))


def tool_round(able, r):
    call = r.tool_calls[0]
    messages = user(report.ASK) + [r, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    report.holds(able.invoke(messages).text)


def image(model):
    picture = {"type": "image", "base64": report.PNG64, "mime_type": "image/png"}
    report.holds(chat(model).invoke(user([{"type": "text", "text": "What is this?"}, picture])).text, "")


def structured(model):
    r = chat(model).with_structured_output({"title": "place", "description": "A place.", **report.SCHEMA}).invoke(user(report.PLACE))
    assert "city" in r, r


def limited(model):
    e = report.fails(Exception, lambda: chat(report.limited_model(model)).invoke(user("x")))
    assert "429" in str(e) or "Throttling" in str(e) or "exhausted" in str(e).lower(), e


report.run(text, stream, tool, stream_tool, image, structured, limited)
