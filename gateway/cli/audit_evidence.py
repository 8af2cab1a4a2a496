"""``sekisho audit export --format evidence``: the pack that a compliance officer hands over.

A pack is signed by the log's key, and is itself on record before the signature is made, as every export is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.document import Language
    from gateway.audit.evidence.pack import Pack, PackKeys
    from gateway.settings import Settings


@dataclass(frozen=True)
class EvidenceWish:
    """What was asked for on the command line. ``logs`` are folders; ``words`` are those of the filter, times too."""

    out: Path
    logs: Sequence[Path]
    words: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    pdf: bool = True
    force: bool = False
    font: Path | None = None


def export_evidence(session: Session, wish: EvidenceWish) -> None:
    """Write the pack and say what is in it.

    Raises:
        SetupError: used wrongly, or a log cannot be exported.
    """
    from gateway.audit.evidence.fonts import font_for, mend, needs_font

    language = _language(wish.language, session.settings.site.language)
    if wish.out.suffix.lower() != ".zip":
        raise SetupError("An evidence pack is a ZIP archive.", "Give --out PACK.zip", exit_code=USED_WRONGLY)
    if wish.out.exists() and not wish.force:
        raise SetupError(f"{wish.out} exists.", "Use --force to replace it.", exit_code=USED_WRONGLY)
    font = wish.font or font_for(language)
    try:
        with session.output.bar(f"Packing {len(wish.logs)} logs") as progress:
            done = _make(session.settings, replace(wish, font=font), language, progress)
    except OSError as error:
        raise SetupError(f"{wish.out} cannot be written ({error.strerror}).", "Check its folder and space.") from error
    _tell(session, done)
    if wish.pdf and font is None and needs_font(language):
        session.output.note(f"The PDF has no font for its language in it. To put one in: {mend(language)}")


def _make(settings: Settings, wish: EvidenceWish, language: Language, progress: Any) -> Pack:
    from gateway.audit.evidence.pack import Wish, make
    from gateway.cli.audit_export import filter_of
    from gateway.cli.evidence_house import PackHouse

    wanted = Wish(
        logs=wish.logs,
        site=settings.site.name,
        language=language,
        wanted=filter_of(wish.words, settings.zone),
        pdf=wish.pdf,
        font=wish.font,
    )
    return make(wanted, wish.out, _keys(settings), PackHouse(settings), progress)


def _language(wanted: str, site: str) -> Language:
    """Return the language of a report: the one that was asked for, else the site's, else English.

    Raises:
        SetupError: there are no texts in the language that was asked for.
    """
    from gateway.audit.evidence.words import LANGUAGES
    from gateway.policy.words import language_of

    found = language_of(wanted or site)
    if wanted and not wanted.lower().startswith(found):
        mend = f"Give one of: {', '.join(LANGUAGES)}."
        raise SetupError(f"There are no texts in {wanted!r}.", mend, exit_code=USED_WRONGLY)
    return next(each for each in LANGUAGES if each == found)


def _tell(session: Session, done: Pack) -> None:
    data = {
        "out": str(done.out),
        "records": done.records,
        "files": done.files,
        "bytes": done.bytes,
        "unwitnessed": done.unwitnessed,
        "left_out": list(done.left_out),
    }
    lines = [f"Wrote {done.out}: {done.files} files, {done.records} records, {done.bytes} bytes."]
    if done.unwitnessed:
        lines.append(f"{done.unwitnessed} records are not witnessed outside this machine; the report says so.")
    lines += [f"Left out: {what}" for what in done.left_out]
    lines.append(f"Check it anywhere: sekisho audit verify {done.out}, or with the verify.py in it.")
    lines.append("Hand over the public key (keys/log.vkey) apart from the pack.")
    session.output.result(data, *lines)


# --- who signs


def _keys(settings: Settings) -> PackKeys:
    from gateway.audit.evidence.pack import PackKeys
    from gateway.cli.audit_export import signing_keys

    return PackKeys(signing_keys(settings), lambda payload: _sealed(settings, payload))


def _sealed(settings: Settings, payload: bytes) -> bytes:
    """Return the envelope of a pack's manifest. That it is made is on record first."""
    server = running_server(settings.run)
    return _sealed_by_server(server, payload) if server else _sealed_here(settings, payload)


def _sealed_by_server(server: Server, payload: bytes) -> bytes:
    from gateway.audit.evidence.manifest import envelope
    from gateway.audit.export.manifest import to_bytes, to_text

    signed = server.post("audit/evidence", {"manifest": to_text(payload)})
    return envelope(payload, signed["keyid"], to_bytes(signed["sig"]))


def _sealed_here(settings: Settings, payload: bytes) -> bytes:
    from gateway.audit.evidence.manifest import envelope, signed_bytes
    from gateway.audit.evidence.office import EVENT, KEY_NAME, checked, summary
    from gateway.audit.log.note import Signer
    from gateway.audit.log.succession import verifiers
    from gateway.keys.opening import open_keyring

    keys = open_keyring(settings).log_keys()
    said = checked(payload, verifiers(KEY_NAME, keys))
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(EVENT, by=operator(), details=summary(said, payload))
        asyncio.run(book.durable())
        signer = Signer(KEY_NAME, keys.signing[0])
        return envelope(payload, signer.key_name, signer.sign_bytes(signed_bytes(payload)))
