"""sekisho audit recover: a log that was cut, changed, lost or put back is gone on with, when two approvers say so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import SEKISHO

from gateway import settings
from gateway.audit.log import copied_heads
from gateway.audit.log.reader import search
from gateway.audit.shelf import Shelf
from gateway.audit.verify import verify
from gateway.cli.lock import data_lock
from gateway.errors import SetupError
from gateway.keys.files import FileKeyring
from gateway.policy.life.signers import Signer, Signers, create_private

pytestmark = pytest.mark.real  # `house` builds its first policy with the real OPA

NAME = "plant/node/w0/default"
RECOVER = ("audit", "recover")


class House:
    """An installation with a log of 300 records, and approvers Ana and Ben; Cem is an author."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings.load(str(folder / "sekisho.yaml"))
        self.keyring = FileKeyring(self.settings.keys)
        self.log = self.settings.data / "audit" / NAME
        signers = Signers(self.settings.keys)
        for name, role in (("ana", "approver"), ("ben", "approver"), ("cem", "policy-author")):
            public = create_private(folder / f"{name}.pem", "")
            signers.add(Signer(name=name, public_key=public, roles=(role,)))
        self.write(200)
        self.write(100)

    def write(self, records: int) -> None:
        """Open the book as the server does, and write. Raises SetupError."""
        its = self.settings
        keys = self.keyring.log_keys()
        book = Shelf(its.data / "audit", origin=its.origin, log_key=keys, settings=its.audit)
        book.open()
        for number in range(records):
            book.event("model.added", name=f"m{number}")
        book.close()

    def verified(self) -> list[Any]:
        return verify(self.log, (self.settings.keys / "log.vkey").read_text()).problems

    def gaps(self) -> list[dict[str, Any]]:
        return [record for record in search(self.log) if record["type"] == "gap"]


@pytest.fixture
def its(house: Path) -> House:
    return House(house)


def recover(sekisho, reason: str = "the disk was replaced") -> Any:
    """Make the statement, and let Ana and Ben sign it; return what the last of them is told."""
    assert sekisho(*RECOVER, "--reason", reason).code == 0
    first = sekisho(*RECOVER, "--key", "ana.pem")
    assert (first.code, "Signed by ana: 1 more must sign" in first.out) == (1, True)
    said = sekisho(*RECOVER, "--key", "ben.pem", "--json")
    assert said.code == 0, said.out + said.err
    return said.json


def put_back_a_backup(its: House) -> None:
    backup = shutil.copytree(its.log, its.folder / "backup")
    its.write(200)
    shutil.rmtree(its.log)
    shutil.copytree(backup, its.log)


def delete_a_bundle(its: House) -> None:
    (its.log / "tile/entries/001").unlink()


def change_a_record(its: House) -> None:
    path = its.log / "tile/entries/001"
    path.write_bytes(path.read_bytes().replace(b'"m80"', b'"m81"'))


def cut_the_heads(its: House) -> None:
    os.truncate(its.log / "checkpoints", 5)


def lose_the_folder(its: House) -> None:
    shutil.rmtree(its.log)


@pytest.mark.parametrize(
    ("harm", "least", "most", "seen"),
    [
        (put_back_a_backup, 300, 300, 500),
        (delete_a_bundle, 200, 256, 300),
        (change_a_record, 200, 280, 300),
        (cut_the_heads, 300, 300, 300),
        (lose_the_folder, 0, 0, 300),
    ],
)
def test_two_approvers_let_a_log_go_on_behind_a_gap(
    sekisho, its: House, harm: Callable[[House], None], least: int, most: int, seen: int
) -> None:
    """What is sound ends with a signed head: there is one of 200 records, one of all, and others as time went."""
    harm(its)
    with pytest.raises(SetupError):
        its.write(1)

    said = recover(sekisho)

    assert least <= said["sound"] <= most
    assert (said["sound"] + said["missing"], said["signed_by"]) == (seen, ["ana", "ben"])
    (gap,) = its.gaps()
    assert (gap["sequence"], gap["details"]["reason"]) == (said["sound"], "the disk was replaced")
    assert gap["details"]["approvers"] == ["ana", "ben"]
    assert (its.settings.data / gap["details"]["set_aside"]).is_dir()
    its.write(5)
    assert its.verified() == []


def lose_the_copy(its: House) -> None:
    (its.settings.state / "audit-heads" / "plant").unlink()


def lower_the_copy(its: House) -> None:
    copy = its.settings.state / "audit-heads" / "plant"
    heads, note = copied_heads.parse_copy(copy)
    copy.write_bytes(copied_heads.text({**heads, NAME: (1, bytes(32))}).encode() + b"\n" + note)


