"""The snippets of the pages that a newcomer pastes from run as they stand, against a real gateway.

Only the address and the key are put in place of the page's, and `make run` is left to the fixture.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import LONG_SECONDS, within
from running import SEKISHO, Running, install

TUTORIAL = "tutorial/first-request.md"
PAGES = (
    "how-to/use-your-client.md",
    "how-to/use-anthropics-client.md",
    "how-to/use-ollamas-client.md",
    "how-to/manage-keys.md",
    "how-to/verify-the-log.md",
    "how-to/keep-and-prune-the-log.md",
    "how-to/hand-over-evidence.md",
    "how-to/search-the-log.md",
    "how-to/prove-where-a-prompt-ran.md",
    "how-to/understand-a-decision.md",
    "how-to/rehearse-a-change.md",
    "how-to/write-rules.md",
    "how-to/change-the-policy.md",
    "how-to/serve-many-models.md",
    "how-to/joined-nodes.md",
    "how-to/embeddings.md",
    "how-to/measure.md",
    "explanation/queues.md",
    "explanation/what-fits.md",
)
_FENCE = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def gateway(model_file: Path, embedding_file: Path) -> Iterator[Running]:
    """Both models that set-up brings; the second is loaded when a page asks for it."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    models = [{"model": "smollm2-135m-instruct", "pin": True}, {"model": "all-minilm-l6-v2"}]
    install(folder, model_file, fleet={"models": models})
    shutil.copyfile(embedding_file, folder / ".sekisho" / "store" / "sha256" / embedding_file.name)
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


def is_indexed(gateway: Running) -> bool:
    """Whether the index has all records; it follows the log in time that others leave."""
    command = [SEKISHO, "audit", "index", "status", "--check"]
    return subprocess.run(command, cwd=gateway.folder, capture_output=True, check=False).returncode == 0


def run_page(gateway: Running, page: Path) -> list[str]:
    """Run every snippet of a page, in order; return what each one said."""
    key = gateway.key(page.stem)
    environment = {**os.environ, "SEKISHO_KEY": key}
    said = []
    (gateway.folder / "records.jsonl").unlink(missing_ok=True)
    for language, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if text.startswith("make "):
            continue
        source = text.replace("http://127.0.0.1:8080", gateway.base).replace("sk-sekisho-…", key)
        if "index status --check" in source:
            assert within(LONG_SECONDS, lambda: is_indexed(gateway)), "the index did not catch up"
        program = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, source], cwd=gateway.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    return said


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_snippet_of_a_page_runs(gateway: Running, repository: Path, name: str) -> None:
    said = run_page(gateway, repository / "docs" / name)

    assert said
    assert all(said)


@pytest.mark.real
@pytest.mark.slow
def test_the_tutorial_says_what_it_promises(gateway: Running, repository: Path) -> None:
    answer, python, refusal, *_ = run_page(gateway, repository / "docs" / TUTORIAL)

    assert '"choices"' in answer
    assert python.strip()
    assert '"invalid_api_key"' in refusal
    records = (gateway.folder / "records.jsonl").read_text(encoding="utf-8")
    assert ("intent" in records, "Schmidt" in records) == (True, False)
