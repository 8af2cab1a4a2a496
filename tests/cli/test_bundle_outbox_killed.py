"""``sekisho bundle outbox create``, ended by SIGKILL at each of its steps on the disk: nothing half, no number lost.

A child of this process makes the next file and is killed by itself right before it opens, makes, renames or removes
something of the outbox: in the folder that is carried out, or its note in ``state/``. Each step is tried once, in
order, and after each kill the next call must put all right.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import quarter

from gateway import settings
from gateway.audit.book import LogBook
from gateway.cli import bundle_outbox
from gateway.keys.opening import open_keyring

pytestmark = pytest.mark.real

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link")
MOST_STEPS = 60
KILLED, DONE = -signal.SIGKILL, 0


class Assassin:
    """An audit hook (PEP 578) that kills its process right before step ``at``; the first is 1."""

    def __init__(self, at: int, *places: Path) -> None:
        self.left, self.places = at, tuple(str(place) for place in places)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STEPS or not isinstance(arguments[0], str | os.PathLike):
            return
        if os.fspath(arguments[0]).startswith(self.places):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


def create(sekisho: Any, stick: Path, kill_at: int) -> int:
    """Make the next file in a child. Returns how it ended, as :attr:`subprocess.Popen.returncode` says it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            sys.addaudithook(Assassin(kill_at, stick, settings.load(None).state / "outbox"))
            code = sekisho("bundle", "outbox", "create", "--out", str(stick)).code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def stick(house: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, of a site whose log has a day's records."""
    here = settings.load(None)
    book = LogBook(here.data / "audit", origin=here.origin, log_key=open_keyring(here).log_keys(), settings=here.audit)
    book.open()
    with quarter.clock() as time:
        quarter.write(book, time, days=1, each_day=2)
    book.close()
    monkeypatch.setattr(bundle_outbox, "_SETTLED", timedelta(0))
    (house / "stick").mkdir()
    return house / "stick"


def given(sekisho: Any, stick: Path) -> list[int]:
    """Return the numbers of the files that can be seen, all of which hold together."""
    vkey = settings.load(None).keys / "log.vkey"
    said = sekisho("bundle", "outbox", "verify", str(stick), "--key", str(vkey), "--site", "plant", "--json")
    assert (said.code, said.json["findings"]) == (0, [])
    return sorted(int(path.stem[-6:]) for path in stick.glob("outbox-*.zip"))


def test_killed_at_any_step_it_leaves_nothing_half_and_loses_no_number(sekisho: Any, stick: Path) -> None:
    # in this process, so that no child has to import anything; and there is one that the next must name
    assert sekisho("bundle", "outbox", "create", "--out", str(stick)).code == 0
    ended, seen = [], 1
    for step in range(1, MOST_STEPS):
        ended.append(create(sekisho, stick, step))
        assert ended[-1] in (KILLED, DONE)
        after_kill = given(sekisho, stick)
        assert len(after_kill) in (seen, seen + 1)  # whole or not at all
        if ended[-1] == DONE:
            break
        assert create(sekisho, stick, 10**9) == DONE
        numbers = given(sekisho, stick)
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > seen
        assert {path.name for path in stick.iterdir() if path.name.startswith(".")} == set()
        seen = len(numbers)

    assert ended[-1] == DONE
    assert ended.count(KILLED) > 8
