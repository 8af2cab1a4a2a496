"""``sekisho audit export --format evidence``: the pack that a compliance officer hands over.

A pack is signed by the log's key, and is itself on record before the signature is made, as every export is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.evidence_signing import pack_keys, report_language
from gateway.cli.session import USED_WRONGLY, Session
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.document import Language
    from gateway.audit.evidence.pack import Pack
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

    language = report_language(wish.language, session.settings.site.language)
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
    return make(wanted, wish.out, pack_keys(settings), PackHouse(settings), progress)


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
