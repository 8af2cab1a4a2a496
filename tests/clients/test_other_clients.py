"""Other people's clients and frameworks, each as it is installed: what they do stands in ``others/``.

They live in environments of their own (``make deps``), since what they need is not what Sekisho needs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from running import Running

pytestmark = [pytest.mark.real, pytest.mark.slow]

OTHERS = Path(__file__).parent / "others"
CACHE = OTHERS.parent.parent.parent / ".cache"
SECONDS = 280


@pytest.fixture(scope="module")
def environment(both: Running, model_name: str) -> dict[str, str]:
    """What a developer sets: where the gateway is, and a key. Nothing else of ours reaches the clients."""
    set_here = {"SEKISHO_BASE": both.base, "SEKISHO_KEY": both.key("clients"), "SEKISHO_MODEL": model_name}
    programs = CACHE / "clients-venv" / "bin"
    if not programs.is_dir() or not (CACHE / "clients-node" / ".done").is_file():
        pytest.fail("Other people's clients are not installed. Run: make deps")
    return {
        **{name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ},
        **set_here,
        "SEKISHO_EMBEDDER": "all-minilm-l6-v2",
        "PATH": f"{programs}:/usr/bin:/bin",
        "LANGSMITH_TRACING": "false",
        "NEXT_TELEMETRY_DISABLED": "1",
    }


def run(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> str:
    """Run to the end, which must be a good one. Returns what was printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    return done.stdout


@pytest.mark.parametrize("suite", ["frameworks", "langchain"])
def test_python(suite: str, environment: dict[str, str]) -> None:
    command = ["python", "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "--confcutdir", ".", f"suite_{suite}.py"]

    said = run([CACHE / "clients-venv" / "bin" / command[0], *command[1:]], OTHERS, environment)

    assert " passed" in said


@pytest.mark.parametrize("suite", ["openai", "vercel"])
def test_javascript(suite: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Modules are looked for beside the file that imports them, so the suite goes to where they are."""
    (tmp_path / "node_modules").symlink_to(CACHE / "clients-node" / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    suite_file = tmp_path / f"{suite}.test.mjs"
    suite_file.write_text((OTHERS / "node" / suite_file.name).read_text())

    said = run(
        [CACHE / "clients-venv" / "bin" / "node", "--test", "--test-reporter=tap", suite_file], tmp_path, environment
    )

    assert "# fail 0" in said
    assert "# pass 0" not in said
