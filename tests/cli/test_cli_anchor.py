"""Heads are carried away, come back and are told of: set-up, `audit anchor`, `audit status`, `doctor`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import defusedxml.ElementTree
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import settings
from gateway.audit.anchor.cosign import Cosigner
from gateway.audit.anchor.heads import notes_in
from gateway.audit.anchor.office import AnchorOffice
from gateway.audit.log.note import open_checkpoint, parse_verifier_key
from gateway.audit.log.reader import Filter, search
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_anchor import anchor_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring

LOG = "plant/node/admin/default"
WITNESS = Cosigner("w1.example", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


@pytest.fixture
def written(sekisho, house: Path) -> Path:
    """A house whose log has records."""
    for name in ("one", "two"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0
    return house


@pytest.fixture
def medium() -> Iterator[Path]:
    """A folder on another disk than the house."""
    folder = Path("/dev/shm") / f"sekisho-{os.getpid()}"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def events(house: Path, type: str) -> list[dict[str, str]]:
    return [record["details"] for record in search(house / ".sekisho/audit" / LOG, Filter(type=type))]


# --- set-up


@pytest.mark.parametrize("preset", ["balanced", "strict"])
def test_who_wants_more_than_to_try_it_out_must_say_where_heads_go(sekisho, short_dir: Path, preset: str) -> None:
    said = sekisho("init", "--yes", "--dir", str(short_dir), "--preset", preset)

    assert said.code == 2
    assert "--anchor file:PATH" in said.err
    assert list(short_dir.iterdir()) == []


def test_none_is_an_answer_and_is_told(sekisho, short_dir: Path) -> None:
    said = sekisho("init", "--dir", str(short_dir), "--preset", "strict", "--anchor", "none")

    assert said.code == 0, said.err
    assert "heads stay on this machine" in said.out
    assert settings.load(str(short_dir / "sekisho.yaml")).audit.anchors == ()


def test_a_file_on_another_disk_is_set_up(sekisho, short_dir: Path, medium: Path) -> None:
    place = medium / "plant.heads"

    said = sekisho("init", "--dir", str(short_dir), "--preset", "strict", "--anchor", f"file:{place}")

    assert said.code == 0, said.err
    (anchor,) = settings.load(str(short_dir / "sekisho.yaml")).audit.anchors
    assert (type(anchor), anchor.path) == (settings.FileAnchorSettings, str(place))


def test_a_node_is_set_up_with_its_key(sekisho, short_dir: Path) -> None:
    key = short_dir.parent / f"{short_dir.name}.vkey"
    key.write_text(WITNESS.verifier_key())

    said = sekisho("init", "--dir", str(short_dir), "--anchor", f"node:https://w1.example:8090,key={key}")

    assert said.code == 0, said.err
    (anchor,) = settings.load(str(short_dir / "sekisho.yaml")).audit.anchors
    assert (anchor.url, anchor.key) == ("https://w1.example:8090", str(key))
    key.unlink()


@pytest.mark.parametrize(
    ("anchor", "why"),
    [
        ("somewhere", "is no anchor"),
        ("file:", "is no anchor"),
        ("file:heads", "same disk"),
        ("file:/nonexistent/heads", "no folder"),
        ("file:/dev/shm/heads,ca=x", "has no ca"),
        ("syslog:siem:0", "no address"),
        ("syslog:siem,ca=/nonexistent", "cannot be used"),
        ("node:https://w1.example", "believed by its key"),
        ("node:https://w1.example,key=/nonexistent", "no witness's key"),
        (f"node:w1.example,key={WITNESS.verifier_key()}", "no address of a witness"),
    ],
)
def test_what_cannot_keep_heads_is_refused_and_nothing_written(sekisho, short_dir: Path, anchor: str, why: str) -> None:
    said = sekisho("init", "--dir", str(short_dir), "--anchor", anchor)

    assert (said.code, said.err.count("\n")) == (2, 1)
    assert why in said.err
    assert list(short_dir.iterdir()) == []


# --- by hand


def test_heads_go_to_a_medium_after_that_is_on_record(sekisho, written: Path, medium: Path) -> None:
    said = sekisho("audit", "anchor", "--to", str(medium), "--json")

    assert said.code == 0, said.err
    place = medium / "plant.heads"
    assert said.json["places"][0]["heads"][0]["log"] == LOG
    (carried,) = events(written, "admin.heads_carried")
    assert (carried["kind"], carried["place"]) == ("media", str(place))
    vkey = parse_verifier_key((written / ".sekisho/keys/log.vkey").read_text())
    (head,) = [open_checkpoint(note, vkey) for note in notes_in(place.read_bytes())]
    status = sekisho("audit", "status", "--json").json
    assert status["logs"][0]["records"] == head.size == status["logs"][0]["witnessed"]["up_to"]


def test_the_log_s_own_disk_is_refused_unless_it_is_wished(sekisho, written: Path) -> None:
    said = sekisho("audit", "anchor", "--to", str(written))
    assert (said.code, said.err.count("\n")) == (3, 2)
    assert "same disk" in said.err
    assert events(written, "admin.heads_carried") == []

    assert sekisho("audit", "anchor", "--to", str(written), "--same-disk").code == 0


def test_a_head_goes_to_paper_and_counts_when_it_comes_back(sekisho, written: Path) -> None:
    said = sekisho("audit", "anchor", "--qr", "head.svg", "--json")
    assert said.code == 0, said.err
    text = said.json["text"]
    page = defusedxml.ElementTree.fromstring((written / "head.svg").read_text())
    shown = [element.text for element in page.iter("{http://www.w3.org/2000/svg}text")]
    assert all(line in shown for line in text.splitlines() if line and len(line) <= 96)
    assert sekisho("audit", "status", "--json").json["logs"][0]["witnessed"]["up_to"] == 0

    back = sekisho("audit", "anchor", "--accept", "-", "--place", "safe", given=text)

    assert back.code == 0, back.err
    assert back.out.startswith(f"ok     {LOG}: its first ")
    (log,) = sekisho("audit", "status", "--json").json["logs"]
    assert [(by["kind"], by["place"]) for by in log["witnessed"]["ranges"][0]["by"]] == [("paper", "safe")]
    assert [each["place"] for each in events(written, "admin.heads_accepted")] == ["safe"]


@pytest.mark.parametrize(
    "typed",
    [
        lambda text: text.replace("— ", "- "),
        lambda text: "\r\n".join(f"{line}  " for line in text.splitlines()),
        lambda text: text.partition("\n\nplant/")[0] + "\n",  # the checkpoint alone: its lines were kept
        lambda text: "\n".join(line if len(line) < 60 else f"{line[:60]}\n  {line[60:]}" for line in text.splitlines()),
    ],
)
def test_what_comes_back_may_have_been_typed(sekisho, written: Path, typed) -> None:
    text = sekisho("audit", "anchor", "--qr", "-", "--json").json["text"]

    back = sekisho("audit", "anchor", "--accept", "-", given=typed(text))

    assert back.code == 0, back.err


@pytest.mark.parametrize(
    "forged",
    [
        lambda text: "",
        lambda text: "hello",
        lambda text: text.replace("\n1\n", "\n2\n"),
        lambda text: text.replace(f"{LOG} ", f"{LOG} 1"),
        lambda text: text[: text.rindex("— ")],
    ],
)
def test_what_was_not_signed_is_refused(sekisho, written: Path, forged) -> None:
    text = sekisho("audit", "anchor", "--qr", "-", "--json").json["text"]

    back = sekisho("audit", "anchor", "--accept", "-", given=forged(text))

    assert (back.code, back.err.count("\n")) == (3, 1)
    assert events(written, "admin.heads_accepted") == []


def test_a_head_that_the_log_has_not_any_more_is_answered_no(sekisho, written: Path, tmp_path: Path) -> None:
    log, heads = written / ".sekisho/audit", written / ".sekisho/state/audit-heads"
    os.rename(log, tmp_path / "before")
    os.rename(heads, tmp_path / "heads before")
    assert sekisho("keys", "create", "--name", "three", "--tenant", "t").code == 0
    early = sekisho("audit", "anchor", "--qr", "-", "--json").json["text"]
    forget(written)
    os.rename(tmp_path / "before", log)
    os.rename(tmp_path / "heads before", heads)

    back = sekisho("audit", "anchor", "--accept", "-", given=early)

    assert back.code == 1
    assert f"WRONG  {LOG}, " in back.out


def test_a_cosigned_head_counts_as_the_witness_s(sekisho, written: Path) -> None:
    note = (written / ".sekisho/audit" / LOG / "checkpoint").read_text()
    line = WITNESS.cosign(note.partition("\n\n")[0] + "\n", 1_795_347_000)
    (written / "cosigned").write_text(note + line)

    back = sekisho("audit", "anchor", "--accept", "cosigned", "--witness", WITNESS.verifier_key(), "--json")

    assert back.code == 0, back.err
    assert [(each["kind"], each["place"]) for each in back.json["accepted"]] == [("node", "w1.example")]


def test_without_options_all_anchors_get_the_heads(sekisho, written: Path, medium: Path) -> None:
    assert sekisho("audit", "anchor").code == 2
    with (written / "sekisho.yaml").open("a") as file:
        file.write("\n")
    text = (written / "sekisho.yaml").read_text()
    (written / "sekisho.yaml").write_text(text.replace("anchors: []", f"anchors: [{{kind: file, path: {medium}/h}}]"))

    said = sekisho("audit", "anchor")

    assert said.code == 0, said.err
    assert (medium / "h").read_bytes()


# --- what is told


def test_status_says_plainly_that_nobody_saw_the_log(sekisho, written: Path) -> None:
    said = sekisho("audit", "status")

    assert said.code == 0
    assert "never" in said.out
    assert "can change them unseen" in said.err
    data = sekisho("audit", "status", "--json").json
    assert data["logs"][0]["unwitnessed_since"]
    assert data["logs"][0]["retention"]["least_days"] == 184


def test_a_backup_that_was_put_back_whole_is_told_by_what_a_medium_has(sekisho, written: Path, medium: Path) -> None:
    text = (written / "sekisho.yaml").read_text()
    (written / "sekisho.yaml").write_text(text.replace("anchors: []", f"anchors: [{{kind: file, path: {medium}/h}}]"))
    shutil.copytree(written / ".sekisho", written / "backup")
    sekisho("keys", "create", "--name", "later", "--tenant", "bodyshop")
    sekisho("audit", "anchor")
    shutil.rmtree(written / ".sekisho")
    (written / "backup").rename(written / ".sekisho")

    status, doctor = sekisho("audit", "status"), sekisho("doctor", "--json")

    assert (status.code, "cut back" in status.err) == (1, True), status.err
    (check,) = [each for each in doctor.json["checks"] if each["name"] == "audit logs"]
    assert (check["state"], "cut back" in check["said"], "audit recover" in check["mend"]) == ("fails", True, True), (
        check
    )


@pytest.mark.parametrize(("last", "told"), [("2026-11-23T01:42:13Z", "not witnessed yet"), ("", "by nobody")])
def test_status_tells_a_head_that_waits_from_one_that_nobody_will_see(last: str, told: str) -> None:
    from gateway.cli.audit_status import _warnings

    logs = [{"log": LOG, "problems": [], "witnessed": {"unwitnessed": 2}}]

    (line,) = _warnings(logs, [{"kind": "file", "place": "/mnt/h", "state": "ok", "last": last}])

    assert told in line


def test_status_answers_no_when_somebody_saw_more_than_there_is(sekisho, written: Path, medium: Path) -> None:
    sekisho("audit", "anchor", "--to", str(medium))
    path = written / ".sekisho/audit" / LOG / "witnesses.jsonl"
    path.write_text(path.read_text().replace('"size":', '"size":9'))

    said = sekisho("audit", "status")

    assert said.code == 1
    assert "cut back: 9" in said.err


def test_without_a_log_status_says_so(sekisho, house: Path) -> None:
    said = sekisho("audit", "status")

    assert (said.code, said.out.strip()) == (0, "There is no log with a signed head yet.")


@pytest.mark.parametrize(("preset", "state"), [("demo", "ok"), ("strict", "warning")])
def test_doctor_warns_of_a_log_that_nobody_sees(written: Path, preset: str, state: str) -> None:
    from gateway.cli.audit_status import anchors

    text = (written / "sekisho.yaml").read_text().replace('preset: "demo"', f'preset: "{preset}"')
    (written / "sekisho.yaml").write_text(text)

    check = anchors(settings.load(str(written / "sekisho.yaml")))

    assert check.state == state
    assert "unwitnessed since" in check.said


def test_a_conflict_fails_the_doctor_and_the_status(sekisho, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.cli import audit_status

    conflict = {"kind": "node", "place": "w1", "state": "conflict", "last": "", "since": "2026-11-22T11:30:00Z"}
    told = conflict | {"problem": "w1 saw 10 records.", "mend": "Compare both logs."}
    monkeypatch.setattr(audit_status, "_anchors", lambda settings: [told])

    check = audit_status.anchors(settings.load(str(written / "sekisho.yaml")))
    said = sekisho("audit", "status")

    assert (check.state, check.said, check.mend) == ("fails", "w1 saw 10 records.", "Compare both logs.")
    assert said.code == 1
    assert "conflict" in said.out


def test_an_anchor_that_cannot_be_reached_is_a_warning_with_its_mend(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.cli import audit_status

    lost = {"kind": "file", "place": "/mnt/heads", "state": "fails", "last": "", "since": "2026-11-22T11:30:00Z"}
    told = lost | {"problem": "/mnt/heads has lost the log.", "mend": "Give a new file as path."}
    well = lost | {"place": "/mnt/other", "state": "ok", "since": "", "problem": "", "mend": ""}
    monkeypatch.setattr(audit_status, "_anchors", lambda settings: [well, told])

    check = audit_status.anchors(settings.load(str(written / "sekisho.yaml")))

    assert (check.state, check.mend) == ("warning", "Give a new file as path.")
    assert check.said == "file /mnt/heads: /mnt/heads has lost the log. Since 2026-11-22T11:30:00Z."


def test_doctor_is_content_with_a_log_that_was_seen(sekisho, written: Path, medium: Path) -> None:
    from gateway.cli.audit_status import anchors

    assert sekisho("audit", "anchor", "--to", str(medium)).code == 0

    check = anchors(settings.load(str(written / "sekisho.yaml")))

    assert (check.state, check.mend) == ("ok", "")
    assert "every signed record is witnessed" in check.said


# --- beside a server


class Serving:
    """The admin side of a server that writes its log and carries heads, on a real installation."""

    def __init__(self, house: Path) -> None:
        from gateway.audit.anchor.build import anchors_of

        self.its = settings.load(str(house / "sekisho.yaml"))
        self.office = AnchorOffice(self.its.data / "audit", anchors_of(self.its))

    async def live(self, began: threading.Event, stop: threading.Event) -> None:
        its = self.its
        with data_lock(its.state), admin_book(its) as book:
            self.office.start()
            register = KeyRegister(its.state / "keys.json", FileKeyring(its.keys).pepper(), its.site)
            app = admin_app(register, book, dict, None, anchor_routes(self.office, book))  # type: ignore[arg-type]
            listener = Listener.on_socket(app, admin_socket(its.run))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(listener.run_sockets())
                await listener.began()
                began.set()
                await asyncio.to_thread(stop.wait)
                listener.should_exit = True
        self.office.stop()


@pytest.fixture
def serving(written: Path, medium: Path) -> Iterator[Path]:
    config = written / "sekisho.yaml"
    anchors = f"anchors: [{{kind: file, path: {medium}/h, every_seconds: 1}}]"
    config.write_text(config.read_text().replace("anchors: []", anchors))
    began, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(Serving(written).live(began, stop)))
    thread.start()
    assert began.wait(10)
    yield written
    stop.set()
    thread.join()


def test_a_running_server_puts_it_on_record_and_its_newest_head_is_carried(
    sekisho, serving: Path, medium: Path
) -> None:
    said = sekisho("audit", "anchor", "--to", str(medium))

    assert said.code == 0, said.err
    assert [each["kind"] for each in events(serving, "admin.heads_carried")] == ["media"]
    (log,) = sekisho("audit", "status", "--json").json["logs"]
    assert log["witnessed"]["unwitnessed"] == 0
    assert {by["kind"] for by in log["witnessed"]["ranges"][-1]["by"]} >= {"media"}


def test_a_running_server_tells_of_its_anchors(sekisho, serving: Path, medium: Path) -> None:
    assert sekisho("audit", "anchor").code == 2

    said = sekisho("audit", "status", "--json")

    assert [(each["kind"], each["place"]) for each in said.json["anchors"]] == [("file", f"{medium}/h")]
    assert json.loads(json.dumps(said.json)) == said.json


# --- verified against what others hold


def put_back(house: Path, copy: Path) -> None:
    """Restore a backup of the log and of the state: what this machine knew of later heads goes with it."""
    forget(house)
    shutil.copytree(copy, house / ".sekisho/audit")
    shutil.copytree(copy.with_name("heads"), house / ".sekisho/state/audit-heads")


def forget(house: Path) -> None:
    """Remove the log, and what this machine remembers of it elsewhere."""
    shutil.rmtree(house / ".sekisho/audit")
    shutil.rmtree(house / ".sekisho/state/audit-heads")


def with_node(house: Path) -> None:
    """Let the house's one anchor be a node that cosigns."""
    node = f"anchors: [{{kind: node, url: 'https://w1.example', key: '{WITNESS.verifier_key()}'}}]"
    config = house / "sekisho.yaml"
    config.write_text(re.sub(r"anchors: \[.*\]", node, config.read_text()))


