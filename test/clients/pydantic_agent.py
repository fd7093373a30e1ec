"""Pydantic AI: an agent with a tool; the argument says over which provider's API."""

import os
import sys

import report
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.exceptions import ModelHTTPError


def chat(model):
    match sys.argv[1]:
        case "openai" | "openai-responses" as kind:
            from openai import AsyncOpenAI
            from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
            from pydantic_ai.providers.openai import OpenAIProvider
            client = AsyncOpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)
            return (OpenAIChatModel if kind == "openai" else OpenAIResponsesModel)(model, provider=OpenAIProvider(openai_client=client))
        case "anthropic":
            from anthropic import AsyncAnthropic
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider
            client = AsyncAnthropic(base_url=report.URL, api_key=report.KEY, max_retries=0, timeout=20)
            return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client))
        case "bedrock":
            os.environ["AWS_BEARER_TOKEN_BEDROCK"] = report.KEY
            from pydantic_ai.models.bedrock import BedrockConverseModel
            from pydantic_ai.providers.bedrock import BedrockProvider
            return BedrockConverseModel(model, provider=BedrockProvider(api_key=report.KEY, base_url=report.TLS_URL, region_name="us-east-1"))
        case "google":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider
            return GoogleModel(model, provider=GoogleProvider(api_key=report.KEY, base_url=report.URL))
    raise SystemExit(f"{sys.argv[1]} is none of the providers")


class Place(BaseModel):
    city: str


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return report.weather(city)


agent = lambda model, **more: Agent(chat(model), system_prompt="Be brief.", retries=0, **more)


def text(model):
    r = agent(model).run_sync("Say hello")
    report.holds(r.output, "")
    u = r.usage
    assert u.input_tokens > 0 and u.output_tokens > 0, u


def tool(model):
    report.holds(agent(model, tools=[get_weather]).run_sync(report.ASK).output)


def stream_tool(model):
    import asyncio

    async def go():
        async with agent(model, tools=[get_weather]).run_stream(report.ASK) as r:
            return await r.get_output()

    report.holds(asyncio.run(go()), "")


def image(model):
    report.holds(agent(model).run_sync(["What is this?", BinaryContent(report.PNG, media_type="image/png")]).output, "")


def structured(model):
    assert agent(model, output_type=Place).run_sync(report.PLACE).output.city


def limited(model):
    report.fails(ModelHTTPError, lambda: agent(report.limited_model(model)).run_sync("x"))


report.run(text, tool, stream_tool, image, structured, limited)
