"""`sekisho bundle verify | update | rollback | status` on a small installation: what is refused, told, and shown."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.bundle import release as release_
from gateway.bundle.install import machine
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.repository import break_glass
from gateway.bundle.repository.break_glass import Statement
from gateway.bundle.repository.client import trust
from gateway.bundle.update.journal import Entry, Journal
from gateway.bundle.update.told import Happened, Spool, Taken, taken_file
from tests.bundle.conftest import maker  # noqa: F401 the fixture
from tests.bundle.install.test_verify import FILES, a_release

THIS = {"platform": f"manylinux_2_34_{machine.Machine.this().processor}", "glibc": "2.17"}


@pytest.fixture
def place(maker, tmp_path: Path) -> Prefix:  # noqa: F811
    """Version 1 and 2 are installed, 2 runs; the maker's first root is trusted; data and configuration beside."""
    maker.at = datetime.now(UTC)
    found = Prefix(tmp_path / "prefix")
    for name in ("1-1.0.0", "2-1.1.0"):
        (found.versions / name).mkdir(parents=True)
    found.current.symlink_to("versions/2-1.1.0")
    trust(maker.first_root, found.trusted)
    (tmp_path / "sekisho.yaml").write_text("data_dir: data\n", encoding="utf-8")
    return found


@pytest.fixture
def run(sekisho, place, tmp_path, monkeypatch):
    """Run `sekisho bundle …` with this installation."""
    monkeypatch.setattr("gateway.cli.server.running_server", lambda run: None)

    def bundle(*words: str):
        return sekisho("bundle", *words, "--prefix", str(place.root), "--config", str(tmp_path / "sekisho.yaml"))

    return bundle


def a_bundle(maker, tmp_path: Path, days_old: float = 0, **change: str) -> Path:  # noqa: F811
    maker.at -= timedelta(days=days_old)
    release = a_release(FILES, built_at=f"{maker.at:%Y-%m-%dT%H:%M:%SZ}", **(THIS | change))
    maker.release({**FILES, release_.NAME: release_.encode(release)})
    file = tmp_path / "bundle.tar"
    with tarfile.open(file, "w") as tar:
        tar.add(maker.metadata.parent, "sekisho-1")
    return file


def told(place: Prefix) -> list[tuple[str, str]]:
    spool = Spool.of(place.root)
    return [(one.type, str(one.details.get("why", ""))) for one in map(spool.read, spool.ids())]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"days_old": 91}, "bundle.expired"),
        ({"platform": "manylinux_2_34_pdp11"}, "bundle.platform"),
        ({"python": "3.9"}, "bundle.python"),
        ({"glibc": "9.9"}, "bundle.glibc"),
    ],
)
def test_a_bundle_that_is_refused_changes_nothing_and_is_told(run, place, maker, tmp_path, change, code):  # noqa: F811
    done = run("update", str(a_bundle(maker, tmp_path, **change)))
    assert (done.code in (3, 4), code in done.err) == (True, True)
    assert told(place) == [("update.refused", code)]
    assert sorted(path.name for path in place.versions.iterdir()) == ["1-1.0.0", "2-1.1.0"]
    assert Journal(place.root).read() is None


def test_the_newest_record_of_the_log_bears_witness_of_the_time(run, maker, tmp_path, monkeypatch):  # noqa: F811
    later = datetime.now(UTC) + timedelta(days=100)
    monkeypatch.setattr("gateway.audit.log.reader.logs", lambda base: [base])
    monkeypatch.setattr("gateway.audit.log.reader.newest", lambda folder, count: [{"time": later.isoformat()}])
    assert "bundle.expired" in run("verify", str(a_bundle(maker, tmp_path))).err


