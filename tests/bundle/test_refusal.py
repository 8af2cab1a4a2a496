"""Every way in which a bundle is refused has an exit status, a mend whose commands exist, and words for `doctor`."""

from __future__ import annotations

import re

import pytest
import typer
from typer.core import TyperGroup

from gateway.bundle.refusal import _EXIT_AND_MEND, BundleRefused
from gateway.cli.codes import explanations
from gateway.cli.main import app

_COMMAND = re.compile(r"sekisho ((?:[a-z-]+ ?)+)")


def _verbs(command: object, *names: str) -> set[str]:
    below = command.commands.items() if isinstance(command, TyperGroup) else ()
    return {verb for name, one in below for verb in _verbs(one, *names, name)} or {" ".join(names)}


VERBS = _verbs(typer.main.get_command(app))


def _named(text: str) -> list[str]:
    """The commands that a text tells one to give."""
    return [found.strip() for found in _COMMAND.findall(text)]


@pytest.mark.parametrize("code", _EXIT_AND_MEND)
def test_a_refusal_is_one_line_with_its_code_and_a_mend(code: str) -> None:
    refused = BundleRefused(code, "It is so.")
    assert (refused.exit_code in (3, 4, 5), "\n" in str(refused), f"[{code}]" in str(refused)) == (True, False, True)
    assert refused.mend


@pytest.mark.parametrize("code", _EXIT_AND_MEND)
def test_doctor_knows_the_code(code: str) -> None:
    assert code in explanations()


@pytest.mark.parametrize("code", _EXIT_AND_MEND)
def test_the_commands_that_it_tells_one_to_give_exist(code: str) -> None:
    said = explanations()[code]
    for text in (_EXIT_AND_MEND[code][1], said.mend):
        for command in _named(text):
            assert any(command == verb or command.startswith(f"{verb} ") for verb in VERBS), command


def test_some_of_them_name_a_command() -> None:
    named = {command for _, mend in _EXIT_AND_MEND.values() for command in _named(mend)}
    assert {"bundle rollback", "bundle status", "bundle break-glass show"} <= {" ".join(c.split()[:3]) for c in named}
