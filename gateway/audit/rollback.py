"""Whether a log is gone, or older than what was seen of it, as after a backup was put back, or its end was cut off.

What was seen: the log's line in the site's heads, the copy of it in the folder of the state, and the heads that were
seen elsewhere (``witnesses.jsonl``). All lie on this machine, so they show what was put back in part, not what was put
back as a whole: that only the places show that keep heads, when the log is verified against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.audit.anchor import witnesses
from gateway.audit.log import copied_heads, site
from gateway.audit.log.growing import Tampered
from gateway.audit.log.note import Checkpoint
from gateway.audit.log.proof import Tiles


def gone(base: Path) -> dict[str, int]:
    """Return the logs of which the copied heads speak and which are not there: their names, how many records they had.

    Raises Tampered, OSError.
    """
    return {name: size for name, (size, _) in copied_heads.all_of(base).items() if not (base / name).is_dir()}


def require_newest(base: Path, folder: Path, head: Checkpoint, begin: int) -> None:
    """Raise Tampered when a larger head of this log was seen, or another one where this log has the same records.

    Args:
        head: the last signed head of the log, as it was taken up.
        begin: the first record that is still here; heads before it cannot be compared.

    Raises:
        OSError: what was seen cannot be read.
    """
    for where, size, root in seen(base, folder):
        if size > head.size:
            said = f"its last signed head has {head.size} records, {where} has {size}"
            raise Tampered(f"it was cut back or put back: {said}")
        if size > begin and _root(folder, size) not in (root, None):
            raise Tampered(f"it is another log: its first {size} records are not those of the head in {where}")


def seen(base: Path, folder: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield the newest heads of a log that were seen: where, size, root. Raises Tampered, OSError."""
    name = folder.relative_to(base).as_posix()
    bound = site.read(base, name.partition("/")[0]).get(name)
    if bound:
        yield site.HEADS, *bound
    copied = copied_heads.all_of(base).get(name)
    if copied and (not bound or copied[0] > bound[0]):
        yield f"state/{copied_heads.FOLDER}", *copied
    found, _ = witnesses.read(folder)
    newest = max(found, key=lambda witness: witness.size, default=None)
    if newest:
        yield f"{witnesses.FILE}, {newest.kind} {newest.place}", newest.size, newest.root


def _root(folder: Path, size: int) -> bytes | None:
    """Return the root over the first records, as the hash tiles have them; ``None`` where they do not reach."""
    try:
        return Tiles(folder).root(0, size)
    except (OSError, ValueError):
        return None
