"""A log that cannot be written shows in `audit status` and in `doctor`, whether its server runs or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.audit.log.trouble import DISK_FULL, MENDS, TAMPERED, Trouble, place

LOG = "plant/node/admin/default"


@pytest.fixture
def stopped(sekisho, house: Path) -> Path:
    """A house one of whose logs was cut while it was written."""
    assert sekisho("keys", "create", "--name", "one", "--tenant", "t").code == 0
    Trouble(LOG, place(house / ".sekisho/audit", LOG)).stop(TAMPERED, "tile/entries/000 was deleted")
    return house


@pytest.mark.usefixtures("stopped")
def test_status_says_which_log_stands_still_why_and_what_to_do(sekisho) -> None:
    said = sekisho("audit", "status")

    assert said.code == 1
    shown = " ".join((said.out + said.err).split())
    assert f"WRONG {LOG}: tile/entries/000 was deleted (audit.tampered); no requests are taken since" in shown
    assert MENDS[TAMPERED] in shown


@pytest.mark.usefixtures("stopped")
def test_status_says_it_to_programs_too(sekisho) -> None:
    said = sekisho("audit", "status", "--json")

    data = json.loads(said.out)
    assert (said.code, data["ok"]) == (1, False)
    (one,) = data["stopped"]
    assert (one["log"], one["code"], one["mend"]) == (LOG, TAMPERED, MENDS[TAMPERED])


@pytest.mark.usefixtures("stopped")
def test_doctor_fails_on_it(sekisho) -> None:
    checks = {each["name"]: each for each in json.loads(sekisho("doctor", "--json").out)["checks"]}

    found = checks["audit logs"]
    assert (found["state"], found["mend"]) == ("fails", MENDS[TAMPERED])


def test_it_is_said_no_more_once_it_is_over(sekisho, house: Path) -> None:
    assert sekisho("keys", "create", "--name", "one", "--tenant", "t").code == 0
    trouble = Trouble(LOG, place(house / ".sekisho/audit", LOG))
    trouble.wait(DISK_FULL, "its disk is full")
    assert sekisho("audit", "status").code == 1

    assert sekisho("keys", "create", "--name", "two", "--tenant", "t").code == 0  # opens the log, which tells the gap

    assert sekisho("audit", "status").code == 0
