"""schemathesis before a running gateway, with our own OpenAPI document: bent and fitting requests to all that does not
generate; answers that do are held against the document in ``tests/http/test_openapi_document.py``.

No answer is a defect's, each has a status, a content type and a body that the document tells of, wrong input is
refused, other methods are, and so is whoever shows no key. The document is the served one; only what would take
minutes of a model is narrowed: which model, how many tokens, how many choices.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Running

pytestmark = [pytest.mark.real, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parents[2] / ".cache" / "clients-venv" / "bin" / "schemathesis"
SECONDS, FUZZING_SECONDS = 110, 45
EXAMPLES = 8
LEFT_OUT = "positive_data_acceptance,ignored_auth"
"""What stands in no schema (which fields go together, what this model can); and answers to wrong keys are held back."""
NARROWED: dict[str, Any] = {"max_tokens": 2, "max_completion_tokens": 2, "max_output_tokens": 2, "n": 1, "best_of": 1}


def narrowed(description: dict[str, Any], model: str, embedder: str) -> dict[str, Any]:
    """Return the document for requests that a small model has soon answered, and that name one that is there."""
    for name, schema in description["components"]["schemas"].items():
        has = schema.get("properties", {})
        if "model" in has and name.endswith(("Request", "Chat", "Generate", "Embed", "Show")):
            has["model"] = {"enum": [embedder if name.startswith(("Embed", "OllamaEmbed", "Rerank")) else model]}
        for field, most in NARROWED.items():
            if field in has:
                has[field] = {"type": "integer", "minimum": 1, "maximum": most}
                schema["required"] = sorted({*schema.get("required", ()), field})
    return description


def test_every_operation_is_as_the_document_says(both: Running, model_name: str, tmp_path: Path) -> None:
    if not PROGRAM.is_file():
        pytest.fail("schemathesis is not installed. Run: make deps")
    served = httpx.get(f"{both.base}/openapi.json", trust_env=False).json()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(narrowed(served, model_name, "all-minilm-l6-v2")))
    generating = "^/(api/(chat|generate)|v1/(chat/completions|completions|responses|messages))$"
    command = [
        PROGRAM,
        "run",
        document,
        "--exclude-path-regex",
        generating,
        "--url",
        both.base,
        "--header",
        f"Authorization: Bearer {both.key('fuzz')}",
    ]
    options = ["--max-examples", str(EXAMPLES), "--seed", "7", "--phases", "fuzzing", "--workers", "4"]
    checks = ["--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure", "--no-color"]

    done = subprocess.run(
        [
            *command,
            *options,
            *checks,
            "--no-shrink",
            "--warnings",
            "off",
            "--request-timeout",
            "20",
            "--max-time",
            str(FUZZING_SECONDS),
        ],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "NO_PROXY": "*"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-20_000:]
