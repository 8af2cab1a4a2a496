"""``sekisho bundle outbox``, on a real installation and a real log."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import quarter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import settings
from gateway.audit import outbox, outbox_state
from gateway.audit.book import LogBook
from gateway.audit.log.note import format_verifier_key
from gateway.cli import bundle_outbox
from gateway.cli.audit_export import signing_keys
from gateway.keys.opening import open_keyring


@pytest.fixture
def sent(sekisho, house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the first three files of a site."""
    here = settings.load(None)
    book = LogBook(here.data / "audit", origin=here.origin, log_key=open_keyring(here).log_keys(), settings=here.audit)
    book.open()
    with quarter.clock() as time:
        quarter.write(book, time, days=1, each_day=4)
    book.close()
    monkeypatch.setattr(bundle_outbox, "_SETTLED", timedelta(0))
    folder = house / "stick"
    folder.mkdir()
    for _ in range(3):
        made = sekisho("bundle", "outbox", "create", "--out", str(folder))
        assert made.code == 0, made.err
    return folder


def kinds(sekisho, folder: Path, key: Path | None = None, site: str = "plant") -> tuple[int, list[str]]:
    vkey = key or settings.load(None).keys / "log.vkey"
    said = sekisho("bundle", "outbox", "verify", str(folder), "--key", str(vkey), "--site", site, "--json")
    assert said.out, said.err
    return said.code, [each["kind"] for each in said.json["findings"]]


def test_files_follow_one_another_and_what_is_wrong_has_a_name(sekisho, sent: Path, tmp_path: Path) -> None:
    one, two, three = sorted(sent.iterdir())
    assert [path.name for path in (one, two, three)] == [f"outbox-plant-00000{n}.zip" for n in (1, 2, 3)]
    assert kinds(sekisho, sent) == (0, [])
    assert kinds(sekisho, sent, site="berlin") == (1, ["other-site"] * 3)

    shutil.copy(two, sent / "outbox-plant-again.zip")
    assert kinds(sekisho, sent) == (1, ["double"])
    (sent / "outbox-plant-again.zip").unlink()

    whole = two.read_bytes()
    middle = len(whole) // 2
    two.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert kinds(sekisho, sent) == (1, ["changed", "gap"])
    two.unlink()
    assert kinds(sekisho, sent) == (1, ["gap"])


def test_a_file_is_an_evidence_pack_that_verifies_and_is_on_record(sekisho, sent: Path, tmp_path: Path) -> None:
    third = sent / "outbox-plant-000003.zip"
    shown = sekisho("bundle", "outbox", "show", str(third), "--json").json
    assert (shown["site"], shown["number"]) == ("plant", 3)
    assert (
        shown["since"]
        == sekisho("bundle", "outbox", "show", str(sent / "outbox-plant-000002.zip"), "--json").json["until"]
    )
    with zipfile.ZipFile(third) as archive:
        (tmp_path / "pack.zip").write_bytes(archive.read("pack.zip"))
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        records = [name for name in pack.namelist() if name.endswith("records.jsonl")]
        lines = [json.loads(line) for name in records for line in pack.read(name).splitlines()]
    assert sekisho("audit", "verify", str(tmp_path / "pack.zip")).code == 0
    assert any('"outbox"' in json.dumps(line) for line in lines)  # that the second was made


def test_what_a_killed_call_began_is_ended(sekisho, sent: Path) -> None:
    state = settings.load(None).state
    given = outbox_state.load(state)
    path = Path(given.path)
    path.rename(outbox_state.hidden(path))
    outbox_state._note(state, replace(given, whole=False))

    assert outbox_state.load(state) == given
    assert path.is_file()
    assert kinds(sekisho, sent) == (0, [])

    path.unlink()
    outbox_state._note(state, replace(given, whole=False))
    refused = sekisho("bundle", "outbox", "create", "--out", str(sent))
    assert refused.code == 3
    assert "number 3" in refused.err


def test_the_same_range_makes_the_same_bytes(sekisho, sent: Path) -> None:
    """Two copies of one installation, of which each makes the next file up to the same time."""
    here = settings.load(None)
    given = outbox_state.load(here.state)
    sequel = outbox.Sequel("plant", 4, given.sha256, given.until, "2027-01-01T00:00:00.000000Z")
    before = sent.parent / "before"
    shutil.copytree(here.data, before)
    made = []
    for name in ("here", "there"):
        shutil.rmtree(here.data)
        shutil.copytree(before, here.data)
        (sent.parent / name).mkdir()
        made.append(Path(bundle_outbox._made(here, sequel, sent.parent / name).path).read_bytes())

    assert made[0] == made[1]
    assert len(made[0]) > 10_000


