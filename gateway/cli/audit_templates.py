"""``sekisho audit templates``: documents that laws ask for, filled from this installation, or blank.

What documents were made is itself on record, with who made them and their digests, before one is written: in the
running server's log, or, where there is none, under the data folder's lock in that of ``<site>/<node>/admin``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import gateway.audit.evidence
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError
from gateway.settings import SHIPPED

if TYPE_CHECKING:
    from gateway.audit.evidence.document import Document, Language

FOLDER = SHIPPED / "docs" / "compliance" / "templates"
TRANSLATED = Path(gateway.audit.evidence.__file__).with_name("pages")
"""The same pages in other languages, which no native speaker has read."""

_EXAMPLES = [
    "sekisho audit templates",
    "sekisho audit templates dpia --lang en --out compliance/",
    "sekisho audit templates --all --out compliance/ --reason 'yearly review'",
    "sekisho audit templates pipia --blank --out compliance/",
]
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\.md(?:#[^)]*)?\)")
_TITLE = re.compile(r"^# (?:Template: |Vorlage: |様式：|模板：)?(.+)$", re.MULTILINE)
_GERMAN_AGREEMENT = "betriebsvereinbarung"
_LONGEST_REASON = 200


def _kinds(incomplete: str) -> list[str]:
    from gateway.audit.evidence.filled import KINDS_OF_DOCUMENT

    return [name for name in KINDS_OF_DOCUMENT if name.startswith(incomplete)]


Kinds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KIND]...", help="Which; none: they are listed.", autocompletion=_kinds),
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Lang = Annotated[str, typer.Option("--lang", help="en, de, ja or zh; else the site's language.")]
Out = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write them, as Markdown and HTML.")]
Blank = Annotated[bool, typer.Option("--blank", help="Nothing filled in: the form as it stands, Markdown.")]
Reason = Annotated[str, typer.Option(help="Why they are made; it goes on record.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def register(audit: typer.Typer) -> None:
    """Add the command to ``sekisho audit``."""
    command(audit, "templates", examples=_EXAMPLES)(templates)


def templates(
    session: Session,
    kinds: Kinds = None,
    all_of_them: All = False,
    lang: Lang = "",
    out: Out = None,
    blank: Blank = False,
    reason: Reason = "",
    force: Force = False,
) -> None:
    """Fill documents that laws ask for from this installation: record of processing, DPIA, PIPIA and others.

    Each statement names where it can be checked. What only people can say stays a field in brackets.
    """
    if not kinds and not all_of_them:
        if out is not None or blank or reason:
            raise SetupError("Say which documents.", "Name them, or give --all.", exit_code=USED_WRONGLY)
        _list(session)
        return
    language = _language(session, lang)
    texts = _texts(kinds or [], language, blank=blank)
    if out is None:
        raise SetupError("Say where to write them.", "Give --out FOLDER.", exit_code=USED_WRONGLY)
    if len(reason) > _LONGEST_REASON:
        raise SetupError(f"A reason has {_LONGEST_REASON} characters at most.", "Shorten it.", exit_code=USED_WRONGLY)
    files = {f"{name}.md": _LINK.sub(r"\1", text).encode() for name, text in texts.items()}
    if not blank:
        files = _filled(session, texts, language)
    paths = {out / name: content for name, content in files.items()}
    _refuse_replacing(paths, force=force)
    if not blank:
        _on_record(session, files, language, reason)
    _write(paths)
    data = {"language": language, "blank": blank, "files": [str(path) for path in paths]}
    session.output.result(data, *(f"Wrote {path}." for path in paths))


def title_of(text: str) -> str:
    """Return what document a template is for."""
    found = _TITLE.search(text)
    return found[1] if found else ""


def _list(session: Session) -> None:
    from gateway.audit.evidence.filled import KINDS_OF_DOCUMENT

    rows = [(name, title_of(_text_of(name, "en"))) for name in KINDS_OF_DOCUMENT]
    data = [{"name": name, "title": title} for name, title in rows]
    session.output.table("Templates", ("name", "document"), rows, data)
    if not session.output.as_json:
        session.output.note("Fill one: sekisho audit templates NAME --out FOLDER")


def _language(session: Session, wanted: str) -> Language:
    from gateway.cli.evidence_signing import report_language

    return report_language(wanted, session.settings.site.language if not wanted else "")


def _texts(kinds: list[str], language: Language, *, blank: bool) -> dict[str, str]:
    """Return the pages by name, all of them where none is named. Raises SetupError: there is none of that name."""
    from gateway.audit.evidence.filled import KINDS_OF_DOCUMENT

    for name in kinds:
        if name not in KINDS_OF_DOCUMENT:
            mend = f"Name of these: {', '.join(KINDS_OF_DOCUMENT)}."
            raise SetupError(f"There is no template {name!r}.", mend, exit_code=USED_WRONGLY)
    return {name: _text_of(name, language) for name in KINDS_OF_DOCUMENT if not kinds or name in kinds}


def page_of(name: str, language: str) -> Path:
    """Return the file of a page; the German works agreement has a name of its own."""
    if (name, language) == ("works-agreement", "de"):
        return FOLDER / f"{_GERMAN_AGREEMENT}.md"
    return FOLDER / f"{name}.md" if language == "en" else TRANSLATED / language / f"{name}.md"


def _text_of(name: str, language: str) -> str:
    path = page_of(name, language)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if not page_of(name, "en").is_file():
            problem = f"This installation has no templates in {FOLDER}."
            raise SetupError(problem, "Take them from docs/compliance/templates.") from error
        problem = f"There is no {name} in the language {language}."
        raise SetupError(problem, "Give --lang en.", exit_code=USED_WRONGLY) from error


def _filled(session: Session, texts: Mapping[str, str], language: Language) -> dict[str, bytes]:
    """Return the documents by file name: Markdown, and a page that loads nothing."""
    from gateway.audit.evidence import html, markdown

    made: dict[str, bytes] = {}
    for name, document in _documents(session, texts, language).items():
        made[f"{name}.md"] = markdown.render(document)
        made[f"{name}.html"] = html.render(document)
    return made


def _documents(session: Session, texts: Mapping[str, str], language: Language) -> dict[str, Document]:
    from gateway import __version__
    from gateway.audit.evidence.filled import KINDS_OF_DOCUMENT, Given, document
    from gateway.audit.evidence.findings import Findings
    from gateway.audit.evidence.manifest import About
    from gateway.audit.evidence.pen import Pen
    from gateway.cli import template_facts, template_log
    from gateway.cli.evidence_house import PackHouse

    settings, release = session.settings, f"sekisho {__version__}"
    with session.output.bar("Reading the log") as progress:
        read = template_log.read(settings, progress)
    groups = {**template_facts.gather(settings, language), **template_log.facts(read)}
    about = About(settings.site.name, language, "", "", {}, "", release)
    findings = Findings(about, "", (), read.tally, {}, ()) if read else None
    last = tuple(source for _, source in sorted(read.last.items())) if read else ()
    pen, now = Pen(language, PackHouse(settings)), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = {
        name: Given(KINDS_OF_DOCUMENT[name], text, groups, findings, now, last, release) for name, text in texts.items()
    }
    return {name: document(each, pen) for name, each in given.items()}


def _on_record(session: Session, files: Mapping[str, bytes], language: str, reason: str) -> None:
    """Put on record who made which documents, and why, before one is written. Raises SetupError: it cannot be."""
    from gateway.cli.audit_search import on_record

    digests = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in files.items()]
    said: dict[str, str | list[str]] = {"documents": digests, "language": language}
    on_record(session.settings, "documents", said | ({"reason": reason} if reason else {}), None)


def _refuse_replacing(paths: Mapping[Path, bytes], *, force: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not force:
        problem = f"{', '.join(map(str, there))} {'exists' if len(there) == 1 else 'exist'}."
        raise SetupError(problem, "Use --force to replace what is there.", exit_code=USED_WRONGLY)


def _write(paths: Mapping[Path, bytes]) -> None:
    for path, content in paths.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise SetupError(f"{path} cannot be written ({error.strerror}).", "Check its folder and space.") from error
