"""The order of an update, and the end of one that was interrupted.

Rules:

1. The journal names a step before the step begins. What a step does may therefore be half done, or not at all, when
   its name is read again; each can be repeated.
2. Before ``switch`` the old version runs: whatever ends there removes what was staged, and nothing else.
3. From ``switch`` on the new one is watched. Healthy: it is accepted. Else the link goes back, and so does what runs.
4. Accepting comes last: a site that went back may be given the same update again.
5. How it ended is told for the audit log before the journal is cleared, and told again changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update import link
from gateway.bundle.update.journal import BEFORE_SWITCH, Entry, Journal, Step
from gateway.bundle.update.told import Kind

_CODE = re.compile(r"\[(bundle\.[a-z_]+)\]$")  # with which each refusal's sentence ends


class Steps(Protocol):
    """What the order calls. Each may be called again after it was interrupted; each may raise."""

    def store(self) -> None:
        """Put the parts into the store, verified."""

    def stage(self, folder: str) -> None:
        """Make ``versions/<folder>``, whole and on stable storage when this returns."""

    def trials(self, folder: str) -> None:
        """Try the staged version beside the one that runs. Raises BundleRefused."""

    def restart(self) -> None:
        """Let what ``current`` points to be what runs."""

    def watch(self) -> None:
        """Watch for as long as it takes to tell that it is healthy. Raises BundleRefused: it is not, and why."""

    def accept(self, folder: str, snapshot: int) -> None:
        """Write what is trusted from now on."""

    def sweep(self, folder: str) -> None:
        """Remove a version that does not run, and what of the store no version names."""

    def tell(self, entry: Entry, kind: Kind, why: str = "") -> None:
        """Leave word of how it ended, for the audit log. Told again of the same entry, it changes nothing."""


@dataclass(frozen=True)
class Outcome:
    """How it ended: ``kept`` the new one runs, ``back`` the old one does again, ``removed`` it never stopped."""

    how: Literal["kept", "back", "removed", "nothing"]
    runs: str
    why: str = ""


def update(prefix: Path, steps: Steps, fresh: str, snapshot: int, release: str = "", by: str = "") -> Outcome:
    """Carry out a whole update. The caller holds the journal.

    Args:
        fresh: the folder of the version to be.
        snapshot: the version of the snapshot that will be accepted.
        release: SHA-256 of its ``release.json``.
        by: who gave it.

    Raises:
        BundleRefused: before the switch; nothing was changed.
        OSError: likewise.
    """
    journal, old = Journal(prefix), link.current(prefix)
    if journal.read() is not None:
        raise BundleRefused("bundle.busy", "An interrupted update is not ended yet.")
    if (prefix / "versions" / fresh).exists():  # it would be swept, were this update to fail
        raise BundleRefused("bundle.older", f"{fresh} is installed here already.")
    entry = Entry(step="store", fresh=fresh, old=old, snapshot=snapshot, release=release, by=by)
    try:
        journal.write(entry)
        steps.store()
        journal.write(_at(entry, "stage"))
        steps.stage(fresh)
        journal.write(_at(entry, "trials"))
        steps.trials(fresh)
    except Exception as problem:  # the border of an update: whatever it was, what was staged goes
        steps.sweep(fresh)
        steps.tell(
            entry, "update.refused", problem.code if isinstance(problem, BundleRefused) else type(problem).__name__
        )
        journal.clear()
        raise
    return _switch(prefix, journal, steps, entry)


def go_to(prefix: Path, steps: Steps, folder: str, by: str = "") -> Outcome:
    """Switch to a version that is installed already, as `rollback` does; what is trusted stays as it is.

    Raises:
        BundleRefused: there is none such, or an update is not ended yet.
    """
    journal, old = Journal(prefix), link.current(prefix)
    if journal.read() is not None:
        raise BundleRefused("bundle.busy", "An interrupted update is not ended yet.")
    if folder == old or not (prefix / "versions" / folder).is_dir():
        raise BundleRefused("bundle.base_missing", f"There is no other version {folder} here.")
    return _switch(prefix, journal, steps, Entry(step="switch", fresh=folder, old=old, snapshot=0, by=by))


def recover(prefix: Path, steps: Steps) -> Outcome:
    """End an update that was interrupted. The caller holds the journal.

    Raises:
        BundleRefused: the journal cannot be understood.
        OSError: it goes on with the next call.
    """
    journal = Journal(prefix)
    entry, runs = journal.read(), link.current(prefix)
    if entry is None:
        return Outcome("nothing", runs)
    if runs != entry.fresh and (entry.step in BEFORE_SWITCH or entry.step == "switch"):
        _sweep(steps, entry)
        steps.tell(entry, "update.interrupted")
        journal.clear()
        return Outcome("removed", runs, "It was interrupted before the switch.")
    if entry.step == "back":
        return _back(prefix, journal, steps, entry)
    if entry.step == "accept":
        return _accept(journal, steps, entry)
    return _watch(prefix, journal, steps, entry)


def _switch(prefix: Path, journal: Journal, steps: Steps, entry: Entry) -> Outcome:
    journal.write(_at(entry, "switch"))
    try:
        link.point(prefix, entry.fresh)
    except OSError as problem:
        _sweep(steps, entry)
        steps.tell(entry, "update.refused", type(problem).__name__)
        journal.clear()
        raise
    return _watch(prefix, journal, steps, entry)


def _watch(prefix: Path, journal: Journal, steps: Steps, entry: Entry) -> Outcome:
    why = ""
    try:
        journal.write(_at(entry, "restart"))
        steps.restart()
        journal.write(_at(entry, "watch"))
        steps.watch()
    except BundleRefused as problem:
        why = problem.problem
    except Exception as problem:  # the border of an update: a watch that fails is no health
        why = f"Its watch ended in {type(problem).__name__}."
    if why:
        return _back(prefix, journal, steps, msgspec.structs.replace(entry, why=why))
    return _accept(journal, steps, entry)


def _accept(journal: Journal, steps: Steps, entry: Entry) -> Outcome:
    journal.write(_at(entry, "accept"))
    steps.accept(entry.fresh, entry.snapshot)
    steps.tell(entry, "update.accepted" if entry.snapshot else "update.rolled_back")
    journal.clear()
    return Outcome("kept", entry.fresh)


def _back(prefix: Path, journal: Journal, steps: Steps, entry: Entry) -> Outcome:
    journal.write(_at(entry, "back"))
    link.point(prefix, entry.old)
    steps.restart()
    _sweep(steps, entry)
    steps.tell(entry, "update.reverted", _for_the_log(entry.why))
    journal.clear()
    return Outcome("back", entry.old, entry.why)


def _sweep(steps: Steps, entry: Entry) -> None:
    """Remove what an update staged; a version that one went back to was there before, and stays."""
    if entry.snapshot:
        steps.sweep(entry.fresh)


def _for_the_log(why: str) -> str:
    """Of a refusal its code alone: its sentence may quote what a program of this site said."""
    refused = _CODE.search(why)
    return refused[1] if refused else why


def _at(entry: Entry, step: Step) -> Entry:
    return msgspec.structs.replace(entry, step=step)
