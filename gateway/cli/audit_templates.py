"""``sekisho audit templates``: documents to fill in that laws ask for, with what Sekisho does already written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError
from gateway.settings import SHIPPED

FOLDER = SHIPPED / "docs" / "compliance" / "templates"

_EXAMPLES = [
    "sekisho audit templates",
    "sekisho audit templates dpia --out dpia.md",
    "sekisho audit templates --out compliance/",
]
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\.md(?:#[^)]*)?\)")
_TITLE = re.compile(r"^# (?:Template: |Vorlage: )?(.+)$", re.MULTILINE)

Name = Annotated[str, typer.Argument(metavar="[NAME]", help="One of them; else all.")]
Out = Annotated[Path | None, typer.Option(metavar="PATH", help="File to write; of several, a folder.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def register(audit: typer.Typer) -> None:
    """Add the command to ``sekisho audit``."""
    command(audit, "templates", examples=_EXAMPLES)(templates)


def templates(session: Session, name: Name = "", out: Out = None, force: Force = False) -> None:
    """List or write the templates: record of processing, DPIA, PIPIA, transfer assessment, works agreement.

    They are Markdown. `[…]` is yours to fill in; the rest is what Sekisho does.
    """
    texts = _chosen(name)
    if out is None and name:
        session.output.result({"name": name, "text": texts[name]}, texts[name].rstrip())
        return
    if out is None:
        rows = [(each, title_of(text)) for each, text in texts.items()]
        data = [{"name": each, "title": title} for each, title in rows]
        session.output.table("Templates", ("name", "document"), rows, data)
        if not session.output.as_json:
            session.output.note("Write one: sekisho audit templates NAME --out FILE")
        return
    files = {out: texts[name]} if name and not out.is_dir() else {out / f"{each}.md": texts[each] for each in texts}
    _write(files, force=force)
    session.output.result({"files": [str(path) for path in files]}, *(f"Wrote {path}." for path in files))


def title_of(text: str) -> str:
    """Return what document a template is for."""
    found = _TITLE.search(text)
    return found[1] if found else ""


def _chosen(name: str) -> dict[str, str]:
    """Return the texts by name. Raises SetupError: there is none of that name, or none at all."""
    paths = sorted(FOLDER.glob("*.md"))
    if not paths:
        raise SetupError(
            f"This installation has no templates in {FOLDER}.", "Take them from docs/compliance/templates."
        )
    names = [path.stem for path in paths]
    if name and name not in names:
        raise SetupError(f"There is no template {name!r}.", f"Name one of: {', '.join(names)}.", exit_code=USED_WRONGLY)
    # links lead into the documentation, which does not lie beside a copy
    return {each.stem: _LINK.sub(r"\1", each.read_text(encoding="utf-8")) for each in paths if name in ("", each.stem)}


def _write(files: Mapping[Path, str], *, force: bool) -> None:
    """Write all or, where one of them is there already, none. Raises SetupError."""
    there = [path for path in files if path.exists()]
    if there and not force:
        problem = f"{', '.join(map(str, there))} {'exists' if len(there) == 1 else 'exist'}."
        raise SetupError(problem, "Use --force to replace what is there.", exit_code=USED_WRONGLY)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SetupError(f"{path} cannot be written ({error.strerror}).", "Check its folder and space.") from error
