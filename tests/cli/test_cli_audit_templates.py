"""sekisho audit templates: documents that laws ask for, filled from an installation; each statement says from where."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import quarter
import yaml

from gateway import settings
from gateway.audit.book import LogBook
from gateway.audit.evidence.filled import COUNTED, KINDS_OF_DOCUMENT
from gateway.audit.evidence.words import LANGUAGES
from gateway.audit.index.office import SearchOffice
from gateway.audit.log.reader import logs, raw_records
from gateway.audit.outbox_state import Given
from gateway.cli import audit_templates, template_facts, template_log
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_audit import audit_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.opening import open_keyring
from gateway.policy.life.revisions import Revisions
from gateway.policy.table.row import Row
from gateway.settings_help import HELP

FILL = ("audit", "templates", "--all", "--out", "made")
MADE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
CANARY = "Zebra-Kanarienvogel"


def made(folder: str = "made") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def told(name: str) -> str:
    return (Path("made") / f"{name}.md").read_text(encoding="utf-8")


def events(house: Path) -> list[dict[str, Any]]:
    records = [json.loads(data) for log in logs(house / ".sekisho" / "audit") for data in raw_records(log)]
    return [record for record in records if record["type"] == "admin.searched"]


def change(house: Path, **sections: Any) -> None:
    """Replace sections of the settings."""
    config = house / "sekisho.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **sections}))


@pytest.fixture
def used(house: Path) -> Path:
    """An installation with two days of requests on record."""
    here = settings.load(None)
    in_force = Revisions(here.state / "policy").in_force()
    assert in_force is not None
    keys = open_keyring(here).log_keys()
    book = LogBook(here.data / "audit", origin=here.origin, log_key=keys, settings=here.audit)
    book.open()
    with quarter.clock() as time:
        quarter.write(book, time, days=2, each_day=30, revision=in_force.id)
    book.close()
    return house


def test_all_are_listed_with_what_they_are_for(sekisho, house: Path) -> None:
    said = sekisho("audit", "templates", "--json")

    assert {each["name"] for each in said.json} == set(KINDS_OF_DOCUMENT)
    assert all(each["title"] for each in said.json)
    assert not events(house)


def test_a_blank_one_is_the_page_but_for_links_into_the_documentation(sekisho, house: Path) -> None:
    assert sekisho("audit", "templates", "dpia", "--blank", "--out", "made").code == 0

    assert ".md)" not in told("dpia")
    assert told("dpia").count("[…") == (audit_templates.FOLDER / "dpia.md").read_text().count("[…")


def test_every_heading_of_the_page_is_in_the_document_in_order(sekisho, house: Path) -> None:
    assert sekisho(*FILL).code == 0

    for name in KINDS_OF_DOCUMENT:
        asked = re.findall(r"^## (.+)$", audit_templates.page_of(name, "en").read_text(), re.MULTILINE)
        found = [each for each in re.findall(r"^## (.+)$", told(name), re.MULTILINE) if each in asked]
        assert found == asked


def test_no_field_is_left_without_saying_whose_it_is(sekisho, house: Path) -> None:
    sekisho(*FILL)

    for name in KINDS_OF_DOCUMENT:
        fields = re.findall(r"(?<!\w)\[([^\]]+)\]", told(name))
        assert fields
        assert [each for each in fields if not each.startswith(("to be filled in by the", "see the tables"))] == []


def test_every_setting_that_is_named_exists_and_says_what_is_loaded(sekisho, house: Path) -> None:
    change(house, audit={"retention": {"default": {"least_days": 201, "longest_days": 777}}})

    sekisho(*FILL)

    text = "".join(told(name) for name in KINDS_OF_DOCUMENT)
    named = set(re.findall(r"\| setting ([\w.]+) \|", text))
    assert len(named) > 20
    assert named - set(HELP) == set()
    assert "| Least days, class default | 201 | setting audit.retention.default.least_days |" in text
    assert "| Most days, class default (0: no bound) | 777 |" in text


def test_the_policy_in_force_stands_with_its_digests(sekisho, house: Path) -> None:
    in_force = Revisions(settings.load(None).state / "policy").in_force()
    assert in_force is not None

    sekisho(*FILL)

    for expected in (in_force.id, in_force.digest, in_force.manifest.bundle, in_force.manifest.table):
        assert expected in told("record-of-processing")


def test_the_same_installation_gives_the_same_bytes_but_for_the_time(sekisho, used: Path) -> None:
    sekisho(*FILL)
    first = made()
    sekisho(*FILL, "--force")

    assert list(first) == list(made())
    for name, content in made().items():
        assert MADE.sub(b"", first[name]) == MADE.sub(b"", content), name


def test_what_was_made_why_and_its_digests_are_on_record(sekisho, house: Path) -> None:
    sekisho("audit", "templates", "dpia", "--out", "made", "--reason", "yearly review")

    (event,) = events(house)
    said = event["details"]["details"]
    assert (said["way"], said["filters"]["reason"]) == ("documents", "yearly review")
    digests = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in made().items()]
    assert sorted(said["filters"]["documents"]) == sorted(digests)


def test_nothing_is_written_that_cannot_be_put_on_record(sekisho, house: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.cli.audit_search.data_lock", lambda _: (_ for _ in ()).throw(OSError()))

    assert sekisho(*FILL).code != 0
    assert not Path("made").exists()


def test_counts_are_those_of_the_evidence_report_and_small_ones_are_not_told(sekisho, used: Path) -> None:
    sekisho(*FILL)
    sekisho("audit", "export", "--format", "evidence", "--no-pdf", "--out", "pack.zip")
    with zipfile.ZipFile("pack.zip") as archive:
        report = archive.read("report.html").decode()

    page = (Path("made") / "dpia.html").read_text()
    for caption in ("Attempts by declared purpose", "Requests by kind of data found"):
        tables = [re.search(rf"<figcaption>{caption}.*?</table>", text, re.DOTALL) for text in (page, report)]
        assert tables[0] is not None
        assert tables[1] is not None
        assert tables[0][0] == tables[1][0]
    assert re.search(r"last request: plant/node/w0/default#\d+", told("dpia"))


def test_no_secret_and_no_word_that_people_typed_gets_into_one(sekisho, used: Path) -> None:
    own = {"name": "own", "type": "BADGE_NUMBER", "expression": f"{CANARY}[0-9]+", "examples": [f"{CANARY}12"]}
    change(used, privacy={"code_names": [CANARY], "patterns": [own], "allow": {"PERSON": [CANARY]}})
    (used / "organisation.yaml").write_text(
        f"transfers:\n  - {{from: EEA, to: US, route: scc, until: 2031-06-30, reference: '{CANARY}'}}\n"
        f"tenants:\n  bodyshop: {{entity: '{CANARY}'}}\n"
    )
    assert sekisho("keys", "create", "--name", CANARY, "--tenant", "t").code == 0
    assert sekisho(*FILL).code == 0, made()

    text = b"".join(made().values())
    assert CANARY.encode() not in text
    assert b"scc, 2031-06-30" in text
    for secret in (used / ".sekisho" / "keys").rglob("*"):
        content = secret.read_bytes() if secret.is_file() else b""
        if len(content) >= 16:
            for form in (content, content.strip(), content.hex().encode()):
                assert form not in text, secret.name


def test_what_nobody_has_said_is_told_as_unknown(sekisho, house: Path) -> None:
    change(house, site={"name": "plant", "jurisdiction": ""})

    sekisho(*FILL)

    assert "| Country of the site | unknown: nobody has said | setting site.jurisdiction |" in told("dpia")
    assert "| Newest proof of no egress on record (time) | unknown: nobody has said |" in told("dpia")
    assert "Log read up to: there is no log yet" in told("dpia")


def sources(name: str) -> list[tuple[str, ...]]:
    """Return how many lines each table has, and the sources of each, without the word for what kind they are."""
    page = (Path("made") / f"{name}.html").read_text(encoding="utf-8")
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    return [tuple(each.split()[-1] for each in re.findall(r'<td class="c">(.*?)</td>', table)) for table in tables]


def test_four_languages_have_the_same_sources_in_the_same_places(sekisho, used: Path) -> None:
    found = {}
    for language in LANGUAGES:
        assert sekisho(*FILL, "--lang", language, "--force").code == 0
        names = [name for name in KINDS_OF_DOCUMENT if name != "works-agreement"]  # the German one has its own headings
        found[language] = {name: sources(name) for name in names}
        assert any(len(table) > 5 for table in sources("works-agreement"))

    assert found["de"] == found["ja"] == found["zh"] == found["en"]


def test_nothing_is_replaced_unasked_and_nothing_is_on_record_then(sekisho, house: Path) -> None:
    assert sekisho(*FILL).code == 0
    (Path("made") / "dpia.md").write_text("went on by hand")

    said = sekisho(*FILL)

    assert (said.code, "dpia.md" in said.err, told("dpia")) == (2, True, "went on by hand")
    assert len(events(house)) == 1


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (("dpai", "--out", "made"), "dpia"),
        (("dpia",), "--out"),
        (("--out", "made"), "--all"),
        (("dpia", "--out", "made", "--lang", "fr"), "fr"),
        (("dpia", "--out", "made", "--reason", "x" * 201), "200"),
    ],
    ids=["unknown", "no folder", "none named", "language", "long reason"],
)
def test_wrong_use_is_answered_with_the_way_out(sekisho, house: Path, given: tuple[str, ...], word: str) -> None:
    said = sekisho("audit", "templates", *given)

    assert (said.code, word in said.err) == (2, True)


def test_an_installation_without_them_says_so(
    sekisho, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_templates, "FOLDER", tmp_path)

    assert sekisho("audit", "templates").code == 3


def test_of_a_rule_it_is_told_what_it_decides_and_not_whose_it_is() -> None:
    row = Row(
        owner=f"{CANARY} Muster", note=f"ask {CANARY}", redaction="pseudonymise", legal_basis="GDPR art. 25", line=7
    )

    (fact,) = template_facts._rules((row,), "rules.csv", "en")

    assert (fact.of, fact.source.ref, "GDPR art. 25" in str(fact.value)) == ("7", "rules.csv:7", True)
    assert CANARY not in str(fact)


class NoSearcher:
    """Nobody looks into the log for others here; what was found is only put on record."""

    async def page(self, query: Any, limit: int, after: str) -> Any:
        raise AssertionError


@pytest.fixture
def server(house: Path) -> Iterator[Path]:
    """A server's admin socket, on the installation's own book."""
    here = settings.load(None)
    with data_lock(here.state), admin_book(here) as book:
        book.event("key.created", by="mia", key={"name": "ci"})
        register = KeyRegister(here.state / "keys.json", open_keyring(here).peppers(), here.site)
        routes = audit_routes(SearchOffice(book, NoSearcher()))
        listener = Listener.on_socket(admin_app(register, book, dict, shelf(here), routes), admin_socket(here.run))
        thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
        thread.start()
        while not listener.started:
            thread.join(0.01)
        yield house
        listener.should_exit = True
        thread.join()


def test_a_running_server_has_them_on_record(sekisho, server: Path) -> None:
    assert sekisho("audit", "templates", "pipia", "--lang", "zh", "--out", "made").code == 0

    (event,) = events(server)
    assert event["details"]["details"]["filters"]["language"] == "zh"
    assert sorted(made()) == ["pipia.html", "pipia.md"]


def test_a_shell_completes_kinds() -> None:
    assert audit_templates._kinds("dp") == ["dpia"]


def test_what_was_carried_out_last_is_told_with_its_digest(sekisho, house: Path) -> None:
    state = house / ".sekisho" / "state" / "outbox.json"
    given = Given("plant", 7, "ab" * 32, "2030-01-02T03:04:05Z", "/media/Kanarienvogel/outbox-7.tar")
    state.write_text(json.dumps(asdict(given)))

    assert sekisho(*FILL).code == 0
    assert f"| Its SHA-256 | {'ab' * 32} | file state/outbox.json |" in told("dpia")
    assert "Kanarienvogel" not in told("dpia")

    state.write_text("{")
    assert sekisho(*FILL, "--force").code == 3


@pytest.mark.parametrize("name", KINDS_OF_DOCUMENT)
def test_every_group_that_a_document_asks_for_is_gathered(sekisho, house: Path, name: str) -> None:
    kind = KINDS_OF_DOCUMENT[name]
    here = settings.load(None)
    known = {**template_facts.gather(here, "en"), **template_log.facts(None)}
    asked = [group for groups in (*kind.places.values(), *kind.annexes.values()) for group in groups]

    assert {group for group in asked if isinstance(group, str)} <= set(known)
    assert {group[0] for group in asked if not isinstance(group, str)} <= set(COUNTED)


def test_engines_of_others_are_told_with_country_and_who_runs_them_as_the_fleet_sees_them(sekisho, house: Path) -> None:
    engines = [
        {"name": "us", "model": "m", "url": "https://h.example/v1", "site": "away", "jurisdiction": "US"},
        {"name": "own", "model": "m", "url": "https://o.example/v1", "site": "plant", "external": False},
        {"name": "lost", "model": "m", "url": "https://l.example/v1", "site": "away", "api_key_file": f"/{CANARY}"},
    ]
    change(house, fleet={"engines": engines})

    sekisho(*FILL)

    rows = re.findall(r"\(country\): (\S+) \| (.+?) \| setting fleet.engines", told("dpia"))
    unknown = "unknown: nobody has said"
    assert rows == [("away/us/remote:m", "US"), ("plant/own/remote:m", "DE"), ("away/lost/remote:m", unknown)]
    assert re.findall(r"somebody else: \S+ \| (\w+) \|", told("dpia")) == ["yes", "no", "yes"]
    assert CANARY.encode() not in b"".join(made().values())


def test_settings_now_and_at_the_last_start_can_be_compared(sekisho, house: Path) -> None:
    here = settings.load(None)
    with data_lock(here.state), admin_book(here) as book:
        for digest in ("ab" * 32, "cd" * 32):
            book.event("config", settings_sha256=digest)
        asyncio.run(book.durable())

    sekisho(*FILL)

    (started,) = re.findall(r"last start, log: plant/node/admin/default \| (\w+) \| record \S+#\d+ \|", told("dpia"))
    assert started == "cd" * 32
    assert f"| {here.digest()} | file sekisho.yaml |" in told("dpia")


def test_every_file_and_command_that_is_named_is_there(sekisho, house: Path) -> None:
    sekisho(*FILL)

    text = "".join(told(name) for name in KINDS_OF_DOCUMENT)
    files = {
        each for each in re.findall(r"\| file (\S+?)(?::\d+)? \|", text) if each != "state/outbox.json"
    }  # none yet
    assert len(files) > 8
    roots = (house, house / ".sekisho", Path(__file__).resolve().parents[2])
    assert [each for each in files if not any((root / each).is_file() for root in roots)] == []
    commands = set(re.findall(r"\| command sekisho ((?:[a-z]+ )+)", text))
    assert commands
    assert [each for each in commands if sekisho(*each.split()[:2], "--help").code] == []


def test_rules_are_those_in_force_and_not_the_draft_beside_the_settings(sekisho, house: Path) -> None:
    (house / "rules.csv").write_text("a draft that is no table")

    assert sekisho(*FILL).code == 0
    in_force = Revisions(settings.load(None).state / "policy").in_force()
    assert in_force is not None
    assert f"| file state/policy/revisions/{in_force.id}/rules.csv:2 |" in told("dpia")
