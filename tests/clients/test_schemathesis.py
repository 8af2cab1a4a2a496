"""schemathesis before running gateways, with our own OpenAPI document: bent and fitting requests to every operation.

No answer is a defect's, each has a status, a content type and a body that the document tells of, wrong input is
refused, other methods are, and so is whoever shows no key. The document is the served one; only what would take
minutes of a model is narrowed: which model, how many tokens, how many choices.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Running
from scripted import ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parents[2] / ".cache" / "clients-venv" / "bin" / "schemathesis"
SECONDS, FUZZING_SECONDS = 150, 45
EXAMPLES, GENERATING_EXAMPLES, GENERATING_SECONDS = 8, 20, (20, 80)  # longer where others have the processor
GENERATING = "^/(api/(chat|generate)|v1/(chat/completions|completions|responses|messages))$"
LEFT_OUT = "positive_data_acceptance,ignored_auth"
"""What stands in no schema (which fields go together, what this model can); and answers to wrong keys are held back."""
NARROWED = {"max_tokens": 2, "max_completion_tokens": 2, "max_output_tokens": 2, "n": 1, "best_of": 1}


EVENT = {
    "type": "object",
    "required": ["data"],
    "additionalProperties": False,
    "properties": {"event": {"type": "string", "minLength": 1}, "data": {"type": "string", "minLength": 1}},
}


def by_event(description: dict[str, Any]) -> dict[str, Any]:
    """Return the document as schemathesis reads OpenAPI 3.1: of a stream it takes the schema for that of each event."""
    for operations in description["paths"].values():
        for operation in operations.values():
            streamed = operation["responses"].get("200", {}).get("content", {}).get("text/event-stream")
            if streamed:
                assert streamed == {"schema": {"type": "string"}}
                streamed["schema"] = EVENT
    return description


def narrowed(
    description: dict[str, Any], model: str, embedder: str, most: dict[str, int] | None = None
) -> dict[str, Any]:
    """Return the document for requests that name a model that is there and, by ``most``, one has soon answered."""
    for name, schema in description["components"]["schemas"].items():
        has = schema.get("properties", {})
        if "model" in has and name.endswith(("Request", "Chat", "Generate", "Embed", "Show")):
            has["model"] = {"enum": [embedder if name.startswith(("Embed", "OllamaEmbed", "Rerank")) else model]}
        for field, maximum in (most or {}).items():
            if field in has:
                has[field] = {"type": "integer", "minimum": 1, "maximum": maximum}
                schema["required"] = sorted({*schema.get("required", ()), field})
    return description


def test_every_operation_is_as_the_document_says(both: Running, model_name: str, tmp_path: Path) -> None:
    document = narrowed(described(both), model_name, "all-minilm-l6-v2", NARROWED)

    fuzz(both, both.key("fuzz"), document, ("--exclude-path-regex", GENERATING), (EXAMPLES, FUZZING_SECONDS), tmp_path)


async def test_every_operation_that_generates_is_as_the_document_says(
    before: tuple[Running, str], engine: ScriptedEngine, tmp_path: Path
) -> None:
    """Before an engine that answers at once: a model would take minutes."""
    running, key = before
    document = by_event(narrowed(await asyncio.to_thread(described, running), "scripted", "scripted"))
    which = ("--include-path-regex", GENERATING)

    for seconds in GENERATING_SECONDS:
        await asyncio.to_thread(fuzz, running, key, document, which, (GENERATING_EXAMPLES, seconds), tmp_path)
        if len(engine.bodies) >= GENERATING_EXAMPLES:
            break

    assert len(engine.bodies) >= GENERATING_EXAMPLES  # not a few fitted, and went all the way


def described(running: Running) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{running.base}/openapi.json", trust_env=False, timeout=30).json()
    return document


def fuzz(
    running: Running, key: str, document: dict[str, Any], which: tuple[str, str], bounds: tuple[int, int], folder: Path
) -> None:
    """Send requests to these operations of the document; fail with what was said where an answer is not as it says.

    Args:
        bounds: examples of each kind for each operation, and seconds for all of them, at most.
    """
    examples, seconds = bounds
    if not PROGRAM.is_file():
        pytest.fail("schemathesis is not installed. Run: make deps")
    (folder / "openapi.json").write_text(json.dumps(document))
    command = [PROGRAM, "run", folder / "openapi.json", *which, "--url", running.base]
    command += ["--header", f"Authorization: Bearer {key}"]
    # one worker: before CPython 3.12.2, ast.parse in two threads can end in a SystemError (python/cpython#106905)
    options = ["--workers", "1", "--max-examples", str(examples), "--seed", "7", "--phases", "fuzzing", "--no-shrink"]
    checks = ["--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure", "--no-color"]
    ends = ["--warnings", "off", "--request-timeout", "20", "--max-time", str(seconds)]

    done = subprocess.run(
        [*command, *options, *checks, *ends],
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"], "NO_PROXY": "*"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-20_000:]
