"""Where the running gateway is: told by the test that runs these suites in the environment of their own packages."""

from __future__ import annotations

import os

BASE = os.environ["SEKISHO_BASE"]
"""``http://host:port``; each client adds its own path."""

KEY = os.environ["SEKISHO_KEY"]
MODEL = os.environ["SEKISHO_MODEL"]
EMBEDDER = os.environ["SEKISHO_EMBEDDER"]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Munich"]}},
            "required": ["city"],
        },
    },
}