@pytest.mark.parametrize(
    ("harm", "problem"), [(lose_the_copy, "plant is gone"), (lower_the_copy, "plant is not what was signed")]
)
def test_a_copy_of_the_heads_that_is_lost_is_begun_anew_by_two(
    sekisho, its: House, harm: Callable[[House], None], problem: str
) -> None:
    """The log is whole; but nothing on this machine says so any more: it may have been put back with its folder."""
    harm(its)
    with pytest.raises(SetupError, match=problem):
        its.write(1)
    if harm is lose_the_copy:
        assert checked(sekisho)["state"] == "fails"
    assert "Several logs are broken" in sekisho(*RECOVER, "--reason", "x").err  # it was the copy of each of them

    assert sekisho(*RECOVER, "--log", NAME, "--reason", "the state's disk was replaced").code == 0
    assert sekisho(*RECOVER, "--key", "ana.pem", "--key", "ben.pem").code == 0

    its.write(5)
    (gap,) = its.gaps()
    assert (gap["sequence"], gap["details"]["missing"]) == (300, 0)
    assert problem in gap["details"]["problem"]
    assert its.verified() == []
    assert checked(sekisho)["state"] == "ok"


@pytest.mark.parametrize("written", [0, 400])
def test_a_backup_put_back_whole_is_recovered_where_a_medium_tells(sekisho, its: House, written: int) -> None:
    """What this machine knew of later heads went with it; and it may have gone on since."""
    medium = its.folder / "medium.heads"
    config = its.folder / "sekisho.yaml"
    anchor = f"anchors: [{{kind: file, path: {medium}, same_disk: true}}]"
    config.write_text(config.read_text().replace("anchors: []", anchor))
    parts = [its.settings.data / "audit", its.settings.data / "state" / "audit-heads"]
    backups = [shutil.copytree(part, its.folder / "backup" / part.name) for part in parts]
    its.write(200)
    assert sekisho("audit", "anchor").code == 0
    for part, backup in zip(parts, backups, strict=True):
        shutil.rmtree(part)
        shutil.copytree(backup, part)
    its.write(written)
    log = f"{its.settings.origin}/default"

    assert sekisho(*RECOVER, "--log", log, "--reason", "restored").code == 0
    assert sekisho(*RECOVER, "--key", "ana.pem").code == 1
    said = sekisho(*RECOVER, "--key", "ben.pem")

    assert said.code == 0, said.err
    assert "keep that file, and begin a new one" in said.out
    assert ("is not known" in said.out) == bool(written), said.out  # a log that went on hides how much of it was lost
    (gap,) = its.gaps()
    assert ("file", 500) in [(seen["where"].split()[0], seen["size"]) for seen in gap["details"]["seen"]]
    assert gap["details"]["missing"] == max(0, 500 - gap["details"]["sound"])
    assert its.verified() == []


def test_an_audit_folder_that_is_lost_whole_is_recovered_log_by_log(sekisho, its: House) -> None:
    """Nothing of it says that there was one; what the state's folder knows does."""
    shutil.rmtree(its.settings.data / "audit")
    with pytest.raises(SetupError, match="is gone"):
        its.write(1)
    assert checked(sekisho)["said"] == f"cut back, put back or gone: {its.settings.origin}/cross-border, {NAME}"
    verified = sekisho("audit", "verify")
    assert (verified.code, "The audit logs are gone" in verified.err) == (1, True)
    assert "Several logs are broken" in sekisho(*RECOVER, "--reason", "x").err

    for log in (f"{its.settings.origin}/cross-border", NAME):
        with pytest.raises(SetupError, match="is gone"):
            its.write(1)
        assert sekisho(*RECOVER, "--log", log, "--reason", "the disk was replaced").code == 0
        assert sekisho(*RECOVER, "--key", "ana.pem", "--key", "ben.pem").code == 0

    its.write(5)
    (gap,) = its.gaps()
    assert (gap["sequence"], gap["details"]["problem"]) == (0, "it is gone")
    assert max(seen["size"] for seen in gap["details"]["seen"]) >= 200  # the copy was made when the log was last opened
    assert its.verified() == []


def test_the_gap_says_which_heads_were_seen(sekisho, its: House) -> None:
    put_back_a_backup(its)
    recover(sekisho)

    (seen,) = its.gaps()[0]["details"]["seen"]

    assert (seen["where"], seen["size"]) == ("site-heads", 500)


def test_what_was_found_is_set_aside_whole(sekisho, its: House) -> None:
    change_a_record(its)
    before = {path.name: path.read_bytes() for path in its.log.rglob("*") if path.is_file() and path.name != "reserve"}

    recover(sekisho)

    aside = its.settings.data / its.gaps()[0]["details"]["set_aside"] / "found"
    assert {p.name: p.read_bytes() for p in aside.rglob("*") if p.is_file() and p.name != "reserve"} == before


