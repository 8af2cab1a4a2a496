"""Packs: whole, the same each time, and found out wherever one byte is changed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import quarter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from gateway.audit.anchor.witnesses import Witness, append
from gateway.audit.book import LogBook
from gateway.audit.evidence.door import Revision
from gateway.audit.evidence.pack import Pack, Wish, make
from gateway.audit.evidence.schema import SCHEMA
from gateway.audit.evidence.words import LANGUAGES
from gateway.audit.log.note import Signer, open_checkpoint, parse_verifier_key
from gateway.audit.log.reader import Filter
from gateway.audit.log.succession import OneKey
from gateway.audit.retention import RetentionOffice
from gateway.domain import Outcome
from gateway.errors import SetupError
from gateway.settings import AgeSettings, AuditSettings, RetentionSettings
from tests.audit.conftest import OpenLog
from tests.audit.evidence_parts import PlainHouse, manifest_of, pack_keys, rewritten, unpacked

RETENTION = AuditSettings(checkpoint_records=50, retention=RetentionSettings(default=AgeSettings(30, 60)))
LOG = "logs/berlin/node1/w0/default"
Make = Callable[..., Pack]


@pytest.fixture
def filled(open_log):
    """A closed log with six days of records."""
    log = open_log()
    with quarter.clock() as time:
        quarter.write(log.book, time, days=6, each_day=8)
    log.book.close()
    return log


@pytest.fixture
def pack(filled, tmp_path: Path) -> Make:
    """Make a pack of it."""

    def do(name: str = "pack.zip", house: PlainHouse | None = None, **wish) -> Pack:
        asked = Wish(logs=[filled.folder], site="berlin", **{"pdf": False} | wish)
        return make(asked, tmp_path / name, pack_keys(filled.key), house or PlainHouse(tmp_path))

    return do


def vkey_file(filled, tmp_path: Path) -> Path:
    path = tmp_path / "log.vkey"
    path.write_text(Signer("sekisho-log", filled.key).verifier_key() + "\n")
    return path


def test_a_log_of_another_class_lies_below_its_class_once(key: Ed25519PrivateKey, tmp_path: Path) -> None:
    settings = AuditSettings()
    crossing = LogBook(
        tmp_path / "audit", origin="berlin/node1/w0", log_key=key, settings=settings, retention_class="cross-border"
    )
    crossing.open()
    with quarter.clock() as time:
        quarter.write(crossing, time, days=1, each_day=4)
    crossing.close()
    make(
        Wish(logs=[crossing.folder], site="berlin", pdf=False), tmp_path / "p.zip", pack_keys(key), PlainHouse(tmp_path)
    )

    files = unpacked(tmp_path / "p.zip")

    assert "logs/berlin/node1/w0/cross-border/records.jsonl" in files
    assert b"cross-border/cross-border" not in b"".join(files.values())


def test_a_pack_holds_what_it_promises(pack: Make) -> None:
    done = pack(pdf=True)

    files = unpacked(done.out)
    assert {name.rpartition("/")[0] for name in files} == {"", "keys", LOG, "policies/r1"}
    assert {name for name in files if "/" not in name} == {
        "manifest.json", "models.json", "report.html", "report.pdf", "verify.py", "VERIFY.txt",
    }  # fmt: skip
    assert done.files == len(files)
    assert files[f"{LOG}/records.jsonl"].count(b"\n") == done.records


def test_the_manifest_names_every_file_by_its_digest_and_is_signed(pack: Make, filled) -> None:
    files = unpacked(pack().out)

    said = {each["path"]: each["sha256"] for each in manifest_of(files)["files"]}
    assert said == {name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "manifest.json"}
    assert json.loads(files["manifest.json"])["signatures"][0]["keyid"] == Signer("sekisho-log", filled.key).key_name


def test_the_same_records_make_the_same_pack(pack: Make) -> None:
    assert pack("one.zip", pdf=True).out.read_bytes() == pack("two.zip", pdf=True).out.read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_loads_nothing_and_runs_nothing(pack: Make, language: str) -> None:
    page = unpacked(pack(language=language).out)["report.html"].decode()

    assert not re.search(r"<(script|link|img|iframe|object)|\bon[a-z]+=|@import|url\(", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert f'<html lang="{"zh-Hans" if language == "zh" else language}">' in page


def test_a_name_from_outside_is_text_on_the_page(open_log, tmp_path: Path) -> None:
    log = open_log()
    log.book.event("key.created", by="<script>alert(1)</script>", key={"name": "<b>&"})
    log.book.close()

    done = make(
        Wish(logs=[log.folder], site="<i>", pdf=True), tmp_path / "p.zip", pack_keys(log.key), PlainHouse(tmp_path)
    )

    page = unpacked(done.out)["report.html"].decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<i>" not in page


def test_the_verifier_of_the_pack_finds_the_pack_right(pack: Make, filled, tmp_path: Path) -> None:
    out = pack().out
    (tmp_path / "verify.py").write_bytes(unpacked(out)["verify.py"])

    done = verify(tmp_path, out, vkey_file(filled, tmp_path))

    assert done.returncode == 4, done.stdout + done.stderr
    assert "roll-back" in done.stdout


def verify(folder: Path, out: Path, key: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(folder / "verify.py"), str(out), "--key", str(key)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize(
    "name",
    ["report.html", "keys/log.vkey", "policies/r1/rules.csv", f"{LOG}/records.jsonl", "models.json", "verify.py"],
)
def test_a_changed_file_is_found(pack: Make, filled, tmp_path: Path, name: str) -> None:
    out = pack().out
    files = unpacked(out)
    (tmp_path / "verify.py").write_bytes(files["verify.py"])
    middle = len(files[name]) // 2
    changed = files[name][:middle] + bytes([files[name][middle] ^ 1]) + files[name][middle + 1 :]

    (tmp_path / "bad.zip").write_bytes(rewritten(out, {name: changed}))
    done = verify(tmp_path, tmp_path / "bad.zip", vkey_file(filled, tmp_path))

    assert done.returncode == 1, done.stdout + done.stderr
    assert name in done.stdout


@pytest.mark.parametrize("change", [{"report.html": None}, {"extra.txt": b"hello"}], ids=["taken out", "put in"])
def test_a_file_more_or_less_is_found(pack: Make, filled, tmp_path: Path, change: dict) -> None:
    out = pack().out
    (tmp_path / "verify.py").write_bytes(unpacked(out)["verify.py"])
    (tmp_path / "bad.zip").write_bytes(rewritten(out, change))

    done = verify(tmp_path, tmp_path / "bad.zip", vkey_file(filled, tmp_path))

    assert done.returncode == 1
    assert next(iter(change)) in done.stdout


def test_a_period_leaves_the_rest_out_and_still_proves_the_root(pack: Make, filled, tmp_path: Path) -> None:
    whole, part = pack("whole.zip"), pack(wanted=Filter(since="2026-07-03T00:00:00Z", until="2026-07-05T00:00:00Z"))

    times = [json.loads(line)["time"] for line in unpacked(part.out)[f"{LOG}/records.jsonl"].splitlines()]
    assert 0 < part.records < whole.records
    assert min(times) >= "2026-07-03" and max(times) < "2026-07-05"
    (tmp_path / "verify.py").write_bytes(unpacked(part.out)["verify.py"])
    done = verify(tmp_path, part.out, vkey_file(filled, tmp_path))
    assert done.returncode == 4, done.stdout + done.stderr


def test_a_period_without_records_makes_a_pack_that_says_so(pack: Make) -> None:
    done = pack(wanted=Filter(since="2031-01-01T00:00:00Z"))

    assert done.records == 0
    assert "None in this period." in unpacked(done.out)["report.html"].decode()


def test_a_revision_that_is_no_longer_kept_is_named(pack: Make, tmp_path: Path) -> None:
    done = pack(house=PlainHouse(tmp_path, kept=()))

    assert done.left_out == ("policies/r1: no longer kept here",)
    files = unpacked(done.out)
    assert manifest_of(files)["left_out"] == ["policies/r1: no longer kept here"]
    assert "no longer kept at this site" in files["report.html"].decode()


def test_what_was_seen_elsewhere_counts_as_witnessed(pack: Make, filled) -> None:
    note = (filled.folder / "checkpoint").read_bytes()
    head = open_checkpoint(note, parse_verifier_key(filled.vkey))
    assert pack("before.zip").unwitnessed == head.size

    append(filled.folder, [Witness("file", "/mnt/heads", head.size, head.root, "2026-07-07T00:00:00Z")])
    done = pack("after.zip")

    assert done.unwitnessed == 0
    files = unpacked(done.out)
    assert b"/mnt/heads" in files[f"{LOG}/witnesses.jsonl"]
    assert note in files[f"{LOG}/checkpoints"]
    assert "seen outside this machine" in files["report.html"].decode()


def test_a_changed_record_makes_no_pack(pack: Make, filled, tmp_path: Path) -> None:
    bundle = filled.folder / "tile" / "entries" / "000"
    raw = bundle.read_bytes()
    at = raw.index(b'"status"') + 2
    bundle.write_bytes(raw[:at] + b"T" + raw[at + 1 :])

    with pytest.raises(SetupError, match="not those that were signed"):
        pack()

    assert not (tmp_path / "pack.zip").exists()
    assert not list(tmp_path.glob(".pack.zip*"))


def test_a_full_disk_leaves_nothing_behind(pack: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.audit.evidence import archive

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        pack()

    assert not list(tmp_path.glob("*pack.zip*"))


def test_the_manifest_is_as_its_schema_says_and_the_schema_knows_every_field(pack: Make) -> None:
    said = manifest_of(unpacked(pack().out))

    validator = Draft202012Validator(SCHEMA)
    validator.validate(said)
    for name in said:
        assert not validator.is_valid({each: value for each, value in said.items() if each != name})
    for name in said["logs"][0]:
        log = {each: value for each, value in said["logs"][0].items() if each != name}
        assert not validator.is_valid({**said, "logs": [log]})


def test_the_page_shows_the_schema(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "evidence.md").read_text(encoding="utf-8")

    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(shown) == SCHEMA


def test_a_revision_that_no_person_signed_is_said(pack: Make, tmp_path: Path) -> None:
    class Unsigned(PlainHouse):
        def revision(self, id_: str) -> Revision | None:
            found = super().revision(id_)
            return replace(found, approvals=found.approvals[:1]) if found else None

    approved, unsigned = pack("one.zip"), pack("two.zip", house=Unsigned(tmp_path))

    assert "bears no signature of a person" not in unpacked(approved.out)["report.html"].decode()
    assert "bears no signature of a person" in unpacked(unsigned.out)["report.html"].decode()


def test_a_filter_is_said_and_makes_no_silence_of_what_it_left_out(pack: Make) -> None:
    whole, part = pack("whole.zip"), pack("part.zip", wanted=Filter(tenant="sales"))

    said, page = manifest_of(unpacked(part.out)), unpacked(part.out)["report.html"].decode()
    assert said["filter"] == {"tenant": "sales"}
    assert "tenant=sales" in page
    assert "Only records that fit the filter" in page
    assert "Only records that fit the filter" not in unpacked(whole.out)["report.html"].decode()
    assert 0 < part.records < whole.records


def test_a_pruned_log_is_packed_from_where_it_begins(tmp_path: Path, key) -> None:
    log = OpenLog(tmp_path / "audit", key, RETENTION)
    for number in range(300):
        log.intent(number).close(Outcome("done"))
    office = RetentionOffice(
        log.base, {"default": log.book}, lambda: OneKey(log.key), RETENTION, lambda: datetime.now(UTC) + timedelta(61)
    )
    (pruned,) = asyncio.run(office.prune("ana"))
    log.book.close()

    wish = Wish(logs=[log.folder], site="berlin", pdf=False)
    done = make(wish, tmp_path / "pack.zip", pack_keys(log.key), PlainHouse(tmp_path))

    files = unpacked(done.out)
    assert manifest_of(files)["logs"][0]["pruned"] == pruned.first > 0
    assert "was pruned" in files["report.html"].decode()
    (tmp_path / "verify.py").write_bytes(files["verify.py"])
    verified = verify(tmp_path, done.out, vkey_file(log, tmp_path))
    assert verified.returncode == 4, verified.stdout + verified.stderr