def test_files_that_another_key_signed_are_named(sekisho, sent: Path, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    (tmp_path / "other.vkey").write_text(format_verifier_key("plant/node/w0", other))

    assert kinds(sekisho, sent, key=tmp_path / "other.vkey") == (1, ["wrong-key"] * 3)


def resealed(letter: outbox.Letter, file: Path, **changes: str) -> None:
    """Write a file anew under other words, sealed by the site's own key: what its keeper could do."""
    here = settings.load(None)
    pack = file.with_name("pack")
    with zipfile.ZipFile(file) as archive:
        pack.write_bytes(archive.read("pack.zip"))
        used = archive.read("usage.json")
    said = outbox.statement(replace(letter.sequel, **changes), pack, used, "sekisho test")
    with file.open("wb") as out:
        outbox.write(out, signing_keys(here).seal(said), pack, used)
    pack.unlink()


@pytest.mark.parametrize("changes", [{"previous": "0" * 64}, {"since": "2026-01-01T00:00:00.000000Z"}])
def test_a_chain_that_was_broken_by_its_own_keeper_is_named(sekisho, sent: Path, changes: dict[str, str]) -> None:
    third = sent / "outbox-plant-000003.zip"
    resealed(outbox.read(third), third, **changes)

    assert kinds(sekisho, sent) == (1, ["chain"])


def test_a_file_in_the_middle_that_its_keeper_wrote_anew_breaks_the_chain_after_it(sekisho, sent: Path) -> None:
    second = sent / "outbox-plant-000002.zip"
    resealed(outbox.read(second), second, until="2026-12-31T00:00:00.000000Z")

    assert kinds(sekisho, sent) == (1, ["chain"])


@pytest.mark.parametrize("missing", [(1,), (2,), (1, 2)], ids=["first", "middle", "first two"])
def test_what_is_missing_is_named(sekisho, sent: Path, missing: tuple[int, ...]) -> None:
    for number in missing:
        (sent / f"outbox-plant-00000{number}.zip").unlink()

    said = sekisho_verify(sekisho, sent)
    assert (said.code, [each["kind"] for each in said.json["findings"]]) == (1, ["gap"])
    assert str(missing[0]) in said.json["findings"][0]["text"]


def test_a_folder_that_begins_later_has_no_gap_before(sekisho, sent: Path) -> None:
    (sent / "outbox-plant-000001.zip").unlink()

    assert sekisho_verify(sekisho, sent, "--first", "2").code == 0


def sekisho_verify(sekisho, folder: Path, *more: str):
    vkey = settings.load(None).keys / "log.vkey"
    return sekisho("bundle", "outbox", "verify", str(folder), "--key", str(vkey), "--site", "plant", "--json", *more)


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "no entries"])
def test_what_is_no_file_of_an_outbox_is_named_changed(sekisho, sent: Path, damage: bytes) -> None:
    (sent / "outbox-plant-000003.zip").write_bytes(damage)

    assert kinds(sekisho, sent) == (1, ["changed"])


def test_what_was_used_is_signed_with_the_rest(sekisho, sent: Path) -> None:
    """One more request in the document, everything else as it was."""
    third = sent / "outbox-plant-000003.zip"
    with zipfile.ZipFile(third) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["usage.json"] = parts["usage.json"].replace(b'"withheld":0', b'"withheld":1')
    with zipfile.ZipFile(third, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)

    assert kinds(sekisho, sent) == (1, ["changed"])


def test_a_note_that_is_damaged_stops_the_next_number_rather_than_begin_anew(sekisho, sent: Path) -> None:
    (settings.load(None).state / "outbox.json").write_text("{")

    refused = sekisho("bundle", "outbox", "create", "--out", str(sent))
    assert (refused.code, "damaged" in refused.err) == (3, True)
    assert len(list(sent.glob("outbox-*.zip"))) == 3


def test_leftovers_of_another_site_are_not_touched(sekisho, sent: Path) -> None:
    (sent / ".outbox-berlin-000001.zip.new").write_bytes(b"theirs")
    (sent / ".outbox-plant-000009.zip.new").write_bytes(b"ours")

    assert sekisho("bundle", "outbox", "create", "--out", str(sent)).code == 0
    assert [path.name for path in sent.glob(".*")] == [".outbox-berlin-000001.zip.new"]
