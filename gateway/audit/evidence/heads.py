"""A choice of a log's signed heads: one a day would do for most questions, a head each second for months none needs.
Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.audit.log import layout
from gateway.audit.log.note import NoteError, parse_checkpoint, split_note


def chosen(history: bytes, size: int, wanted: Iterable[int]) -> bytes:
    """Return, in the form of ``checkpoints``, for each wanted size the first head that is not smaller, and the last.

    Args:
        history: the file ``checkpoints``.
        size: heads beyond this size are left out.
    """
    kept, left = b"", sorted({*wanted, size})
    for _, note in layout.notes(history):
        try:
            here = parse_checkpoint(split_note(note)[0]).size
        except NoteError:
            continue  # the verifier names it
        if here > size or not left:
            break
        if here >= left[0]:
            kept += note + b"\n"
            left = [each for each in left if each > here]
    return kept
