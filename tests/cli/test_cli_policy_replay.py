"""sekisho policy replay, explain, ask, shadow: on real decisions in a real log, with the real OPA."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from gateway.cli.past import log_folders, newest_first
from gateway.domain import Decision, PolicyInput
from gateway.policy.life.revisions import Revisions
from gateway.policy.trials.proposal import find
from gateway.settings import Settings, load
from tests.policy.conftest import TARGETS, make_question
from tests.policy.past import HEADER, OPEN_TABLE, caller_of, live, open_book, policies, shelve, write

pytestmark = pytest.mark.real

OPEN, SHUT = (
    OPEN_TABLE,
    f"{HEADER}PERSON,*,*,*,FR,deny,,GDPR art. 25,,,,names stay\n*,*,*,*,*,allow,pseudonymise,,,,,\n",
)


@pytest.fixture
def here(short_dir: Path) -> Iterator[Path]:
    """An installation with one rule of places and a table that shuts France for names, as the working directory."""
    before = Path.cwd()
    os.chdir(short_dir)
    policies(short_dir / "own")
    (short_dir / "rules.csv").write_text(SHUT)
    config = {
        "site": {"name": "muc", "node": "n", "jurisdiction": "DE"},
        "policy": {"directory": "own", "deadline_seconds": 10.0},
    }
    (short_dir / "sekisho.yaml").write_text(yaml.safe_dump(config))
    yield short_dir
    os.chdir(before)


@pytest.fixture
def settings(here: Path) -> Settings:
    return load("sekisho.yaml")


def past(settings: Settings, *questions: PolicyInput) -> list[Decision]:
    """Let what lies on disk decide."""
    return asyncio.run(live(settings, TARGETS, questions))


def past_in_force(settings: Settings, *questions: PolicyInput) -> list[Decision]:
    """Put a revision of what lies on disk in force, and let it decide."""
    return asyncio.run(live(settings, TARGETS, questions, shelve(settings).standing))


ALL, BEIJING, PARIS = make_question(), make_question("pek/n/w0:m"), make_question("par/n/w0:m")


# --- replay


def test_what_opens_leaves_with_one(sekisho, settings: Settings, here: Path) -> None:
    past(settings, ALL, ALL, BEIJING)
    (here / "rules.csv").write_text(OPEN)

    said = sekisho("policy", "replay", "--since", "1h", "--json")

    assert said.code == 1
    (line,) = said.json["lines"]
    assert {name: line[name] for name in ("kind", "count", "tenant", "reason", "destination")} == {
        "kind": "opened",
        "count": 2,
        "tenant": "acme",
        "reason": "policy.table_denied",
        "destination": "other/FR",
    }
    assert (said.json["decisions"], said.json["same"], said.json["unreadable"]) == (3, 1, 0)


def test_what_only_closes_leaves_with_zero(sekisho, settings: Settings, here: Path) -> None:
    past(settings, ALL)
    (here / "new.csv").write_text(f"{HEADER}*,*,*,*,elsewhere,deny,,,,,,\n*,*,*,*,*,deny,,,,,,\n")

    said = sekisho("policy", "replay", "--rules", "new.csv")

    assert said.code == 0, said.err
    assert "0 opened, 2 closed" in said.out
    assert "policy.table_denied" in said.out


@pytest.mark.parametrize("reference", ["in-force", "revision", "bundle", "folder"])
def test_each_way_to_name_a_policy_is_understood(sekisho, settings: Settings, here: Path, reference: str) -> None:
    past_in_force(settings, ALL)
    shelf = settings.state / "policy"
    (folder,) = (shelf / "revisions").iterdir()
    named = {"revision": folder.name[:8], "bundle": str(folder / "bundle.tar.gz"), "folder": "own"}.get(
        reference, reference
    )

    said = sekisho("policy", "replay", "--bundle", named, "--json")

    assert (said.code, said.json["same"], said.json["lines"]) == (0, 1, [])


def test_time_and_tenant_choose(sekisho, settings: Settings, here: Path) -> None:
    other = replace(ALL, caller=replace(ALL.caller, tenant="other"))
    past(settings, ALL, other)

    assert sekisho("policy", "replay", "--json").json["decisions"] == 2
    assert sekisho("policy", "replay", "--tenant", "other", "--json").json["decisions"] == 1
    assert sekisho("policy", "replay", "--since", "2999-01-01", "--json").json["decisions"] == 0
    assert sekisho("policy", "replay", "--until", "2000-01-01", "--json").json["decisions"] == 0
    assert sekisho("policy", "replay", "--since", "yesterday").code == 2


def test_a_lost_data_set_leaves_with_three_and_is_named(sekisho, settings: Settings, here: Path) -> None:
    (decision,) = past(settings, ALL)
    (settings.state / "policy" / "data" / f"{decision.data_revision}.json").unlink()

    said = sekisho("policy", "replay")

    assert said.code == 3
    assert decision.id in said.out


def test_a_broken_record_leaves_with_three_and_is_named(sekisho, settings: Settings, here: Path) -> None:
    past(settings, ALL, BEIJING)
    (bundle,) = (settings.data / "audit").rglob("entries/000")
    bundle.write_bytes(bundle.read_bytes().replace(b'{"caller"', b'["caller"', 1))

    said = sekisho("policy", "replay", "--json")

    assert said.code == 3
    assert said.json["unreadable_named"] == ["muc/n/w0, record 0: it is no record"]


def test_a_denial_without_its_question_is_counted(sekisho, settings: Settings, here: Path) -> None:
    past(settings, ALL)
    with open_book(settings) as book:
        book.denial(code="policy.residency", status=403, caller=caller_of(ALL), request_id="01JX")
        book.denial(code="rate_limit_exceeded", status=429, caller=caller_of(ALL), request_id="01JY")
        book.denial(code="policy.timeout", status=503, caller=caller_of(ALL), question=ALL, request_id="01JZ")

    said = sekisho("policy", "replay", "--json")

    assert said.code == 3
    assert (said.json["unreadable"], said.json["undecided"], said.json["decisions"]) == (1, 1, 1)


def test_many_records_are_read_from_the_right_place_on(sekisho, settings: Settings, here: Path) -> None:
    """More than one bundle of 256 records; half of them are too old."""
    (decision,) = past(settings, ALL)
    with open_book(settings) as book:
        for number in range(300):
            write(book, ALL, replace(decision, id=f"old{number}"))
        asyncio.run(book.durable())
        between = _newest(settings)
        for number in range(20):
            write(book, ALL, replace(decision, id=f"new{number}"))

    assert sekisho("policy", "replay", "--since", "1h", "--json").json["decisions"] == 321
    found = sekisho("policy", "replay", "--since", between, "--json").json["decisions"]
    assert found in (20, 21)  # the record at that very time is included


# --- explain


def test_a_decision_is_explained_by_its_id_and_its_requests(sekisho, settings: Settings, here: Path) -> None:
    first, second = past_in_force(settings, PARIS, ALL)

    said = sekisho("policy", "explain", first.id)

    assert said.code == 0, said.err
    assert "Row 2 of the rule table: names of persons: Refused (names stay)" in said.out
    assert "without names of persons" in said.out
    assert sekisho("policy", "explain", "01J" + "1".zfill(23), "--json").json["decision"]["id"] == second.id


def test_an_explanation_is_a_table_too_of_what_fired_and_what_did_not(sekisho, settings: Settings, here: Path) -> None:
    (decision,) = past_in_force(settings, ALL)

    table = sekisho("policy", "explain", decision.id).out.partition("At a glance")[2]

    lines = [line.split("   ")[0].strip() + "|" + line.strip() for line in table.splitlines() if line.strip()]
    assert [line for line in lines if "refuses" in line and "places" in line and "pek/n/w0:m" in line]
    assert [line for line in lines if "refuses" in line and "table" in line and "par/n/w0:m" in line]
    assert [line for line in lines if "permits" in line and "table" in line and "muc/n/w0:m" in line]
    assert sekisho("policy", "explain", decision.id, "--json").json["decision"]["id"] == decision.id


def test_a_decision_in_a_long_log_is_found_near_its_time(settings: Settings, here: Path) -> None:
    """Bundles of another time are not read; where the id tells the wrong time, all of them are."""
    (decision,) = past(settings, ALL)
    with open_book(settings) as book:
        for number in range(600):
            write(book, ALL, replace(decision, id=f"other{number}"))
    (folder,) = log_folders(settings)

    made = datetime.now(UTC) - timedelta(hours=1)
    assert [record["decision"]["id"] for record in newest_first(folder, decision.id, made.isoformat())] == [decision.id]
    assert list(newest_first(folder, decision.id, until=made.isoformat())) == []
    assert len(list(newest_first(folder))) == 1202


def test_an_explanation_comes_in_the_language_asked_for(sekisho, settings: Settings, here: Path) -> None:
    (decision,) = past_in_force(settings, BEIJING)

    assert "ドイツで取得されたデータを中国へ" in sekisho("policy", "explain", decision.id, "--lang", "ja").out
    found = sekisho("policy", "explain", decision.id, "--lang", "de", "--json").json
    assert found["again"]["allowed"] is False
    assert found["again"]["targets"][0]["rules"][0]["text"].startswith("Daten mit Herkunft Deutschland")
    assert {"target", "origin"} <= {change["what"] for change in found["again"]["changes"]}
    assert sekisho("policy", "explain", decision.id, "--lang", "fr").code == 2


@pytest.mark.parametrize("gone", ["revision", "data"])
def test_when_the_past_is_gone_it_says_so_and_shows_the_record(
    sekisho, settings: Settings, here: Path, gone: str
) -> None:
    (decision,) = past_in_force(settings, BEIJING)
    shelf = settings.state / "policy"
    for path in (shelf / "data").iterdir() if gone == "data" else (shelf / "revisions").glob("*/*"):
        path.unlink()

    said = sekisho("policy", "explain", decision.id)

    assert said.code == 0
    assert "Not asked again:" in said.out
    assert "Data from Germany may not be sent to China" in said.out
    assert sekisho("policy", "explain", decision.id, "--json").json["again"] is None


def test_what_is_not_on_record_is_not_explained(sekisho, settings: Settings, here: Path) -> None:
    past_in_force(settings, ALL)
    with open_book(settings) as book:
        book.denial(code="rate_limit_exceeded", status=429, caller=caller_of(ALL), request_id="01JY")

    assert sekisho("policy", "explain", "01JNOBODY").code == 2
    early = sekisho("policy", "explain", "01JY")
    assert (early.code, "before one was asked" in early.err) == (3, True)


def test_the_newest_of_several_attempts_is_explained(sekisho, settings: Settings, here: Path) -> None:
    (decision,) = past_in_force(settings, ALL)
    again = replace(ALL, request=replace(ALL.request, id="01J" + "0" * 23), env=replace(ALL.env, attempt=2))
    with open_book(settings) as book:
        write(book, again, replace(decision, id="01JSECOND"))

    found = sekisho("policy", "explain", "01J" + "0" * 23, "--json").json

    assert (found["decision"]["id"], found["others"]) == ("01JSECOND", [decision.id])


def test_a_preview_is_explained_and_not_replayed(sekisho, settings: Settings, here: Path) -> None:
    (decision,) = past_in_force(settings, BEIJING)
    with open_book(settings) as book:
        book.preview(caller_of(ALL), ALL, replace(decision, id="01JPREVIEW"))

    assert sekisho("policy", "explain", "01JPREVIEW").code == 0
    assert sekisho("policy", "replay", "--json").json["decisions"] == 1


# --- ask


def test_a_question_is_put_together_from_flags(sekisho, settings: Settings, here: Path) -> None:
    shelve(settings)
    yes = sekisho("policy", "ask", "--data", "PERSON=3", "--place", "other/AT")
    no = sekisho("policy", "ask", "--data", "PERSON=3", "--place", "other/FR", "--why", "--json")

    assert (yes.code, no.code) == (0, 1), yes.err + no.err
    assert "allowed" in yes.out
    assert no.json["question"]["data"]["entities"] == {"PERSON": "2-4"}
    assert {"what": "leave_out", "value": "PERSON", "text": "without names of persons"} in no.json["changes"]


def test_each_flag_reaches_the_question(sekisho, settings: Settings, here: Path) -> None:
    shelve(settings)
    flags = "--tenant hr --project pay --origin CN --access-from JP --class strict --special health --purpose audit"
    said = sekisho("policy", "ask", *flags.split(), "--model", "m", "--place", "external/US", "--json")
    asked = said.json["question"]

    caller, data = asked["caller"], asked["data"]
    assert (caller["tenant"], caller["project"], caller["access_from"]) == ("hr", "pay", "JP")
    assert (data["collected_in"], data["class"], data["special"]) == ("CN", "strict", ["health"])
    assert (asked["request"]["purpose"], asked["request"]["model"]) == ("audit", "m")
    assert said.json["targets"][0]["place"] == "external/US"


def test_the_targets_that_were_pushed_last_are_known(sekisho, settings: Settings, here: Path) -> None:
    past_in_force(settings, ALL)

    found = sekisho("policy", "ask", "--json").json
    one = sekisho("policy", "ask", "--target", "pek/n/w0:m", "--json")

    assert {target["id"] for target in found["targets"]} == {target.id for target in TARGETS}
    assert (one.code, [target["id"] for target in one.json["targets"]]) == (1, ["pek/n/w0:m"])
    assert sekisho("policy", "ask", "--target", "nobody").code == 2


def test_a_whole_question_may_be_given(sekisho, settings: Settings, here: Path) -> None:
    past_in_force(settings, ALL)
    (here / "q.json").write_bytes(msgspec.json.encode(BEIJING))
    (here / "bad.json").write_text(json.dumps({"version": "sekisho.input/9"}))

    assert sekisho("policy", "ask", "--input", "q.json").code == 1
    assert sekisho("policy", "ask", "--input", "bad.json").code == 2
    assert sekisho("policy", "ask", "--input", "none.json").code == 2


@pytest.mark.parametrize(
    "flags",
    [
        ("--place", "nearby"),
        ("--place", "other/France"),
        ("--class", "secret"),
        ("--data", "person"),
        ("--data", "PERSON=0"),
        ("--special", "shoes"),
        ("--origin", "Germany"),
        ("--bundle", "nothing-of-that-name"),
        ("--lang", "fr"),
    ],
)
def test_a_word_that_is_none_is_refused_in_one_line(sekisho, settings: Settings, here: Path, flags) -> None:
    said = sekisho("policy", "ask", "--bundle", "own", *flags)

    assert said.code == 2
    assert said.err.strip().splitlines()[-1].startswith("sekisho: ")


@pytest.mark.parametrize(
    ("option", "word"),
    [("--origin", "XX"), ("--access-from", "QQ"), ("--place", "other/XX"), ("--place", "external/EU")],
)
def test_a_country_that_no_law_knows_is_refused_with_those_that_are(
    sekisho, settings: Settings, here: Path, option: str, word: str
) -> None:
    said = sekisho("policy", "ask", "--bundle", "own", option, word)

    country = word[-2:]
    assert said.code == 2
    assert f"{option}{f' {word}' if option == '--place' else ''}: `{country}` is no country" in said.err
    assert "Known: AD, AR, " in said.err
    (here / "organisation.yaml").write_text(f"sites: {{far: {{jurisdiction: {country}}}}}\n")
    assert sekisho("policy", "ask", "--bundle", "own", option, word).code in (0, 1)


def test_one_that_has_expired_says_no_and_so(sekisho, settings: Settings, here: Path) -> None:
    shelve(settings)
    (here / "q.json").write_bytes(msgspec.json.encode(replace(ALL, env=replace(ALL.env, time="2199-01-01T00:00:00Z"))))

    assert sekisho("policy", "ask", "--place", "other/AT", "--json").json["policy"]["expired"] is False
    said = sekisho("policy", "ask", "--input", "q.json")
    assert (said.code, "EXPIRED" in said.out, "policy.bundle_expired" in said.out) == (1, True, True)


def test_a_revision_is_called_by_its_id_once(sekisho, settings: Settings, here: Path) -> None:
    past_in_force(settings, ALL)
    id_ = Revisions(settings.state / "policy").in_force().id[:12]  # type: ignore[union-attr]

    for command in (("ask", "--place", "other/AT"), ("replay", "--bundle", "in-force")):
        assert sekisho("policy", *command).out.count(id_) == 1
    assert sekisho("policy", "replay").out.count("what lies on disk (") == 1


def test_a_policy_that_is_not_in_force_can_be_asked(sekisho, settings: Settings, here: Path) -> None:
    shelve(settings)
    (here / "rules.csv").write_text(OPEN)

    assert sekisho("policy", "ask", "--data", "PERSON", "--place", "other/FR").code == 1
    assert sekisho("policy", "ask", "--data", "PERSON", "--place", "other/FR", "--bundle", "own").code == 0
    assert find(settings).rulebook != find(settings, "in-force").rulebook


# --- shadow


@pytest.mark.parametrize("verb", ["start", "status", "stop"])
def test_a_shadow_needs_a_server(sekisho, settings: Settings, here: Path, verb: str) -> None:
    said = sekisho("policy", "shadow", verb)

    assert said.code == 3
    assert "No server runs here" in said.err


def _newest(settings: Settings) -> str:
    (folder,) = log_folders(settings)
    return str(next(newest_first(folder))["time"])
