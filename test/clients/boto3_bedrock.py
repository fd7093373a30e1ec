"""boto3: Converse and InvokeModel, with a bearer key or signed (argument sigv4)."""

import json
import os
import sys

sigv4 = sys.argv[1:] == ["sigv4"]
if sigv4:
    os.environ.pop("AWS_BEARER_TOKEN_BEDROCK", None)

import boto3
import report
from botocore.config import Config
from botocore.exceptions import ClientError

if not sigv4:
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = report.KEY
client = boto3.client(
    "bedrock-runtime", endpoint_url=report.URL if sigv4 else report.TLS_URL, region_name="us-east-1",
    aws_access_key_id=os.environ["SKEIN_AWS_ID"] if sigv4 else None,
    aws_secret_access_key=os.environ["SKEIN_AWS_SECRET"] if sigv4 else None,
    config=Config(retries={"max_attempts": 0}, read_timeout=20),
)
tools = {"tools": [{"toolSpec": {"name": "get_weather", "description": report.DESCRIPTION, "inputSchema": {"json": report.SCHEMA}}}, {"cachePoint": {"type": "default"}}], "toolChoice": {"auto": {}}}
base = {"system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}], "inferenceConfig": {"maxTokens": 1000}}
user = lambda *content: [{"role": "user", "content": list(content)}]
ask = lambda model, messages, **more: client.converse(modelId=model, messages=messages, **base, **more)
said = lambda r: "".join(b.get("text", "") for b in r["output"]["message"]["content"])


def final(model, messages, **more):
    """The message that a stream makes, and why it stopped."""
    blocks, out = {}, {"usage": None}
    for event in client.converse_stream(modelId=model, messages=messages, **base, **more)["stream"]:
        if start := event.get("contentBlockStart"):
            blocks[start["contentBlockIndex"]] = {"toolUse": start["start"]["toolUse"] | {"input": ""}}
        if delta := event.get("contentBlockDelta"):
            block, d = blocks.setdefault(delta["contentBlockIndex"], {}), delta["delta"]
            if "text" in d:
                block["text"] = block.get("text", "") + d["text"]
            if "toolUse" in d:
                block["toolUse"]["input"] += d["toolUse"]["input"]
            if r := d.get("reasoningContent"):
                kept = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
                kept["text"] += r.get("text", "")
                if "signature" in r:
                    kept["signature"] = r["signature"]
        out["stopReason"] = event.get("messageStop", {}).get("stopReason", out.get("stopReason"))
        out["usage"] = event.get("metadata", {}).get("usage", out["usage"])
    for b in blocks.values():
        if "toolUse" in b:
            b["toolUse"]["input"] = json.loads(b["toolUse"]["input"] or "{}")
    return out | {"output": {"message": {"role": "assistant", "content": [blocks[i] for i in sorted(blocks)]}}}


def text(model):
    r = ask(model, user({"text": "Say hello"}))
    report.holds(said(r), "")
    assert r["usage"]["inputTokens"] > 0 and r["usage"]["outputTokens"] > 0, r["usage"]


def stream(model):
    r = final(model, user({"text": "Say hello"}))
    report.holds(said(r), "")
    assert r["usage"]["outputTokens"] > 0, r["usage"]


def tool(model):
    tool_round(model, ask(model, user({"text": report.ASK}), toolConfig=tools))


def stream_tool(model):
    tool_round(model, final(model, user({"text": report.ASK}), toolConfig=tools))


def tool_round(model, r, **more):
    report.same(r["stopReason"], "tool_use", "stopReason")
    message = r["output"]["message"]
    call = next(b["toolUse"] for b in message["content"] if "toolUse" in b)
    result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": report.weather(**call["input"])}], "status": "success"}}
    report.holds(said(ask(model, user({"text": report.ASK}) + [message] + user(result), toolConfig=tools, **more)))


def image(model):
    picture = {"image": {"format": "png", "source": {"bytes": report.PNG}}}
    report.holds(said(ask(model, user(picture, {"text": "What is this?"}))), "")


def reasoning(model):
    more = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
    r = client.converse(modelId=model, messages=user({"text": report.ASK}), system=base["system"], inferenceConfig={"maxTokens": 4000}, toolConfig=tools, **more)
    tool_round(model, r)


def invoke(model):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 500, "messages": [{"role": "user", "content": "Say hello"}]}
    r = json.loads(client.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    report.holds(r["content"][-1]["text"], "")
    chunks = [json.loads(e["chunk"]["bytes"]) for e in client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]]
    report.same(chunks[-1]["type"], "message_stop", "the last event")


def error(model):
    e = report.fails(ClientError, lambda: ask(report.MISSING, user({"text": "x"})))
    report.same(e.response["Error"]["Code"], "ResourceNotFoundException", "the error's code")


def limited(model):
    e = report.fails(ClientError, lambda: ask(report.limited_model(model), user({"text": "x"})))
    report.same(e.response["Error"]["Code"], "ThrottlingException", "the error's code")


report.run(text, stream, tool, stream_tool, image, reasoning, invoke, error, limited)