@pytest.fixture
def anchored(sekisho, written: Path, medium: Path, tmp_path: Path) -> Path:
    """A house whose heads a file on another disk has; an older copy of its log lies at ``tmp_path/copy``."""
    config = written / "sekisho.yaml"
    config.write_text(config.read_text().replace("anchors: []", f"anchors: [{{kind: file, path: {medium}/h}}]"))
    assert sekisho("audit", "anchor").code == 0
    shutil.copytree(written / ".sekisho/audit", tmp_path / "copy")
    shutil.copytree(written / ".sekisho/state/audit-heads", tmp_path / "heads")
    assert sekisho("keys", "create", "--name", "three", "--tenant", "t").code == 0
    assert sekisho("audit", "anchor").code == 0
    return written


def test_an_anchored_log_verifies_and_roll_back_is_checked(sekisho, anchored: Path) -> None:
    said = sekisho("audit", "verify", "--json")

    assert said.code == 0, said.out
    assert said.json["not_checked"] == []


def test_a_log_that_was_put_back_is_found_by_the_heads_on_the_medium(sekisho, anchored: Path, tmp_path: Path) -> None:
    put_back(anchored, tmp_path / "copy")

    said = sekisho("audit", "verify")

    assert said.code == 1
    assert "cut back to an older checkpoint" in said.out


