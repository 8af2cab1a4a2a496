"""``sekisho policy build | sign | verify | activate | rollback | status | diff | signer``, without a server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from small_policies import write_policies

from gateway.audit.log.reader import logs, search

pytestmark = pytest.mark.real

TABLE = """\
data,collected_in,class,purpose,destination,decision,redaction,legal_basis,review_by,owner,mode,note
*,*,*,*,*,allow,pseudonymise,,2030-01-01,tests,enforce,
"""


@pytest.fixture
def life(house: Path) -> Path:
    """An installation of preset balanced with small policies, and nothing in force yet."""
    shutil.rmtree(house / ".sekisho" / "state" / "policy", ignore_errors=True)
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    config["site"]["preset"] = "balanced"
    config["policy"] = {"directory": str(write_policies(house / "policies", "a"))}
    (house / "sekisho.yaml").write_text(yaml.safe_dump(config))
    (house / "rules.csv").write_text(TABLE)
    return house


def _built(sekisho, life: Path, mark: str) -> str:
    write_policies(life / "policies", mark)
    said = sekisho("policy", "build", "--json")
    assert said.code == 0, said
    return str(said.json["revision"])


def _first(life: Path) -> str:
    """Build and activate the first revision, as ``sekisho init`` does."""
    from gateway.cli.init import _first_policy
    from gateway.settings import load

    revision, hindrance = _first_policy(load(str(life / "sekisho.yaml")))
    assert not hindrance
    return revision


def _signer(sekisho, name: str, role: str, passphrase: str = "") -> str:
    options = () if passphrase else ("--no-passphrase",)
    made = sekisho("policy", "signer", "create", name, "--out", f"{name}.pem", "--json", *options, given=passphrase)
    assert made.code == 0, made
    added = sekisho("policy", "signer", "add", name, "--public-key", made.json["public_key"], "--role", role)
    assert added.code == 0, added
    return f"{name}.pem"


def _types(life: Path) -> list[str]:
    (log,) = logs(life / ".sekisho" / "audit")
    return [record["type"] for record in search(log)]


def test_from_an_edit_to_a_policy_in_force_and_back(sekisho, life: Path) -> None:
    first = _first(life)
    assert sekisho("policy", "activate", first[:8]).code == 0  # it is in force already
    second = _built(sekisho, life, "b")
    refused = sekisho("policy", "activate", second)
    assert (refused.code, "Two persons must sign it" in refused.out) == (1, True)

    ana, ben = _signer(sekisho, "ana", "policy-author", "a long one\n"), _signer(sekisho, "ben", "approver")
    assert sekisho("policy", "sign", second, "--key", ana, given="a long one\n").code == 0
    assert sekisho("policy", "verify", second[:8]).code == 1
    assert sekisho("policy", "sign", second, "--key", ben).code == 0
    seen = sekisho("policy", "verify", second, "--json")
    assert (seen.code, [one["name"] for one in seen.json["signatures"]]) == (0, ["this gateway", "ana", "ben"])

    assert sekisho("policy", "activate", second).code == 0
    assert sekisho("policy", "status", "--json").json["in_force"]["revision"] == second
    assert f"{first[:12]}  " in sekisho("policy", "status").out
    assert "It was in force before: sekisho policy rollback" in sekisho("policy", "status").out
    assert sekisho("policy", "rollback").code == 0
    assert sekisho("policy", "status", "--json").json["in_force"]["revision"] == first
    assert _types(life) == [
        *("policy.built", "policy.activated", "policy.built", "policy.refused"),
        *("policy.signer_added", "policy.signer_added", "policy.signed", "policy.signed"),
        *("policy.activated", "policy.rolled_back"),
    ]


def test_status_tells_what_differs(sekisho, life: Path) -> None:
    assert "No policy is in force" in sekisho("policy", "status").out
    revision = _first(life)
    (life / "rules.csv").write_text(TABLE.replace("pseudonymise", "mask"))
    write_policies(life / "policies", "b")

    said = sekisho("policy", "status")

    assert "rules.csv differs from what is in force." in said.out
    assert "data/mark.json differs from what is in force." in said.out
    assert sekisho("policy", "status", "--json").json["in_force"]["revision"] == revision


def test_diff_shows_rows_as_rows_and_rules_as_lines(sekisho, life: Path) -> None:
    first = _built(sekisho, life, "a")
    header, row = TABLE.splitlines()
    secret = row.replace("*,*,*", "@secrets,*,*", 1).replace("pseudonymise", "mask")
    (life / "rules.csv").write_text("\n".join([header, secret, row.replace("tests", "us")]) + "\n")
    rule = life / "policies" / "plain" / "rule.rego"
    rule.write_text(rule.read_text().replace('"policy.plain"', '"policy.plainer"'))
    second = str(sekisho("policy", "build", "--json").json["revision"])

    found = sekisho("policy", "diff", first, second)
    assert found.code == 0
    assert "+ line 2: @secrets,*,*,*,*,allow,mask,,2030-01-01,tests,enforce," in found.out
    assert '-verdict(_) := {"code": "policy.plain"' in found.out
    kinds = [row["kind"] for row in sekisho("policy", "diff", first, second, "--json").json["rows"]]
    assert sorted(kinds) == ["added", "changed"]
    assert sekisho("policy", "diff", second, "files").out.strip() == "They say the same."


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("activate", "ffff"), 2),
        (("activate", "./nowhere"), 2),
        (("verify", "x"), 2),
        (("rollback",), 2),
        (("sign", "ffff", "--key", "none.pem"), 2),
        (("signer", "remove", "nobody"), 2),
        (("signer", "add", "ana", "--public-key", "AAAA", "--role", "approver"), 2),
        (("signer", "add", "ana", "--public-key", "A" * 43 + "=", "--role", "king"), 2),
        (("diff", "in-force", "files"), 2),
    ],
)
def test_what_cannot_be_is_told_in_one_line(sekisho, life: Path, arguments: tuple[str, ...], code: int) -> None:
    said = sekisho("policy", *arguments)

    assert said.code in (code, 3)
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("sekisho: ")
    assert "error of its own" not in last


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda life: (life / "rules.csv").write_text("x"), r"rules.csv, line 1"),
        (lambda life: (life / "policies" / "data" / "mark.json").write_text("{"), "mark.json"),
        (lambda life: (life / "policies" / "plain" / "rule.rego").write_text("package\n"), "rule.rego"),
    ],
)
def test_malformed_files_are_told_in_one_line(sekisho, life: Path, spoil, said: str) -> None:
    spoil(life)

    told = sekisho("policy", "build")

    assert told.code == 2
    assert said in told.err.strip().splitlines()[-1]
    assert sekisho("policy", "status", "--json").json["revisions"] == []


def test_signers_are_listed_and_removed(sekisho, life: Path) -> None:
    assert "Nobody yet" in sekisho("policy", "signer", "list").out
    _signer(sekisho, "ana", "approver")
    assert [one["name"] for one in sekisho("policy", "signer", "list", "--json").json] == ["ana"]

    refused = sekisho("policy", "signer", "remove", "ana")
    assert (refused.code, "one of them must approve" in refused.err) == (2, True)
    assert sekisho("policy", "signer", "remove", "ana", "--approve-with", "ana.pem").code == 0

    assert sekisho("policy", "signer", "list", "--json").json == []


def test_two_approvers_agree_at_one_place_or_one_after_the_other(sekisho, life: Path) -> None:
    _signer(sekisho, "ana", "approver")
    for name in ("ben", "cem"):
        sekisho("policy", "signer", "create", name, "--out", f"{name}.pem", "--no-passphrase")
    add = ("policy", "signer", "add")
    ben = (*add, "ben", "--public-key", "ben.pub", "--role", "approver")
    cem = (*add, "cem", "--public-key", "cem.pub", "--role", "policy-author")
    assert sekisho(*ben, "--approve-with", "ana.pem").code == 0

    refused = sekisho(*cem, "--approve-with", "ana.pem")
    assert (refused.code, "two of them must approve" in refused.err) == (2, True)
    assert sekisho(*cem, "--approve-with", "ana.pem", "--approve-with", "ben.pem").code == 0

    gone = ("policy", "signer", "remove", "cem", "--statement", "gone.json")
    waits = sekisho(*gone, "--approve-with", "ana.pem", "--json")
    assert (waits.code, waits.json["state"], waits.json["signed_by"]) == (1, "waits", ["ana"])
    other = sekisho("policy", "signer", "remove", "ben", "--statement", "gone.json", "--approve-with", "ben.pem")
    assert (other.code, "about another change" in other.err) == (2, True)
    assert sekisho(*gone, "--approve-with", "ana.pem").code == 1
    assert sekisho(*gone, "--approve-with", "ben.pem").code == 0
    assert [one["name"] for one in sekisho("policy", "signer", "list", "--json").json] == ["ana", "ben"]


def test_a_statement_that_is_none_is_refused(sekisho, life: Path) -> None:
    _signer(sekisho, "ana", "approver")
    Path("gone.json").write_text("{}")

    said = sekisho("policy", "signer", "remove", "ana", "--approve-with", "ana.pem", "--statement", "gone.json")

    assert (said.code, "no statement on a signer" in said.err) == (2, True)


def test_revisions_are_completed(sekisho, life: Path) -> None:
    from gateway.cli.policy_life import _revisions_here

    revision = _built(sekisho, life, "a")

    assert _revisions_here(None, revision[:3]) == [revision]  # type: ignore[arg-type]
    assert _revisions_here(None, "zz") == []  # type: ignore[arg-type]
