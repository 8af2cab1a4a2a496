"""Who may do what, cell by cell: every route of the admin API and every verb of the command line, with every role.

The expected table stands here once more, written by hand: one letter a role that may.
"""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperGroup

from gateway.cli.main import app
from gateway.domain import Declared, Role
from gateway.errors import Forbidden
from gateway.identity.choice import narrow
from gateway.identity.record import KeyRecord, NewKey
from gateway.identity.roles import BY_NAME, BY_ROUTE, BY_VERB, TABLE, may, sentence
from gateway.settings import SiteSettings

LETTERS = dict(zip("auowpdvm", Role, strict=True))
"""a app, u user, o operator, w policy author, p approver, d auditor, v privacy officer, m admin."""

EXPECTED = {
    "models:ask": "au",
    "roles:show": "auowpdvm",
    "files:judge": "auowpdvm",
    "installation:change": "om",
    "status:show": "owpdvm",
    "keys:show": "odm",
    "keys:change": "m",
    "secrets:show": "odm",
    "secrets:rotate": "m",
    "limits:show": "odm",
    "limits:change": "m",
    "organisation:show": "owdvm",
    "organisation:change": "m",
    "batches:show": "odm",
    "batches:cancel": "om",
    "models:show": "odm",
    "models:change": "o",
    "models:trust": "m",
    "nodes:show": "odm",
    "nodes:change": "o",
    "policy:show": "owpd",
    "policy:write": "w",
    "policy:rehearse": "wo",
    "policy:sign": "wp",
    "policy:activate": "p",
    "policy:signers": "m",
    "break-glass:ask": "op",
    "break-glass:sign": "p",
    "audit:show": "dv",
    "audit:export": "d",
    "egress:look": "od",
    "audit:carry": "od",
    "audit:hold": "dv",
    "audit:prune": "v",
    "persons:search": "v",
    "persons:erase": "v",
    "machine:run": "",
}


def test_every_row_is_expected_and_every_expected_row_is_there() -> None:
    assert [action.name for action in TABLE] == list(EXPECTED)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_cell(name: str, role: Role) -> None:
    assert may((role,), BY_NAME[name]) is (role in {LETTERS[letter] for letter in EXPECTED[name]})


def test_one_of_several_roles_is_enough() -> None:
    assert may((Role.APP, Role.AUDITOR), BY_NAME["audit:export"])


def test_each_route_and_verb_belongs_to_one_row() -> None:
    assert len(BY_ROUTE) == sum(len(action.routes) for action in TABLE)
    assert len(BY_VERB) == sum(len(action.verbs) for action in TABLE)


def test_every_verb_of_the_command_line_has_a_row() -> None:
    def verbs(command, *names):  # type: ignore[no-untyped-def]
        below = command.commands.items() if isinstance(command, TyperGroup) else ()
        return [v for name, one in below for v in verbs(one, *names, name)] or [" ".join(names)]

    assert sorted(verbs(typer.main.get_command(app))) == sorted(BY_VERB)


@pytest.mark.parametrize("role", Role)
def test_who_may_send_prompts(role: Role) -> None:
    record = KeyRecord(
        id="k",
        seal="",
        last4="",
        created="",
        wish=NewKey(name="n", tenant="t", roles=(role,)),  # type: ignore[arg-type]
    )
    caller = record.caller(SiteSettings())
    if may((role,), BY_NAME["models:ask"]):
        assert narrow(caller, Declared()).roles == (role,)
    else:
        with pytest.raises(Forbidden, match="may not send prompts"):
            narrow(caller, Declared())


def test_a_refusal_says_who_may() -> None:
    said = sentence((Role.APP,), BY_NAME["keys:show"])
    assert said == "This key's role (app) may not see keys, never their text; that needs operator or auditor or admin."
