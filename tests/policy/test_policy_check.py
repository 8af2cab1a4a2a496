"""What is refused before it is built: no default decision, names that nothing goes by, and every malformed file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from policy_house import TABLE, PolicyHouse

from gateway.errors import SetupError
from gateway.policy.life.assembly import checked
from gateway.policy.opa.program import find_opa

pytestmark = pytest.mark.real

Spoil = Callable[[PolicyHouse], object]


def _file(name: str, text: str) -> Spoil:
    return lambda house: (house.policies / name).write_text(text)


def _replaced(name: str, old: str, new: str) -> Spoil:
    def spoil(house: PolicyHouse) -> None:
        path = house.policies / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return spoil


def _table(text: str) -> Spoil:
    return lambda house: house.rules.write_text(text)


ROW = TABLE.splitlines()[1]
WRONG: list[tuple[Spoil, str]] = [
    (
        _replaced("main/decision.rego", "default decision", "# default decision"),
        r"main/decision\.rego:\d+:1.*no default",
    ),
    (_replaced("main/decision.rego", "count(input", "count(inputs"), r"main/decision\.rego:\d+:\d+"),
    (_replaced("plain/rule.rego", "# title: Plain\n", ""), r"plain/rule\.rego:\d+:1: METADATA.*lacks title"),
    (_replaced("plain/rule.rego", '"code": "policy.plain"', '"code": opa.runtime()'), r"plain/rule\.rego:\d+:\d+"),
    (_file("data/mark.json", "{"), r"mark\.json, line 1, column 2: not JSON"),
    (_file("plain/rule.rego", "package"), r"could not be read: plain/rule\.rego:1:7: unexpected eof"),
    (_table(TABLE.replace("owner", "boss")), r"rules\.csv, line 1"),
    (_table(TABLE.replace("pseudonymise", "pseudonymize")), r"rules\.csv, line 2, column redaction"),
    (_table(TABLE.replace("allow", "alow")), r"rules\.csv, line 2, column decision"),
    (_table(TABLE.splitlines()[0] + '\n"' + ROW), r"rules\.csv, line \d"),
    (_table(TABLE.splitlines()[0]), r"rules\.csv, line 1: no row"),
    (
        _table("\n".join([TABLE.splitlines()[0], ROW.replace("*,*,*,*,*", "*,*,*,*,site:ghost"), ROW])),
        "line 2.*`ghost`",
    ),
    (
        _replaced("plain/rule.rego", '"policy.plain"', "data.facts.sites.ghost"),
        r"rule\.rego:\d+: there is no site `ghost`",
    ),
    (lambda house: house.rules.unlink(), r"no rule table"),
    (lambda house: house.rules.write_bytes(b"\xff\xfe"), r"not UTF-8"),
    (_replaced("plain/rule.rego", "\n\n", "\n\n\n"), r"Not formatted.*plain/rule\.rego:\d+:1: not as opa fmt"),
    (_replaced("plain/rule.rego", '"severity": "info"', '"severity":  "info"'), r"plain/rule\.rego:\d+:\d\d: not as"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_it_is_refused_in_one_line_with_its_place(house: PolicyHouse, spoil: Spoil, said: str) -> None:
    spoil(house)

    with pytest.raises(SetupError, match=said) as error:
        checked(find_opa(house.settings), house.settings, house.now.date())

    assert error.value.mend
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spoil", [spoil for spoil, _ in WRONG[:15:5]], ids=["rego", "data", "table"])
async def test_what_is_in_force_stays_in_force(house: PolicyHouse, spoil: Spoil) -> None:
    life = house.life()
    revision = await life.first("init")
    spoil(house)

    with pytest.raises(SetupError):
        await life.build("ana")

    assert life.revisions.in_force() == revision
    assert [one.id for one in life.revisions.list()] == [revision.id]


def test_a_site_of_the_organisation_may_be_named(house: PolicyHouse, tmp_path: Path) -> None:
    organisation = tmp_path / "organisation.yaml"
    organisation.write_text("sites:\n  ghost: {jurisdiction: DE}\n")
    header, row = TABLE.splitlines()
    house.rules.write_text("\n".join([header, row.replace("*,*,*,*,*", "*,*,*,*,site:ghost"), row]))

    table, _ = checked(find_opa(house.settings), house.with_policy(organisation=str(organisation)), house.now.date())

    assert b"site:ghost" in table
