"""An update that is killed at any of its steps leaves the old version or the new one, whole, and never neither."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update import link, order
from gateway.bundle.update.journal import Entry, Journal
from gateway.bundle.update.told import Spool
from tests.bundle.update_child import FRESH, FileSteps

OLD = "1-1.0.0"
BEFORE = ["store:before", "store:after", "stage:before", "stage:half", "stage:after", "trials:before", "trials:after"]
AFTER = ["restart:before", "restart:after", "watch:before", "accept:before", "accept:after"]
AFTER += ["tell:before", "tell:after"]


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An installation in which the old version runs."""
    (tmp_path / "versions" / OLD).mkdir(parents=True)
    (tmp_path / "store").mkdir()
    (tmp_path / "versions" / OLD / "program").write_text("old", encoding="utf-8")
    link.point(tmp_path, OLD)
    FileSteps(tmp_path).restart()
    return tmp_path


def state(prefix: Path) -> tuple[str, str, list[str]]:
    """What the link leads to, what serves, and which versions lie here."""
    serving = (prefix / "serving").read_text(encoding="utf-8")
    return (
        (prefix / "current" / "program").read_text(encoding="utf-8"),
        serving,
        sorted(os.listdir(prefix / "versions")),
    )


def told(prefix: Path) -> list[str]:
    """What the audit log will be told, once for each thing."""
    spool = Spool.of(prefix)
    return [spool.read(id).type for id in spool.ids()]


def kill_at(prefix: Path, moment: str, health: str = "healthy") -> None:
    child = Path(__file__).with_name("update_child.py")
    command = [sys.executable, str(child), str(prefix), moment, health]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == moment
        with pytest.raises(BundleRefused, match="under way"), Journal(prefix).held():
            pass
        process.kill()


def test_an_update_ends_in_the_new_version(prefix):
    assert order.update(prefix, FileSteps(prefix), FRESH, 7) == order.Outcome("kept", FRESH)
    assert state(prefix) == ("new", "new", [OLD, FRESH])
    assert (prefix / "accepted").read_text(encoding="utf-8") == f"{FRESH} 7"
    assert told(prefix) == ["update.accepted"]
    assert Journal(prefix).read() is None


def test_one_that_is_not_healthy_goes_back_by_itself(prefix):
    assert order.update(prefix, FileSteps(prefix, healthy=False), FRESH, 7).how == "back"
    assert state(prefix) == ("old", "old", [OLD])
    assert not (prefix / "accepted").exists()
    assert told(prefix) == ["update.reverted"]
    assert list((prefix / "store").iterdir()) == []


@pytest.mark.parametrize("moment", BEFORE)
def test_killed_before_the_switch_the_old_one_runs_and_nothing_is_left(prefix, moment):
    kill_at(prefix, moment)
    assert state(prefix)[:2] == ("old", "old")
    assert order.recover(prefix, FileSteps(prefix)).how == "removed"
    assert state(prefix) == ("old", "old", [OLD])
    assert list((prefix / "store").iterdir()) == []
    assert told(prefix) == ["update.interrupted"]
    assert order.update(prefix, FileSteps(prefix), FRESH, 7).how == "kept"


@pytest.mark.parametrize("moment", AFTER)
@pytest.mark.parametrize("healthy", [True, False])
def test_killed_after_the_switch_the_next_reader_ends_it(prefix, moment, healthy):
    kill_at(prefix, moment)
    assert state(prefix)[0] == "new"
    ended = order.recover(prefix, FileSteps(prefix, healthy=healthy))
    accepted = healthy or moment.startswith(("accept", "tell"))  # it was found healthy before it was killed
    assert ended.how == ("kept" if accepted else "back")
    assert told(prefix) == ["update.accepted" if accepted else "update.reverted"]
    assert state(prefix) == (("new", "new", [OLD, FRESH]) if accepted else ("old", "old", [OLD]))
    assert Journal(prefix).read() is None


@pytest.mark.parametrize("moment", ["sweep:before", "sweep:after", "tell:before", "tell:after"])
def test_killed_on_the_way_back_it_still_goes_back(prefix, moment):
    kill_at(prefix, moment, "ill")
    assert order.recover(prefix, FileSteps(prefix)).how == "back"
    assert told(prefix) == ["update.reverted"]
    assert state(prefix) == ("old", "old", [OLD])


