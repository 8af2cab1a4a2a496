"""Every snippet of README and docs is well formed, and names only commands, targets and settings that exist.

Fences ``bash``, ``python``, ``yaml`` and ``json`` are checked; what is no program (output, a shell with somebody's own
values) is a ``text`` fence.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import typer
import yaml
from typer.core import TyperCommand, TyperGroup

from gateway import plain_yaml
from gateway.policy.organisation import Organisation
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
LANGUAGES = ("bash", "python", "yaml", "json", "text")
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    place: str
    language: str
    text: str


def snippets() -> list[Snippet]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Snippet(f"{file.relative_to(ROOT)}:{line}", match[1], match[2]))
    return found


def of(*languages: str) -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(s, id=s.place) for s in snippets() if s.language in languages]


@pytest.mark.parametrize("snippet", [pytest.param(s, id=s.place) for s in snippets()])
def test_every_fence_says_its_language(snippet: Snippet) -> None:
    assert snippet.language in LANGUAGES


@pytest.mark.parametrize("snippet", of("bash"))
def test_shell_parses(snippet: Snippet) -> None:
    done = subprocess.run(["bash", "-n"], input=snippet.text, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("snippet", of("python"))
def test_python_parses(snippet: Snippet) -> None:
    ast.parse(snippet.text)


@pytest.mark.parametrize("snippet", of("json"))
def test_json_parses(snippet: Snippet) -> None:
    json.loads(snippet.text)


@pytest.mark.parametrize("snippet", of("yaml"))
def test_yaml_is_a_valid_configuration_or_organisation(snippet: Snippet) -> None:
    said = plain_yaml.read(snippet.text)

    if set(said) <= set(Organisation.__struct_fields__):
        msgspec.convert(said, Organisation)
    else:
        msgspec.convert(yaml.safe_load(snippet.text), Settings)


def commands(snippet: Snippet, program: str) -> list[list[str]]:
    """The arguments of every call of a program in a shell snippet, comments left out."""
    found, rest = [], ""
    for line in snippet.text.replace("\\\n", " ").splitlines(keepends=True):
        rest += line
        try:
            words = shlex.split(rest, comments=True)
        except ValueError:  # a quoted text goes on
            continue
        found.append(words)
        rest = ""
    assert not rest
    return [words[1:] for words in found if words and Path(words[0]).name == program]


@pytest.mark.parametrize("snippet", of("bash"))
def test_make_targets_exist(snippet: Snippet) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    for arguments in commands(snippet, "make"):
        assert {word for word in arguments if "=" not in word} <= targets


@pytest.mark.parametrize("snippet", of("bash"))
def test_sekisho_commands_and_options_exist(snippet: Snippet, sekisho: TyperGroup) -> None:
    for arguments in commands(snippet, "sekisho"):
        _check(sekisho, arguments)


@pytest.fixture(scope="module")
def sekisho() -> TyperGroup:
    from gateway.cli.main import app

    return typer.main.get_command(app)


def _check(command: TyperGroup | TyperCommand, arguments: list[str]) -> None:
    """Follow nouns and verbs, then look for every option; nothing is run."""
    while isinstance(command, TyperGroup):
        options = {option for parameter in command.params for option in parameter.opts}
        while arguments[0] in options:  # before the command's name, each with its value
            arguments = arguments[2:]
        name, *arguments = arguments
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in arguments if word.startswith("--")} <= known
