"""``sekisho policy render | lint`` and ``sekisho policy table export | import``: the rule table for people.

``rules.csv`` is the source of truth; a workbook is a way to edit it. None of this changes what is in force.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.policy.facts import Rulebook
    from gateway.policy.table.lint import Remark
    from gateway.settings import Settings

tables = group("table", "The rule table as a workbook (XLSX), for those who do not edit CSV.")

LangOption = Annotated[str, typer.Option("--lang", help="en, de, ja or zh. [default: the site's language]")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def register(app: typer.Typer) -> None:
    """Add these commands to ``sekisho policy``."""
    examples = ["sekisho policy render", "sekisho policy render --lang de --out regeln.md"]
    command(app, "render", examples=examples)(render)
    command(app, "lint", examples=["sekisho policy lint", "sekisho policy lint --json"])(lint)
    command(tables, "export", examples=["sekisho policy table export --out rules.xlsx"])(export)
    command(tables, "import", examples=["sekisho policy table import rules.xlsx"])(import_)
    app.add_typer(tables)


def render(
    session: Session,
    lang: LangOption = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it as Markdown.")] = None,
    force: ForceOption = False,
) -> None:
    """Say each row of the rule table as a sentence."""
    from gateway.policy.table import render as words

    language, (file, book) = _language(session.settings, lang), _table(session.settings)
    said = [(row, words.sentence(row, language)) for row in book.rows]
    if out:
        from gateway.policy.table.file import replace
        from gateway.policy.table.sheet import explained
        from gateway.policy.words import LANGUAGES

        _refuse_overwriting(out, force)
        replace(out, words.markdown(book.rows, language, explained(LANGUAGES.index(language))[2]).encode())
    plain = [{**msgspec.to_builtins(row), "sentence": text} for row, text in said]
    data = {"file": file, "language": language, "rows": plain, **({"out": str(out)} if out else {})}
    lines = [f"Wrote {out}: {len(said)} rows in words."] if out else []
    session.output.result(data, *(lines or [f"{words.line(row.line, language)}: {text}" for row, text in said]))


def lint(session: Session) -> None:
    """Look for rows that decide nothing, are in each other's way, are past their day, or observe wrongly.

    Leaves with 1 when there is an error; such a table cannot be built.
    """
    with session.output.progress("Looking at every case of the rule table"):
        file, remarks = remarks_of(session.settings)
    counts = counts_of(remarks)
    data = {"file": file, **counts, "remarks": msgspec.to_builtins(remarks)}
    summary = ", ".join(f"{number} {name}" for name, number in counts.items())
    session.output.result(data, *(remark.told(file) for remark in remarks), f"{file}: {summary}.")
    if counts["errors"]:
        raise typer.Exit(ANSWERED_NO)


def remarks_of(settings: Settings) -> tuple[str, list[Remark]]:
    """Return the table's file, and what is odd about it. Raises SetupError."""
    from gateway.policy import organisation
    from gateway.policy.life.names import unknown_sites
    from gateway.policy.table.lint import lint

    file, book = _table(settings)
    strange = unknown_sites(settings, organisation.load(settings), book.rows)
    return file, [*strange, *lint(book.rows, book.groups, datetime.now(UTC).date(), types_found(settings))]


def check_table(settings: Settings) -> tuple[bool, dict[str, Any], list[str]]:
    """Return what `sekisho policy check` says of the table: whether it passes, and its errors and warnings."""
    file, remarks = remarks_of(settings)
    heard = [remark for remark in remarks if remark.severity != "note"]
    data = {"file": file, **counts_of(remarks), "remarks": msgspec.to_builtins(heard)}
    return not counts_of(remarks)["errors"], data, [remark.told(file) for remark in heard]


def odd_names(settings: Settings) -> list[str]:
    """Return what may be a slip: no table, or a country or site in organisation.yaml that nobody knows.

    Raises:
        SetupError: the table names a site that nobody declared.
    """
    from gateway.policy import organisation
    from gateway.policy.life.names import require_known_sites, undeclared_sites, unknown_places

    file, book = _table(settings)
    who = organisation.load(settings)
    require_known_sites(settings, who, book.rows, file)
    strange = [*unknown_places(settings, who, _places(settings)), *undeclared_sites(settings, who)]
    return [*no_table(settings), *strange]