@pytest.mark.parametrize("moved", [False, True])
def test_killed_at_the_switch_itself_either_end_is_whole(prefix, moved):
    steps = FileSteps(prefix)
    steps.store()
    steps.stage(FRESH)
    Journal(prefix).write(Entry(step="switch", fresh=FRESH, old=OLD, snapshot=7))
    (prefix / ".current.new").symlink_to("nowhere")  # what a half-done exchange leaves
    if moved:
        link.point(prefix, FRESH)
    assert order.recover(prefix, steps).how == ("kept" if moved else "removed")
    assert state(prefix) == (("new", "new", [OLD, FRESH]) if moved else ("old", "old", [OLD]))


def test_a_trial_that_fails_changes_nothing(prefix):
    class Failing(FileSteps):
        def trials(self, folder: str) -> None:
            raise BundleRefused("bundle.platform", "It does not run here.")

    with pytest.raises(BundleRefused):
        order.update(prefix, Failing(prefix), FRESH, 7)
    assert state(prefix) == ("old", "old", [OLD])
    assert told(prefix) == ["update.refused"]
    assert Journal(prefix).read() is None


def test_a_watch_that_breaks_is_no_health(prefix):
    class Breaking(FileSteps):
        def watch(self) -> None:
            raise TimeoutError

    ended = order.update(prefix, Breaking(prefix), FRESH, 7)
    assert (ended.how, ended.why) == ("back", "Its watch ended in TimeoutError.")


def test_why_it_was_not_healthy_is_said_and_the_log_has_the_code(prefix):
    class Ill(FileSteps):
        def watch(self) -> None:
            raise BundleRefused("bundle.unhealthy", "sekisho doctor said: no disk below /srv")

    ended = order.update(prefix, Ill(prefix), FRESH, 7)
    assert ended.how == "back"
    assert ended.why == "sekisho doctor said: no disk below /srv [bundle.unhealthy]"
    [id] = Spool.of(prefix).ids()
    assert Spool.of(prefix).read(id).details["why"] == "bundle.unhealthy"


def test_going_to_an_installed_version_keeps_both_whatever_its_health(prefix):
    order.update(prefix, FileSteps(prefix), FRESH, 7)
    assert order.go_to(prefix, FileSteps(prefix, healthy=False), OLD).how == "back"
    assert state(prefix) == ("new", "new", [OLD, FRESH])
    assert order.go_to(prefix, FileSteps(prefix), OLD).how == "kept"
    assert state(prefix) == ("old", "old", [OLD, FRESH])
    assert sorted(told(prefix)) == ["update.accepted", "update.reverted", "update.rolled_back"]


def test_a_journal_that_somebody_changed_is_not_acted_upon(prefix):
    entry = b'{"schema":"sekisho.update/1","step":"stage","fresh":"../../home","old":"1-1.0.0","snapshot":1}'
    (prefix / "state").mkdir(exist_ok=True)
    (prefix / "state" / "update.json").write_bytes(entry)
    with pytest.raises(BundleRefused):
        order.recover(prefix, FileSteps(prefix))
    assert state(prefix) == ("old", "old", [OLD])


def test_an_installed_version_is_never_staged_over(prefix):
    order.update(prefix, FileSteps(prefix), FRESH, 7)
    order.go_to(prefix, FileSteps(prefix), OLD)
    with pytest.raises(BundleRefused):
        order.update(prefix, FileSteps(prefix), FRESH, 7)
    assert state(prefix) == ("old", "old", [OLD, FRESH])


@pytest.mark.parametrize("step", ["store", "stage", "trials"])
def test_a_fresh_version_that_runs_is_never_swept_whatever_the_journal_says(prefix, step):
    """The link was moved by a person, or a journal of before the switch came back with a backup."""
    order.update(prefix, FileSteps(prefix), FRESH, 7)
    Journal(prefix).write(Entry(step=step, fresh=FRESH, old=OLD, snapshot=7))
    order.recover(prefix, FileSteps(prefix))
    assert state(prefix) == ("new", "new", [OLD, FRESH])
    assert Journal(prefix).read() is None


def test_the_journal_says_switch_before_the_link_moves(prefix, monkeypatch):
    seen = []
    moving = link.point

    def point(where: Path, folder: str) -> None:
        seen.append(Journal(where).read().step)
        moving(where, folder)

    monkeypatch.setattr(link, "point", point)
    order.update(prefix, FileSteps(prefix, healthy=False), FRESH, 7)
    assert seen == ["switch", "back"]
