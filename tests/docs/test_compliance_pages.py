"""The pages of ``docs/compliance``: each requirement has its five parts, and every command runs on a real installation
that has some days of records."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import quarter

from gateway import settings
from gateway.audit.book import LogBook
from gateway.audit.evidence.report import CHAPTERS
from gateway.cli.main import main
from gateway.keys.opening import open_keyring

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "compliance"
PAGES = ("gdpr", "ai-act", "pipl", "appi", "tisax")
PARTS = ("**Asks for**", "**Sekisho**", "**See it**", "**In the pack**", "**Yours**")
ANSWERS = {"ask", "test"}  # a policy may say no: exit code 1 is an answer
_FENCE = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """Return every command of the page, in words."""
    return [shlex.split(line) for fence in _FENCE.findall(text) for line in fence.splitlines() if line.strip()]


def run(*arguments: str) -> int:
    try:
        main(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    return 0


@pytest.fixture(scope="module")
def installation() -> Iterator[Path]:
    """An installation with some days of records, and no server, as the working directory."""
    folder, before = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp")), Path.cwd()
    os.chdir(folder)
    try:
        assert run("init", "--yes", "--site", "plant", "--jurisdiction", "DE") == 0
        here = settings.load(None)
        keys = open_keyring(here).log_keys()
        book = LogBook(here.data / "audit", origin=here.origin, log_key=keys, settings=here.audit)
        book.open()
        with quarter.clock() as time:
            quarter.write(book, time, days=3, each_day=8)
        book.close()
        yield folder
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", PAGES)
def test_each_requirement_has_its_five_parts(name: str) -> None:
    head, *sections = page(name).split("\n## ")

    assert sections
    assert "ooked at on 22 November 2026" in " ".join(head.split())
    assert re.search(r"\*(Lawyer|Assessor)\*", head)
    for section in sections:
        places = [section.find(part) for part in PARTS]
        assert -1 not in places, section.splitlines()[0]
        assert places == sorted(places), section.splitlines()[0]
        assert commands(section), section.splitlines()[0]


@pytest.mark.parametrize("name", PAGES)
def test_chapters_that_are_named_exist(name: str) -> None:
    named = re.findall(r"`report\.html`, chapters? ([^:.\n]*)", page(name))

    numbers = {int(number) for text in named for number in re.findall(r"\d+", text)}
    assert numbers
    assert max(numbers) <= len(CHAPTERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_runs(installation: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for program, *arguments in commands(page(name)):
        assert program == "sekisho"
        code = run(*arguments)
        told = capsys.readouterr()
        allowed = {0, 1} if arguments[0] == "policy" and arguments[1] in ANSWERS else {0}
        assert code in allowed, f"sekisho {' '.join(arguments)}: exit {code}\n{told.out}\n{told.err}"
        assert told.out.strip(), arguments
