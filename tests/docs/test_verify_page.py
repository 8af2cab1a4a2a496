"""The pages on verifying: the how-to's snippets run as they stand, and the reference has every kind."""

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
from running import install

from gateway.audit.verify import KINDS

_FENCE = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(model_file: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(made, model_file)
    (made / ".venv").symlink_to(Path(sys.executable).parent.parent)
    yield made
    shutil.rmtree(made)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_snippet_runs(folder: Path, repository: Path) -> None:
    snippets = _FENCE.findall((repository / "docs/how-to/verify-the-log.md").read_text(encoding="utf-8"))
    said = []
    for text in snippets:
        program = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(program, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)

    assert len(said) == 3
    assert "not checked: roll-back" in said[0]
    assert "kept elsewhere: kept-in-the-safe" in said[1]
    assert "not checked: roll-back" not in said[1] + said[2]


def test_the_reference_has_every_kind(repository: Path) -> None:
    page = (repository / "docs/reference/verifying.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", page, re.MULTILINE) == list(KINDS.items())
