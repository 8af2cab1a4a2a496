"""``sekisho audit anchor``: carry the logs' heads away by hand, and take back what was carried.

Whoever carries heads away, and where to, is on record first: in the running server's log, or, where there is none,
under the data folder's lock in that of the origin ``<site>/<node>/admin``. Then the head that covers that record too is
carried.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import operator, running_server
from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.anchor.cosign import WitnessKey
    from gateway.audit.anchor.door import Anchor
    from gateway.audit.anchor.heads import LogHead, SiteHead
    from gateway.audit.anchor.paper import Accepted
    from gateway.audit.anchor.witnesses import Witness
    from gateway.settings import Settings

EXAMPLES = [
    "sekisho audit anchor --to /media/stick",
    "sekisho audit anchor --qr head.svg",
    "sekisho audit anchor --qr -",
    "sekisho audit anchor --accept typed.txt --place 'safe of the auditor'",
    "sekisho audit anchor",
]

_SETTLE_SECONDS = 4.0
_PAUSE_SECONDS = 0.1
_STDIN = Path("-")

To = Annotated[
    Path | None, typer.Option("--to", metavar="DIR", help="Append the heads to SITE.heads there: a stick, a share.")
]
Qr = Annotated[
    Path | None, typer.Option("--qr", metavar="FILE", help="Write the site's head to print, as SVG; -: show it here.")
]
Accept = Annotated[
    Path | None,
    typer.Option("--accept", metavar="FILE", help="Check a head that comes back, and let it count; -: typed."),
]
SameDisk = Annotated[bool, typer.Option("--same-disk", help="With --to: a folder on the log's own disk, all the same.")]
Kind = Annotated[str, typer.Option("--kind", help="With --accept: how it was kept: paper, media or file.")]
Place = Annotated[str, typer.Option("--place", help="With --accept: where it was kept, in your words.")]
WitnessKeys = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="KEY", help="With --accept: key of a node that cosigned; a line or file."),
]


def anchor(
    session: Session,
    to: To = None,
    qr: Qr = None,
    accept: Accept = None,
    same_disk: SameDisk = False,
    kind: Kind = "paper",
    place: Place = "",
    witness: WitnessKeys = None,
) -> None:
    """Carry the signed heads of all logs away, or take one back. Without options: to all of audit.anchors, once.

    A log is only as good as the heads that left this machine: what follows the last of them could be changed unseen.
    """
    if sum(each is not None for each in (to, qr, accept)) > 1:
        raise SetupError("--to, --qr and --accept are three things.", "Give one of them.", exit_code=USED_WRONGLY)
    if to is not None:
        _to_media(session, to, same_disk)
    elif qr is not None:
        _to_paper(session, qr)
    elif accept is not None:
        _take_back(session, accept, kind, place, witness or [])
    else:
        _to_all(session)


# --- away


def _to_media(session: Session, folder: Path, same_disk: bool) -> None:
    from gateway.audit.anchor.file import FileAnchor

    settings = session.settings
    if not folder.is_dir():
        raise SetupError(
            f"There is no folder {folder}.", "Mount the medium, or check the path.", exit_code=USED_WRONGLY
        )
    path = folder.resolve() / f"{settings.site.name}.heads"
    medium = FileAnchor(path, settings.data, same_disk=same_disk, kind="media")
    with session.output.progress(f"Carrying heads to {path}"):
        with _told():
            medium.refuse_same_disk()
        _on_record(settings, "media", str(path))
        found = _delivered(settings, medium)
    _report(session, [(medium, found)])


def _to_all(session: Session) -> None:
    from gateway.audit.anchor.build import anchors_of

    settings = session.settings
    if running_server(settings.run) is not None:
        mend = "See: sekisho audit status. By hand: sekisho audit anchor --to DIR"
        raise SetupError("The running server brings heads to audit.anchors itself.", mend, exit_code=USED_WRONGLY)
    places = [each.anchor for each in anchors_of(settings)]
    if not places:
        mend = "Set audit.anchors in sekisho.yaml, or carry by hand: --to DIR, --qr FILE."
        raise SetupError("No anchor is set up.", mend, exit_code=USED_WRONGLY)
    with session.output.progress("Carrying heads away"), data_lock(settings.state):
        found = [(place, _delivered(settings, place)) for place in places]
        for place in places:
            place.close()
    _report(session, found)


def _to_paper(session: Session, out: Path) -> None:
    from gateway.audit.anchor import paper, sheet
    from gateway.audit.anchor.heads import now

    settings = session.settings
    with session.output.progress("Signing the head to print"):
        _on_record(settings, "paper", "" if out == _STDIN else str(out.absolute()))
        head = _site_head(settings)
    text = paper.printed(head)
    try:
        paper.keep_lines(settings.data / "audit", settings.site.name, head)
        if out != _STDIN:
            out.write_text(sheet.svg(text, f"Sekisho {settings.site.name}: head of the audit logs", now()), "utf-8")
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be written ({error.strerror}).", "Check its folder.") from error
    data = {"site": settings.site.name, "text": text, "out": None if out == _STDIN else str(out)}
    shown = [sheet.terminal(text), text] if out == _STDIN else [f"Wrote {out}. Print it, date it, keep it elsewhere."]
    session.output.result(
        data, *shown, "It counts once it comes back: sekisho audit anchor --accept FILE --place WHERE"
    )


def _delivered(settings: Settings, place: Anchor) -> list[tuple[LogHead, Witness]]:
    from gateway.audit.anchor.heads import log_heads
    from gateway.audit.anchor.office import write_down

    with _told():
        found = place.deliver(log_heads(settings.data / "audit"))
        write_down(found)
    return found


def _site_head(settings: Settings) -> SiteHead:
    from gateway.audit.anchor.heads import site_head

    with _told():
        head = site_head(settings.data / "audit", settings.site.name)
    if head is None:
        raise SetupError("This site's logs have no common head yet.", "The first start or change makes one.")
    return head


def _on_record(settings: Settings, kind: str, place: str, event: str = "admin.heads_carried") -> None:
    """Put on record what is about to happen, and return once heads that cover it are published."""
    before = _sizes(settings)
    server = running_server(settings.run)
    if server is not None:
        server.post("audit/carried", {"event": event, "kind": kind, "place": place})
        _settle(settings, before)
        return
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(event, by=operator(), kind=kind, place=place)
        asyncio.run(book.durable())


def _settle(settings: Settings, before: dict[str, int]) -> None:
    """Wait until the server has signed a newer head, and bound it with the others; not for ever."""
    from gateway.audit.anchor.heads import site_head
    from gateway.audit.log.note import NoteError

    base, deadline = settings.data / "audit", time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        sizes = _sizes(settings)
        try:
            bound = site_head(base, settings.site.name)
        except (NoteError, OSError):
            bound = None
        if sizes != before and bound and {name: size for name, size, _ in bound.sizes()} == sizes:
            return
        time.sleep(_PAUSE_SECONDS)


def _sizes(settings: Settings) -> dict[str, int]:
    from gateway.audit.anchor.heads import log_heads

    with _told():
        return {head.name: head.size for head in log_heads(settings.data / "audit")}


def _report(session: Session, found: Sequence[tuple[Anchor, list[tuple[LogHead, Witness]]]]) -> None:
    places = [
        {
            "kind": place.kind,
            "place": place.place,
            "heads": [{"log": head.name, "size": head.size, "root": head.checkpoint.root.hex()} for head, _ in heads],
        }
        for place, heads in found
    ]
    rows = [(head.name, str(head.size), place.kind, place.place) for place, heads in found for head, _ in heads]
    session.output.table(
        "Carried away", ("log", "records", "kind", "place"), rows, {"places": places}, "Every head was there already."
    )


# --- back


def _take_back(session: Session, source: Path, kind: str, place: str, keys: Sequence[str]) -> None:
    from gateway.audit.anchor.build import public_keys
    from gateway.audit.anchor.paper import accept
    from gateway.audit.anchor.witnesses import append

    settings = session.settings
    if kind not in ("paper", "media", "file"):
        raise SetupError(f"{kind!r} is no kind.", "Use --kind paper, media or file.", exit_code=USED_WRONGLY)
    text = _text_of(source)
    known = _known_witnesses(settings, keys)
    with _told():
        back = accept(
            text,
            settings.data / "audit",
            settings.site.name,
            trusted=public_keys(settings),
            witnesses=known,
            kind=kind,
            place=place or (source.name if source != _STDIN else "typed"),
        )
    if back.heads:
        _on_record(settings, kind, place, "admin.heads_accepted")
        for folder, witness in back.heads:
            append(folder, [witness])
    _tell(session, settings, back)
    if back.wrong:
        raise typer.Exit(ANSWERED_NO)


def _tell(session: Session, settings: Settings, back: Accepted) -> None:
    base = settings.data / "audit"
    good = [(folder.relative_to(base).as_posix(), witness) for folder, witness in back.heads]
    data = {
        "ok": not back.wrong,
        "accepted": [{"log": name, "size": w.size, "kind": w.kind, "place": w.place} for name, w in good],
        "wrong": [{"log": name, "size": size, "problem": what} for name, size, what in back.wrong],
    }
    lines = [f"ok     {name}: its first {w.size} records are those, seen by {w.kind} {w.place}" for name, w in good]
    lines += [f"WRONG  {name}, {size} records: {what}" for name, size, what in back.wrong]
    session.output.result(data, *lines)


def _text_of(source: Path) -> str:
    try:
        return sys.stdin.read() if source == _STDIN else source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{source} cannot be read.", "Give a text file, or - to type.", exit_code=USED_WRONGLY
        ) from error


def _known_witnesses(settings: Settings, keys: Sequence[str]) -> list[WitnessKey]:
    from gateway.audit.anchor.build import witness_key, witness_keys

    with _told():
        return [*witness_keys(settings), *(witness_key(key, Path()) for key in keys)]


@contextmanager
def _told() -> Iterator[None]:
    """Tell what goes wrong as an error of the command line."""
    from gateway.audit.anchor.door import AnchorTrouble
    from gateway.audit.log.note import NoteError

    try:
        yield
    except AnchorTrouble as trouble:
        raise SetupError(str(trouble), trouble.mend) from trouble
    except NoteError as error:
        raise SetupError(f"That head cannot be used: {error}.", "Check it against what was printed.") from error
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise SetupError(f"{error.filename or 'The place'} cannot be used ({what}).", "Check path and mode.") from error
