"""The command line, run in this process as the entry point does, on an installation of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Sekisho = Callable[..., Said]


class Given(io.TextIOWrapper):
    """Standard input: a pipe, or what somebody types at a terminal."""

    def __init__(self, text: str, terminal: bool) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def sekisho(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sekisho:
    """Run ``sekisho ARGUMENTS``, with ``given`` as standard input."""

    def run(*arguments: str, given: str = "", terminal: bool = False) -> Said:
        monkeypatch.setattr("sys.stdin", Given(given, terminal))
        capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


@pytest.fixture(scope="session")
def new_house() -> Iterator[Path]:
    """A folder that ``sekisho init`` has set up, once: it builds and tests the policies, which takes seconds.

    Its log is taken away, so that each test sees only its own records.
    """
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    before = Path.cwd()
    os.chdir(folder)
    try:
        main(["init", "--yes", "--site", "plant", "--jurisdiction", "DE"])
    except SystemExit as leaving:
        assert not leaving.code
    os.chdir(before)
    shutil.rmtree(folder / ".sekisho" / "audit")
    shutil.rmtree(folder / ".sekisho" / "state" / "audit-heads")  # else its logs were missed
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def house(short_dir: Path, new_house: Path) -> Iterator[Path]:
    """A copy of such a folder, as the working directory."""
    before = Path.cwd()
    os.chdir(short_dir)
    shutil.copytree(new_house, short_dir, dirs_exist_ok=True)
    yield short_dir
    os.chdir(before)
