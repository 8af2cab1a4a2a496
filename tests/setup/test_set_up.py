"""Set-up's steps: each knows whether there is something to do, refuses what is not good, and says how to mend it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Part = Callable[[str], ModuleType]


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_key_changes_with_the_content_of_a_file(part: Part, tmp_path: Path) -> None:
    layout, lock = part("layout"), tmp_path / "lock.txt"
    lock.write_text("a==1", encoding="utf-8")
    before = layout.key_of(lock, "x")

    lock.write_text("a==2", encoding="utf-8")

    assert layout.key_of(lock, "x") != before
    assert layout.key_of("ab", "c") != layout.key_of("a", "bc")


def test_a_failed_command_shows_the_end_of_its_log_and_the_mend(part: Part, tmp_path: Path) -> None:
    progress = part("progress")

    with pytest.raises(progress.StepFailed) as failure, progress.Board() as board:
        board.run(["sh", "-c", "echo the reason; exit 7"], tmp_path / "log", "Do this.")

    assert re.search(r"code 7.*\| the reason.*Do this\.", failure.value.report(), re.DOTALL)


def test_stopping_ends_a_command_and_its_children(part: Part, tmp_path: Path) -> None:
    progress = part("progress")
    ended = threading.Event()

    def work(board: object) -> None:
        with pytest.raises(progress.StepFailed):
            board.run(["sh", "-c", "sleep 60 & sleep 60"], tmp_path / "log", "")  # type: ignore[attr-defined]
        ended.set()

    with progress.Board() as board:
        threading.Thread(target=work, args=(board,)).start()
        while not board._running:
            time.sleep(0.01)

    assert ended.wait(5)


def test_nothing_starts_on_a_stopped_board(part: Part, tmp_path: Path) -> None:
    progress = part("progress")
    with progress.Board() as board:
        board.stop()

        with pytest.raises(progress.StepFailed):
            board.run(["true"], tmp_path / "log", "")


@pytest.mark.parametrize(
    ("said", "version"), [("Version: 1.21.3", (1, 21, 3)), ("Version: 1.22.2-rc1", (1, 22, 2)), ("hello", (0,))]
)
def test_the_version_of_an_opa_is_what_it_says(part: Part, tmp_path: Path, said: str, version: tuple[int, ...]) -> None:
    assert part("opa").version_of(program(tmp_path / "opa", f"echo '{said}'")) == version


def test_an_opa_that_is_not_there_has_no_version(part: Part, tmp_path: Path) -> None:
    assert part("opa").version_of(tmp_path / "none") < part("opa").MINIMUM


def test_an_old_opa_that_the_user_named_is_refused(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opa, progress = part("opa"), part("progress")
    monkeypatch.setenv("OPA_BIN", str(program(tmp_path / "old", "echo 'Version: 1.21.2'")))

    with pytest.raises(progress.StepFailed, match=r"1\.21\.3"), progress.Board() as board:
        opa.install(board)


def test_a_good_opa_that_the_user_named_is_used(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opa, progress = part("opa"), part("progress")
    given = program(tmp_path / "good", "echo 'Version: 1.21.3'")
    monkeypatch.setenv("OPA_BIN", str(given))

    with progress.Board() as board:
        opa.install(board)
        opa.install(board)

    assert opa.PLACE.readlink() == given


def test_a_model_of_another_size_is_not_taken_for_the_model(part: Part) -> None:
    model, layout = part("model"), part("layout")
    digest = re.search(r"^sha256: (\w+)", model.MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    assert digest is not None
    place = layout.STORE / "sha256" / digest[1]
    place.parent.mkdir(parents=True)

    place.write_bytes(b"GGUF")

    assert not model.is_stored()


def test_pips_own_settings_stay_but_not_those_that_move_packages(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_TARGET", "/nowhere")

    variables = part("environment").pip_environment()

    assert variables["PIP_INDEX_URL"] == "http://127.0.0.1:1/simple"
    assert "PIP_TARGET" not in variables


def test_an_unknown_level_is_used_wrongly(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repository / "offline-bundle" / "deps"), "all"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "usage:" in done.stderr) == (2, True)


def test_missing_packages_are_named_to_who_is_not_root(repository: Path, tmp_path: Path) -> None:
    program(tmp_path / "id", "echo 1000")
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    script = repository / "offline-bundle" / "deps" / "deps.sh"

    environment = {**os.environ, "PATH": str(tmp_path)}
    command = ["/bin/sh", str(script), "test"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert re.search(r"sudo apt-get update && sudo apt-get install -y .* strace .*g\+\+", done.stderr)


def test_ci_calls_only_make(repository: Path) -> None:
    script = repository / ".ci" / "run"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    assert lines[0] == "set -euo pipefail"
    assert [line for line in lines[2:]] == ["make deps", "make check", "make test"]
    assert os.access(script, os.X_OK)
