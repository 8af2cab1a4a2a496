"""The pages on adding and signing models: their snippets run as they stand, one after the other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gguf_files import adapter, model, of_tensors
from running import install

_FENCE = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_QUANTISES = "models quantise"
_INSTEAD = ".venv/bin/sekisho models add small.gguf --name house-small --licence MIT"  # that takes a real model


@pytest.fixture
def folder(model_file: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(made, model_file)
    (made / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (made / "model.gguf").write_bytes(model("{{ messages[0].content }}"))
    (made / "small.gguf").write_bytes(model(fill=9))
    (made / "tone.gguf").write_bytes(adapter())
    (made / "usb").mkdir()
    for number, tensors in enumerate(({"token_embd.weight": (32, 8)}, {"output.weight": (32, 8)})):
        said: dict[str, object] = {"general.architecture": "llama", "split.no": number, "split.count": 2}
        content = of_tensors({**said, "llama.context_length": 64}, tensors, 3)
        (made / "usb" / f"big-0000{number + 1}-of-00002.gguf").write_bytes(content)
    yield made
    shutil.rmtree(made)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_snippet_runs(folder: Path, repository: Path) -> None:
    said = []
    for page in ("add-a-model", "sign-a-model"):
        for written in _FENCE.findall((repository / f"docs/how-to/{page}.md").read_text(encoding="utf-8")):
            text = _INSTEAD if _QUANTISES in written else written
            program = ["bash", "-euo", "pipefail", "-c", text]
            done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            said.append(done.stdout)

    assert "Added big." in said[1]
    assert "house-model is signed by mia." in said[-2]
    assert "by mia" in said[-1]