def test_one_person_is_not_enough_and_nobody_else_counts(sekisho, its: House) -> None:
    lose_the_folder(its)
    assert sekisho(*RECOVER, "--reason", "x").code == 0

    assert sekisho(*RECOVER, "--key", "ana.pem", "--key", "ana.pem").code == 1
    refused = sekisho(*RECOVER, "--key", "cem.pem")

    assert (refused.code, "no approver's" in refused.err) == (3, True)
    assert not its.log.exists()


def test_a_statement_is_on_what_was_found_then(sekisho, its: House) -> None:
    delete_a_bundle(its)
    assert sekisho(*RECOVER, "--reason", "x").code == 0
    shutil.rmtree(its.log)

    said = sekisho(*RECOVER, "--key", "ana.pem", "--key", "ben.pem")

    assert said.code == 3
    assert "is not as the statement says any more" in said.err


def test_a_changed_statement_is_signed_by_nobody(sekisho, its: House) -> None:
    lose_the_folder(its)
    sekisho(*RECOVER, "--reason", "x")
    sekisho(*RECOVER, "--key", "ana.pem")
    envelope = json.loads(Path("recovery.json").read_text())
    sekisho(*RECOVER, "--reason", "something else")
    other = json.loads(Path("recovery.json").read_text())
    Path("recovery.json").write_text(json.dumps({**other, "signatures": envelope["signatures"]}))

    said = sekisho(*RECOVER, "--key", "ben.pem")

    assert (said.code, "Signed by ben: 1 more" in said.out) == (1, True)


def test_a_sound_installation_has_nothing_to_recover(sekisho, its: House) -> None:
    said = sekisho(*RECOVER, "--reason", "x")

    assert said.code == 3
    assert "No log is broken." in said.err


@pytest.mark.parametrize("step", ["copied", "set aside"])
def test_what_a_crash_cut_short_is_done_again(sekisho, its: House, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_a_record(its)
    assert sekisho(*RECOVER, "--reason", "x").code == 0
    rename, calls = Path.rename, iter(range(9))

    def crash(self: Path, to: Path) -> Path:
        if "audit-lost" in f"{self}{to}" and next(calls) == {"copied": 0, "set aside": 1}[step]:
            raise KeyboardInterrupt
        return rename(self, to)

    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "rename", crash)
        sekisho(*RECOVER, "--key", "ana.pem", "--key", "ben.pem")
    again = sekisho(*RECOVER, "--reason", "x", "--key", "ana.pem", "--key", "ben.pem")

    assert again.code == 0, again.err
    its.write(1)
    assert its.verified() == []


def test_while_another_works_with_the_data_it_is_refused(sekisho, its: House) -> None:
    change_a_record(its)
    assert sekisho(*RECOVER, "--reason", "x").code == 0

    with data_lock(its.settings.state):
        said = [sekisho(*RECOVER, *more) for more in (("--reason", "y"), ("--key", "ana.pem", "--key", "ben.pem"))]

    assert [each.code for each in said] == [3, 3]
    assert all(f"Another sekisho process (pid {os.getpid()}) is working with" in each.err for each in said)
    assert json.loads(Path("recovery.json").read_text())["signatures"] == []
    assert sekisho(*RECOVER, "--key", "ana.pem", "--key", "ben.pem").code == 0


def test_of_two_who_recover_at_once_one_does_and_the_other_says_why_not(sekisho, its: House) -> None:
    change_a_record(its)
    assert sekisho(*RECOVER, "--reason", "x").code == 0
    command = [str(SEKISHO), *RECOVER, "--key", "ana.pem", "--key", "ben.pem"]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted((each.communicate(timeout=120)[1], each.returncode) for each in both)

    assert sorted(code for _, code in said) == [0, 3]
    (why,) = [text for text, code in said if code]
    assert "Another sekisho process (pid " in why or "is not as the statement says any more" in why, why
    assert len(its.gaps()) == 1
    its.write(1)
    assert its.verified() == []


def test_doctor_names_a_log_that_is_behind_what_was_seen_of_it(sekisho, its: House) -> None:
    assert checked(sekisho)["state"] == "ok"
    put_back_a_backup(its)

    found = checked(sekisho)

    assert (found["state"], found["said"]) == ("fails", f"cut back, put back or gone: {NAME}")
    assert "sekisho audit recover" in found["mend"]


def checked(sekisho, name: str = "audit logs") -> dict[str, Any]:
    return next(check for check in sekisho("doctor", "--json").json["checks"] if check["name"] == name)