def test_a_log_that_was_put_back_and_went_on_is_found_too(sekisho, anchored: Path, tmp_path: Path) -> None:
    put_back(anchored, tmp_path / "copy")
    for name in ("four", "five"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0

    said = sekisho("audit", "verify", "--json")

    assert said.code == 1
    (problem,) = [problem for log in said.json["logs"] for problem in log["problems"]]
    assert problem["kind"] == "forked"
    assert "rolled-back" in problem["or_kinds"]


def test_a_log_that_was_begun_anew_is_found_too(sekisho, anchored: Path) -> None:
    forget(anchored)
    for number in range(12):
        assert sekisho("keys", "create", "--name", f"new-{number}", "--tenant", "t").code == 0

    said = sekisho("audit", "verify", "--json")

    assert said.code == 1
    assert "rewritten" in {problem["kind"] for log in said.json["logs"] for problem in log["problems"]}


def test_a_cosigned_head_shows_a_roll_back_too_and_status_says_so_at_once(
    sekisho, anchored: Path, tmp_path: Path
) -> None:
    log = anchored / ".sekisho/audit" / LOG
    note = (log / "checkpoint").read_text()
    line = WITNESS.cosign(note.partition("\n\n")[0] + "\n", 1_577_836_800).rstrip()
    size, root = note.split("\n")[1:3]
    seen = {"kind": "node", "place": "w1.example", "size": int(size), "root": root, "cosignature": line}
    with_node(anchored)
    put_back(anchored, tmp_path / "copy")
    for name in ("four", "five"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0
    (log / "witnesses.jsonl").write_text(json.dumps(seen | {"time": "2020-01-01T00:00:00Z"}) + "\n")

    said = sekisho("audit", "verify", "--json")
    at_once = sekisho("audit", "status")

    assert (said.code, at_once.code) == (1, 1)
    problems = [problem for log in said.json["logs"] for problem in log["problems"]]
    assert {"rolled-back"} <= {kind for problem in problems for kind in (problem["kind"], *problem["or_kinds"])}
    assert "rolled back: node w1.example saw another log" in at_once.err


def test_a_medium_that_is_not_there_is_told_and_roll_back_not_claimed(sekisho, anchored: Path, medium: Path) -> None:
    (medium / "h").unlink()

    said = sekisho("audit", "verify")

    assert said.code == 0
    assert f"{medium}/h was not looked into" in said.err
    assert "not checked: roll-back" in said.out


def test_a_cosignature_shows_a_roll_back_where_the_local_list_survives(sekisho, anchored: Path, tmp_path: Path) -> None:
    log = anchored / ".sekisho/audit" / LOG
    note = (log / "checkpoint").read_text()
    (anchored / "cosigned").write_text(note + WITNESS.cosign(note.partition("\n\n")[0] + "\n", 1_795_347_000))
    with_node(anchored)
    assert sekisho("audit", "anchor", "--accept", "cosigned").code == 0
    kept = (log / "witnesses.jsonl").read_bytes()
    put_back(anchored, tmp_path / "copy")
    (log / "witnesses.jsonl").write_bytes(kept)

    said = sekisho("audit", "verify")

    assert said.code == 1
    assert "the cosignature of w1.example" in said.out


# --- the page


@pytest.mark.real
@pytest.mark.slow
def test_the_page_runs_as_it_stands(house: Path, medium: Path, repository: Path, sekisho) -> None:
    assert sekisho("keys", "create", "--name", "one", "--tenant", "t").code == 0
    (house / ".venv").symlink_to(Path(sys.executable).parent.parent)
    page = (repository / "docs/how-to/carry-heads-away.md").read_text(encoding="utf-8")
    page = page.replace("/media/stick/site.heads", f"{medium}/plant.heads").replace("/media/stick", str(medium))
    said = []
    for source in re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if "witness serve" in source:  # runs until it is stopped: tests/audit/test_anchor_node.py
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", source], cwd=house, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{source}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    assert "w1.example+" in said[1]
    assert "safe of the works council" in said[4]
    assert "not checked" in said[5].split("\n\n")[0]
    assert (house / "head.svg").read_text().startswith("<svg")


def test_the_settings_of_the_page_are_settings(repository: Path, short_dir: Path) -> None:
    page = (repository / "docs/how-to/carry-heads-away.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (short_dir / "sekisho.yaml").write_text(example)

    read = settings.load(str(short_dir / "sekisho.yaml"))

    assert [anchor.__struct_config__.tag for anchor in read.audit.anchors] == ["file", "syslog", "node"]
