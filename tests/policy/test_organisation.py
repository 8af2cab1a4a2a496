"""Who is who, from a file that people write: what it says, and how a mistake is told."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.policy.organisation import Network, Organisation, Project, Site, Tenant, load
from gateway.settings import PolicySettings, Settings


def _at(folder: Path, text: str | bytes | None = None, name: str = "") -> Settings:
    if text is not None:
        content = text if isinstance(text, bytes) else text.encode()
        (folder / (name or "organisation.yaml")).write_bytes(content)
    return Settings(source=str(folder / "sekisho.yaml"), policy=PolicySettings(organisation=name))


def test_without_a_file_nothing_is_declared(tmp_path: Path) -> None:
    assert load(_at(tmp_path)) == Organisation()


def test_an_empty_file_says_nothing_either(tmp_path: Path) -> None:
    assert load(_at(tmp_path, "")) == Organisation()


def test_the_example_of_the_docs_is_read(tmp_path: Path, repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "describe-your-organisation.md").read_text()
    example = re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example

    found = load(_at(tmp_path, example[1]))

    assert found.sites["changchun"] == Site(jurisdiction="CN")
    assert found.tenants["design"] == Tenant(entity="Beispiel AG", models=("smollm2-135m-instruct",))
    assert found.projects["design/neue-baureihe"] == Project(data_class="strict", prototype=True, sites=("munich",))
    assert found.projects["hr/applications"].keep_content_days == 30
    assert found.projects["logistics/customs"].external == ("vendor/cloud/w0:large",)
    assert (found.transfers[0].from_, found.transfers[0].until) == ("EEA", date(2027, 6, 30))
    assert found.transfers[1].tenant == "bodyshop"
    assert found.networks["10.8.0.0/16"] == Network(jurisdiction="FR")
    assert found.elsewhere == "unknown"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sites: [", "line 1: not valid YAML"),
        ("sites:\n  munich: {jurisdiction: Germany}", r"\$.sites"),
        ("sites: {München: {}}", r"\$.sites"),
        ("tenants: {acme: {legal_entity: x}}", "unknown field `legal_entity` - at `$.tenants[...]`"),
        ("projects: {p1: {}}", "the project `p1` is not named TENANT/PROJECT"),
        ("projects: {acme/p1: {prototype: maybe}}", "Expected `bool`"),
        ("projects: {acme/p1: {keep_content_days: -1}}", "$.projects[...].keep_content_days"),
        ("projects: {acme/p1: {keep_content_days: 9999}}", "$.projects[...].keep_content_days"),
        ("projects: {acme/p1: {class: secret}}", "Invalid enum value 'secret'"),
        ("transfers: [{from: EEA, to: US, route: handshake, until: 2027-01-01, reference: x}]", "'handshake'"),
        ("transfers: [{from: EEA, to: US, route: scc, until: soon, reference: x}]", r"\$.transfers[0].until"),
        ("transfers: [{from: EEA, to: US, route: scc, reference: x}]", "missing required field `until`"),
        (f"tenants: {{acme: {{entity: {'x' * 121}}}}}", "length <= 120"),
        ("networks: {10.1.0.0/16: {site: munich}}", "nobody says in which country the site `munich` is"),
        ("sites: {cc: {}}\nnetworks: {10.1.0.0/16: {site: cc}}", "line 2: nobody says in which country the site `cc`"),
        ("networks: {10.1.0.1/16: {jurisdiction: DE}}", "line 1: `10.1.0.1/16` is no network such as 10.1.0.0/16"),
        ("networks: {plant: {jurisdiction: DE}}", "`plant` is no network"),
        ("networks: {10.1.0.0/16: {}}", "exactly one of site and jurisdiction"),
        ("networks: {10.1.0.0/16: {site: muc, jurisdiction: DE}}", "exactly one of site and jurisdiction"),
        ("elsewhere: open", "Invalid enum value 'open'"),
        ("- just a list", "Expected `object`"),
        (b"sites: \xff", "is not UTF-8"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_place(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(SetupError) as error:
        load(_at(tmp_path, text))

    told = str(error.value)
    assert says.replace("\\$", "$") in told
    assert told.startswith(str(tmp_path / "organisation.yaml"))
    assert "\n" not in told
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sites:\n  ber: {jurisdiction: DE}\n  par: {jurisdiction: France}", 3),
        ("sites:\n  ber: {}\nprojects:\n  a/b:\n    prototype: true\n  a/c:\n    class: strict\n    prototyp: true", 8),
        ("tenants: {}\nprojects:\n  a/b: {}\n  b: {}", 4),
        ("transfers:\n  - {from: DE, to: US, route: scc, until: 2027-01-01, reference: x}\n  - {from: DE, to: US}", 3),
        ("sites: {}\nproject: {}", 2),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(SetupError, match=f"organisation.yaml, line {line}: "):
        load(_at(tmp_path, text))


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="There is no file"):
        load(_at(tmp_path, None, "who.yaml"))
    assert load(_at(tmp_path, "sites: {}", "who.yaml")) == Organisation()