def no_table(settings: Settings) -> list[str]:
    """Return a line that says so, where there is no rule table of this house."""
    if settings.rules_file.is_file():
        return []
    return [f"There is no {settings.rules_file}: the table of the preset {settings.site.preset} is taken."]


def counts_of(remarks: list[Remark]) -> dict[str, int]:
    """Return how many errors, warnings and notes there are."""
    from gateway.policy.table.lint import SEVERITIES

    return {f"{name}s": sum(remark.severity == name for remark in remarks) for name in SEVERITIES}


def export(
    session: Session,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write; ends in .xlsx.")],
    lang: LangOption = "",
    force: ForceOption = False,
) -> None:
    """Write the rule table as a workbook, with choices to pick from and a sheet that explains the columns."""
    from gateway.policy.table.file import replace
    from gateway.policy.table.sheet import workbook_of

    language, (file, book) = _language(session.settings, lang), _table(session.settings)
    if out.suffix.lower() != ".xlsx":
        raise SetupError(f"{out} does not end in .xlsx.", "Give it a name that does.", exit_code=USED_WRONGLY)
    _refuse_overwriting(out, force)
    content = io.BytesIO()
    with session.output.progress(f"Writing {out.name}"):
        workbook_of(book.rows, language).save(content)
        replace(out, content.getvalue())
    data = {"out": str(out), "from": file, "rows": len(book.rows), "language": language}
    session.output.result(data, f"Wrote {out}: {len(book.rows)} rows of {file}.")


def import_(
    session: Session,
    file: Annotated[Path, typer.Argument(help="A workbook whose sheet `rules` has the columns of rules.csv.")],
) -> None:
    """Read a workbook and write rules.csv, whole or not at all. It is in force only when it is built and activated."""
    from gateway.policy.table.file import replace
    from gateway.policy.table.workbook import read_workbook
    from gateway.policy.table.write import text_of

    settings = session.settings
    with session.output.progress(f"Reading {file.name}"):
        rows = read_workbook(file, _places(settings))
    before = replace(settings.rules_file, text_of(rows).encode(), keep=True)
    data = {"file": str(settings.rules_file), "rows": len(rows), "before": str(before) if before else None}
    kept = [f"What it held before is in {before}."] if before else []
    told = f"Wrote {settings.rules_file}: {len(rows)} rows of {file}."
    session.output.result(data, told, *kept, "Next: sekisho policy lint, then sekisho policy build.")


def _table(settings: Settings) -> tuple[str, Rulebook]:
    """Return the rule table with its name. Raises SetupError."""
    from gateway.policy.client import rulebook
    from gateway.policy.table.read import source

    return source(settings)[1], rulebook(settings)


def _places(settings: Settings) -> frozenset[str]:
    from gateway.policy.life.build import law
    from gateway.policy.table.row import groups_of

    return frozenset[str]().union(*groups_of(law(settings.policies).get("jurisdictions", {})).values())


def types_found(settings: Settings) -> frozenset[str]:
    """Return the finding types that this site searches for; none where files of recognizers may bring any."""
    from gateway.privacy.names.spans import TYPES
    from gateway.privacy.patterns.catalogue import RULES

    if settings.privacy.recognizers:
        return frozenset()
    own = {pattern.type for pattern in settings.privacy.patterns}
    return frozenset({rule.type for rule in RULES} | own | set(TYPES.values()) | {"CODE_NAME"})


def _language(settings: Settings, lang: str) -> str:
    from gateway.policy.words import LANGUAGES, language_of

    if lang and lang not in LANGUAGES:
        mend = f"Use one of: {', '.join(LANGUAGES)}."
        raise SetupError(f"The table is not said in {lang!r}.", mend, exit_code=USED_WRONGLY)
    return lang or language_of(settings.site.language)


def _refuse_overwriting(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise SetupError(f"{path} exists.", "Use --force to replace it.", exit_code=USED_WRONGLY)