def test_a_break_glass_statement_lets_it_in_and_is_told(run, place, maker, tmp_path):  # noqa: F811
    file = a_bundle(maker, tmp_path, days_old=91)
    made = break_glass.make(
        Statement(snapshot=int(maker.at.timestamp()), until=datetime.now(UTC) + timedelta(days=1), reason="line 3")
    )
    for one in maker.signers["root"][:2]:
        made.envelope.sign(one)
    (tmp_path / "glass.json").write_bytes(break_glass.encode(made))
    done = run("update", str(file), "--break-glass", str(tmp_path / "glass.json"))
    assert "bundle.expired" not in done.err
    assert told(place)[0] == ("update.break_glass", "")
    words = Spool.of(place.root).read(Spool.of(place.root).ids()[0]).details
    assert (words["reason"], words["snapshot"]) == ("line 3", int(maker.at.timestamp()))


def test_what_is_installed_is_not_installed_again_and_the_line_says_how_to_let_it_run(run, place, maker, tmp_path):  # noqa: F811
    file = a_bundle(maker, tmp_path)
    sha256 = next(path.name[:64] for path in maker.targets.glob("*.release.json"))
    said = Accepted(version="1", folder="2-1.1.0", release_sha256=sha256, snapshot=1, at="2026-11-01T00:00:00Z")
    place.accept(said, place.trusted)
    assert "It runs." in run("update", str(file)).err
    place.current.unlink()
    place.current.symlink_to("versions/1-1.0.0")
    done = run("update", str(file))
    assert (done.code, "rollback --to 2-1.1.0" in done.err) == (3, True)


@pytest.mark.parametrize("verb", [("update", "bundle.tar"), ("rollback",)])
def test_where_a_server_runs_that_nobody_could_start_anew_nothing_is_begun(run, place, monkeypatch, verb):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here, and would start it anew")
    monkeypatch.setattr("gateway.cli.server.running_server", lambda run: object())
    done = run(*verb)
    assert (done.code, "Stop it" in done.err) == (3, True)
    assert not (place.root / "state" / "update.lock").exists()


def test_without_an_older_version_there_is_nothing_to_go_back_to(run, place):
    place.current.unlink()
    place.current.symlink_to("versions/1-1.0.0")
    done = run("rollback")
    assert (done.code, "2-1.1.0" in done.err) == (2, True)
    assert run("rollback", "--to", "../../etc").code == 2


def test_status_says_what_is_not_in_the_log_yet(run, place, tmp_path):
    spool = Spool.of(place.root)
    taken, left = (Happened(type="update.reverted", details={}) for _ in range(2))
    spool.tell(taken)
    spool.tell(left)
    Taken(taken=(taken.id,)).write(taken_file(tmp_path / "data" / "state"))
    said = json.loads(run("status", "--json").out)
    assert [one["id"] for one in said["not_in_log"]] == [left.id]
    assert "not in the audit log yet: update.reverted" in " ".join(run("status").out.split())


def test_status_shows_an_update_that_is_under_way_and_leaves_it_alone(run, place):
    journal = Journal(place.root)
    with journal.held():
        journal.write(Entry(step="trials", fresh="3-1.2.0", old="2-1.1.0", snapshot=7))
        said = json.loads(run("status", "--json").out)
        assert said["under_way"] == {"step": "trials", "to": "3-1.2.0", "from": "2-1.1.0"}
        assert journal.read() is not None


def test_status_ends_an_update_that_was_interrupted(run, place):
    (place.versions / "3-1.2.0").mkdir()
    Journal(place.root).write(Entry(step="trials", fresh="3-1.2.0", old="2-1.1.0", snapshot=7))
    assert run("status").code == 0
    assert sorted(path.name for path in place.versions.iterdir()) == ["1-1.0.0", "2-1.1.0"]
    assert told(place) == [("update.interrupted", "")]


def test_where_nothing_is_installed_one_line_says_so(sekisho, tmp_path):
    done = sekisho("bundle", "status", "--prefix", str(tmp_path / "nothing"))
    assert (done.code != 0, done.err.count("\n")) == (True, 1)
    assert not (tmp_path / "nothing").exists()
