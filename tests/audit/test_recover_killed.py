"""A recovery that is killed at any of its steps, or started by two: it can be given again, and no loss goes unsaid."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.book import LogBook
from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import search
from gateway.audit.log.succession import OneKey
from gateway.audit.salvage import Salvage
from gateway.audit.shelf import Shelf
from gateway.audit.verify import verify
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.truncate", "os.chmod")
MOST_STEPS = 200
KILLED, DONE = -signal.SIGKILL, 0
ORIGIN, NAME = "berlin/n1/w0", "berlin/n1/w0/default"
SETTINGS = AuditSettings(checkpoint_records=50)


class Assassin:
    """An audit hook (PEP 578) that kills its process right before step ``at`` in a folder; the first is 1."""

    def __init__(self, at: int, place: Path) -> None:
        self.left, self.place = at, str(place)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STEPS or not isinstance(arguments[0], str | os.PathLike):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return  # what is only read changes nothing
        if os.fspath(arguments[0]).startswith(self.place):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def broken(tmp_path: Path, key: Ed25519PrivateKey) -> Path:
    """A data folder with a log of 300 records, of which one in the middle was changed."""
    shelf = Shelf(tmp_path / "broken" / "audit", origin=ORIGIN, log_key=key, settings=SETTINGS)
    shelf.open()
    for number in range(300):
        shelf.event("model.added", name=f"m{number}")
    shelf.close()
    path = tmp_path / "broken" / "audit" / NAME / tile_path("entries", 1)
    path.write_bytes(path.read_bytes().replace(b'"m280"', b'"m281"'))
    return tmp_path / "broken"


def recover(data: Path, key: Ed25519PrivateKey) -> None:
    salvage = Salvage(data, NAME, OneKey(key), SETTINGS)
    said = salvage.statement(salvage.problem(), "the disk was replaced")
    salvage.carry_out(said, {}, ["ana", "ben"], "op", datetime.now(UTC))


def killed_at(step: int, data: Path, key: Ed25519PrivateKey) -> int:
    """Recover in a child that dies before that step; return how it ended, as Popen.returncode says it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            sys.addaudithook(Assassin(step, data))
            recover(data, key)
            code = DONE
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def opened_and_closed(data: Path, key: Ed25519PrivateKey) -> None:
    """Take the logs up as a server does. Raises SetupError."""
    shelf = Shelf(data / "audit", origin=ORIGIN, log_key=key, settings=SETTINGS)
    shelf.open()
    shelf.event("model.added", name="afterwards")
    shelf.close()


def gaps(data: Path) -> list[str]:
    return [record["details"]["reason"] for record in search(data / "audit" / NAME) if record["type"] == "gap"]


def originals(data: Path) -> int:
    """Return in how many places the log lies as it was found, with the record that was changed."""
    found = [path for path in data.rglob(Path(tile_path("entries", 1)).name) if path.parent.name == "entries"]
    return sum(path.read_bytes().count(b'"m281"') == 2 for path in found)


def check(data: Path, key: Ed25519PrivateKey) -> str:
    """Take up what a kill left; recover it again where it is not taken up. Nothing is lost without a gap."""
    try:
        opened_and_closed(data, key)
        state = "taken up"
    except SetupError:
        recover(data, key)
        opened_and_closed(data, key)
        state = "given again"
    assert gaps(data), "it goes on, and does not say that records are missing"
    assert set(gaps(data)) == {"the disk was replaced"}
    assert originals(data) == 1
    vkey = Shelf(data / "audit", origin=ORIGIN, log_key=key, settings=SETTINGS).verifier_key()
    assert verify(data / "audit" / NAME, vkey).problems == []
    return state


@pytest.mark.real  # some fifty processes, ten seconds
def test_killed_at_any_step_it_can_be_given_again(broken: Path, tmp_path: Path, key: Ed25519PrivateKey) -> None:
    ended: list[int] = []
    states: list[str] = []
    for step in range(1, MOST_STEPS):
        data = Path(shutil.copytree(broken, tmp_path / f"step-{step}"))
        ended.append(killed_at(step, data, key))
        assert ended[-1] in (KILLED, DONE)
        states.append(check(data, key))
        shutil.rmtree(data)
        if ended[-1] == DONE:
            break

    assert ended[-1] == DONE
    assert ended.count(KILLED) > 20
    assert states.count("given again") > 15
    assert states[-1] == "taken up"


def test_nothing_is_bound_anew_before_the_gap_is_written(
    broken: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a crash right then would leave a log that is taken up, and does not say what it lost."""

    def fail(self: LogBook, details: dict[str, Any]) -> None:
        raise AuditUnavailable

    with monkeypatch.context() as failing:
        failing.setattr(LogBook, "tell_gap", fail)
        with pytest.raises(SetupError, match="The gap cannot be written"):
            recover(broken, key)

    with pytest.raises(SetupError, match="it was cut back or put back"):
        opened_and_closed(broken, key)
    assert check(broken, key) == "given again"
