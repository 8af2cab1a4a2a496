"""The page on the keys of the installation: its snippets run as they stand, one after the other, with a real token."""

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

from tests.keys.softhsm import new_token

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
    environment = {**os.environ, **new_token(folder / "hsm")}
    snippets = _FENCE.findall((repository / "docs/how-to/keep-the-keys.md").read_text(encoding="utf-8"))
    said = []
    for text in snippets:
        program = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)

    assert len(said) == 6
    assert "secrets are sealed by passphrase" in said[3]
    assert "sealed by passphrase" in said[4]
    assert (folder / "plant/.sekisho/keys/log.token").exists()
