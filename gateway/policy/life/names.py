"""Names in policies and table that nothing here goes by: a rule about a site that does not exist would never hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from gateway.errors import SetupError
from gateway.policy.life.build import rules_in
from gateway.policy.lines import line_of, tree_of
from gateway.policy.organisation import Organisation, load
from gateway.policy.table.lint import Remark
from gateway.policy.table.row import SITE, Row
from gateway.settings import Settings

_MEND = "Mend the name, or declare the site in organisation.yaml."
_SITE_IN_REGO = re.compile(r"""data\.facts\.sites(?:\.([a-z_]\w*)|\["([^"]*)"\])""")


def require_known_sites(settings: Settings, organisation: Organisation, rows: Sequence[Row], table: str) -> None:
    """Refuse a table, or Rego, that names a site which neither ``organisation.yaml`` nor this gateway knows.

    Raises:
        SetupError: names file and line.
    """
    for remark in unknown_sites(settings, organisation, rows):
        raise SetupError(f"{remark.place(table)}: {remark.says}.", remark.mend, exit_code=2)
    require_known_sites_in_rego(settings, organisation)


def unknown_sites(settings: Settings, organisation: Organisation, rows: Sequence[Row]) -> list[Remark]:
    """Return an error for each row that sends to a site which nobody declared: such a destination cannot exist."""
    known = {settings.site.name, *organisation.sites}
    return [
        Remark("site", "error", (row.line,), f"there is no site `{name}`", _MEND, "destination")
        for row in rows
        for word in row.destination
        if word.startswith(SITE) and (name := word.removeprefix(SITE)) not in known
    ]


def require_known_sites_in_rego(settings: Settings, organisation: Organisation | None = None) -> None:
    """Refuse Rego alone, as :func:`require_known_sites`. Raises SetupError."""
    known = {settings.site.name, *(organisation or load(settings)).sites}
    for path in _rego(settings.policies):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for dotted, quoted in _SITE_IN_REGO.findall(line):
                if (dotted or quoted) not in known:
                    raise _unknown(f"{path}:{number}", dotted or quoted)


def unknown_places(settings: Settings, organisation: Organisation, labels: Collection[str]) -> list[str]:
    """Return a line, with file and line, for each country or group of ``organisation.yaml`` that no law here knows.

    That is no fault: a site may stand where nobody has decided anything. But to such a place nothing goes that an
    arrangement does not open, and so it is for one that was misspelt.

    Args:
        labels: the countries and groups of ``data/jurisdictions.json``.
    """
    said: dict[tuple[str | int, ...], str]
    said = {("sites", name, "jurisdiction"): site.jurisdiction for name, site in organisation.sites.items()}
    for number, transfer in enumerate(organisation.transfers):
        said |= {("transfers", number, "from"): transfer.from_, ("transfers", number, "to"): transfer.to}
    strange = {steps: word for steps, word in said.items() if word and word not in labels}
    tree = tree_of(settings.organisation_file.read_text(encoding="utf-8")) if strange else None
    where = settings.organisation_file
    return [
        f"{where}, line {line_of(steps, tree)}: no law in {settings.policies / 'data'} knows `{word}`."
        for steps, word in strange.items()
    ]


def undeclared_sites(settings: Settings, organisation: Organisation) -> list[str]:
    """Return a line, with file and line, for each project that is held to a site which nobody declared.

    That opens nothing: such a project is worked on at its other sites only, or nowhere.
    """
    known, where = {settings.site.name, *organisation.sites}, settings.organisation_file
    strange = [
        (name, site) for name, project in organisation.projects.items() for site in project.sites if site not in known
    ]
    tree = tree_of(where.read_text(encoding="utf-8")) if strange else None
    return [
        f"{where}, line {line_of(('projects', name, 'sites'), tree)}: there is no site `{site}`."
        for name, site in strange
    ]


def _rego(directory: Path) -> list[Path]:
    names = ["main", *rules_in(directory)]
    files = sorted(path for name in names for path in (directory / name).glob("*.rego"))
    return [path for path in files if not path.name.endswith("_test.rego")]


def _unknown(place: str, name: str) -> SetupError:
    return SetupError(f"{place}: there is no site `{name}`.", _MEND, exit_code=2)
