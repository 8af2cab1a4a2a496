"""``sekisho doctor``: the checks of the book: no log is behind what was seen of it, none is kept for too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.cli.checks import Check
from gateway.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.settings import Settings


def logs_as_seen(settings: Settings) -> Check:
    """Whether every log still has the heads that were seen of it; looks at heads alone, not at records."""
    from gateway.audit.anchor.build import contradicted
    from gateway.audit.anchor.witnesses import published_size
    from gateway.audit.log.copied_heads import all_of, lost, place
    from gateway.audit.log.growing import Tampered
    from gateway.audit.log.site import read
    from gateway.audit.log.trouble import notes
    from gateway.audit.rollback import seen

    base, name = settings.data / "audit", "audit logs"
    for log, note in notes(base):
        said = f"{log}: {note.what} ({note.code}); no requests are taken since {note.since[:19]}Z"
        return Check(name, "fails", said, note.mend)
    try:
        known = {**all_of(base), **read(base, settings.site.name)}
        behind = [
            log
            for log in sorted(known)
            if published_size(base / log) < max(size for _, size, _ in seen(base, base / log))
        ]
    except (Tampered, OSError) as error:
        return Check(name, "fails", f"they cannot be compared with what was seen of them: {error}", "See its folder.")
    mend = "If a backup was put back, or records are lost: sekisho audit recover --reason …"
    for site in lost(base):
        return Check(name, "fails", f"the copy of their heads is gone: {place(base) / site}", mend)
    if behind:
        return Check(name, "fails", f"cut back, put back or gone: {', '.join(behind)}", mend)
    for folder, found in contradicted(settings):  # put back as a whole: what lies on this machine cannot tell
        return Check(name, "fails", f"{folder.relative_to(base)}: {found}", mend)
    return Check(name, "ok", f"{len(known)} as long as was seen of them" if known else "none yet")


def retention(settings: Settings) -> Check:
    """Whether any log holds records beyond their longest age, or is held."""
    from gateway.audit.log import hold as holds
    from gateway.audit.log.reader import logs

    base = settings.data / "audit"
    held, late = [], []
    for folder in logs(base):
        name = folder.relative_to(base).as_posix()
        try:
            if holds.read(folder):
                held.append(name)
            elif _is_late(folder, settings):
                late.append(name)
        except OSError as error:
            raise SetupError(f"{error.filename} cannot be read ({error.strerror}).", "Check path and mode.") from error
    if late:
        mend = "Run: sekisho audit prune, or set audit.prune; or hold them: sekisho audit hold set --reason …"
        return Check("retention", "warning", f"records beyond their longest age in {', '.join(late)}", mend)
    said = "no record is beyond its longest age"
    return Check("retention", "ok", f"{said}; under legal hold: {', '.join(held)}" if held else said)


def report_font(settings: Settings) -> Check:
    """Whether a report in the site's language has a font to carry along."""
    from gateway.audit.evidence.fonts import font_for, mend, needs_font
    from gateway.policy.words import language_of

    name, language = "report font", language_of(settings.site.language)
    if not needs_font(language):
        return Check(name, "ok", "none needed for the site's language")
    found = font_for(language)
    if found is None:
        return Check(
            name, "warning", f"no font for reports in {language}: a PDF relies on its reader's", mend(language)
        )
    return Check(name, "ok", str(found))


def _is_late(folder: Path, settings: Settings) -> bool:
    """Whether the whole first bundle is beyond the longest age: less than that is never pruned."""
    from gateway.audit.log.layout import BUNDLE_RECORDS
    from gateway.audit.log.pruning import plan
    from gateway.audit.log.reader import first_record

    longest = settings.audit.age(folder.name).longest_days
    if not longest:
        return False
    before, begin = datetime.now(UTC) - timedelta(days=longest), first_record(folder)
    return plan(folder, begin, begin + BUNDLE_RECORDS, before.isoformat().replace("+00:00", "Z")).first > begin
