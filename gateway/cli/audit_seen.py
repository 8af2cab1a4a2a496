"""Heads of this house's logs that others hold, for ``sekisho audit verify``: what a roll-back is seen by.

Taken are heads that nobody can make on this machine unseen: those in the files on other media that ``audit.anchors``
names, read where they lie, and those that a second node cosigned, by its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.audit.anchor.cosign import WitnessKey
    from gateway.audit.verify import Point
    from gateway.settings import Settings


def seen_elsewhere(settings: Settings, notes: list[str]) -> list[Point]:
    """Return the heads that were seen elsewhere. What cannot be reached, or does not hold, is said in ``notes``.

    Raises:
        SetupError: ``audit.anchors`` names a key that is none.
    """
    from gateway.audit.anchor.build import heads_files, public_keys, witness_keys
    from gateway.audit.log.reader import logs
    from gateway.audit.log.site import log_origin

    base, keys = settings.data / "audit", witness_keys(settings)
    public = public_keys(settings)
    points: list[Point] = []
    for folder in logs(base):
        origin = log_origin(*folder.relative_to(base).as_posix().rsplit("/", 1))
        points += _cosigned(folder, origin, keys, notes)
        for path in heads_files(settings):
            points += _on_media(path, origin, public, notes)
    return points


def _on_media(path: Path, origin: str, public: list[bytes], notes: list[str]) -> Iterator[Point]:
    from gateway.audit.anchor.compare import heads_at
    from gateway.audit.log.note import Verifier
    from gateway.audit.verify import Point

    try:
        for head in heads_at(path, [Verifier(origin, each) for each in public], origin):
            yield Point(head.size, head.root, str(path), origin)
    except OSError as error:
        note = f"{path} was not looked into: {error.strerror or type(error).__name__}"
        if note not in notes:
            notes.append(note)


def _cosigned(folder: Path, origin: str, keys: list[WitnessKey], notes: list[str]) -> Iterator[Point]:
    from gateway.audit.anchor.compare import cosigned_by
    from gateway.audit.anchor.witnesses import read
    from gateway.audit.log.note import NoteError
    from gateway.audit.verify import Point

    for witness in read(folder)[0]:
        try:
            if cosigned_by(witness, origin, keys):
                yield Point(witness.size, witness.root, f"the cosignature of {witness.place}", origin, witness.time)
        except NoteError:
            notes.append(f"{origin}: a cosignature of {witness.place} for {witness.size} records does not hold")
