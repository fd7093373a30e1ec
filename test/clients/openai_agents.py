"""OpenAI Agents SDK: an agent with a tool; the argument is chat or responses."""

import asyncio
import sys

import openai
import report
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled

set_tracing_disabled(True)
kind = OpenAIChatCompletionsModel if sys.argv[1] == "chat" else OpenAIResponsesModel


@function_tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return report.weather(city)


def agent(model, **more):
    client = openai.AsyncOpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)
    return Agent(name="clerk", instructions="Be brief.", model=kind(model=model, openai_client=client), model_settings=ModelSettings(store=False, include_usage=True), **more)


def text(model):
    r = Runner.run_sync(agent(model), "Say hello")
    report.holds(r.final_output, "")
    assert r.context_wrapper.usage.output_tokens > 0, r.context_wrapper.usage


def tool(model):
    report.holds(Runner.run_sync(agent(model, tools=[get_weather]), report.ASK).final_output)


def stream_tool(model):
    async def go():
        r = Runner.run_streamed(agent(model, tools=[get_weather]), report.ASK)
        async for _ in r.stream_events():
            pass
        return r.final_output

    report.holds(asyncio.run(go()))


def limited(model):
    report.fails(openai.RateLimitError, lambda: Runner.run_sync(agent(report.limited_model(model)), "x"))


report.run(text, tool, stream_tool, limited)
