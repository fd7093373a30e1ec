"""What every Python client shares: where Skein is, what is asked, and how a
feature's outcome is told. A client is a list of features, each a function of a
model's name that raises where the answer is not right; `report.run` tries each with
each model and prints one line of JSON for it, which run.py reads."""

import base64
import json
import os
import struct
import sys
import traceback
import zlib

URL = os.environ["SKEIN_URL"]
TLS_URL = os.environ["SKEIN_TLS_URL"]  # the same, behind TLS
KEY = os.environ["SKEIN_API_KEY"]
MODELS = os.environ["SKEIN_MODELS"].split()

ASK = "What is the weather in Paris?"
PLACE = "Give the place of the tower of Paris as the final result."
WEATHER = "22 degrees"  # what the tool says, and so the answer
DESCRIPTION = "Tells the weather of a city."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "the city's name"}},
    "required": ["city"],
    "additionalProperties": False,
}
limited_model = lambda model: model + "-limited"  # the stand-in provider throttles it
MISSING = "no-such-model"


def weather(city):
    assert city == "Paris", f"the tool was called with {city!r}"
    return f"It is {WEATHER} in {city}."


def png():
    """The least picture: one grey pixel."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


PNG = png()
PNG64 = base64.b64encode(PNG).decode()


def same(got, want, what):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def holds(text, part=WEATHER):
    assert text and part in text, f"the answer {text!r} does not hold {part!r}"


def fails(kind, call):
    """The call must raise kind, and is given back what it raised."""
    try:
        call()
    except kind as e:
        return e
    raise AssertionError(f"no {getattr(kind, '__name__', kind)} was raised")


def run(*features):
    for model in MODELS:
        for feature in features:
            line = {"model": model, "feature": feature.__name__, "ok": True}
            try:
                feature(model)
            except Exception as e:  # whatever it is, it is the outcome
                line.update(ok=False, reason=f"{type(e).__name__}: {e}"[:600])
                if os.environ.get("SKEIN_TRACE"):
                    traceback.print_exc(file=sys.stderr)
            print(json.dumps(line), flush=True)
