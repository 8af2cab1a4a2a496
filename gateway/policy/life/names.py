"""Names in policies and table that nothing here goes by: a rule about a site that does not exist would never hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import SetupError
from gateway.policy.life.build import rules_in
from gateway.policy.organisation import Organisation, load
from gateway.policy.table.row import SITE, Row
from gateway.settings import Settings

_SITE_IN_REGO = re.compile(r"""data\.facts\.sites(?:\.([a-z_]\w*)|\["([^"]*)"\])""")


def require_known_sites(settings: Settings, organisation: Organisation, rows: Sequence[Row], table: str) -> None:
    """Refuse a table, or Rego, that names a site which neither ``organisation.yaml`` nor this gateway knows.

    Raises:
        SetupError: names file and line.
    """
    known = {settings.site.name, *organisation.sites}
    for row in rows:
        for word in row.destination:
            if word.startswith(SITE) and word.removeprefix(SITE) not in known:
                raise _unknown(f"{table}, line {row.line}, column destination", word.removeprefix(SITE))
    require_known_sites_in_rego(settings, organisation)


def require_known_sites_in_rego(settings: Settings, organisation: Organisation | None = None) -> None:
    """Refuse Rego alone, as :func:`require_known_sites`. Raises SetupError."""
    known = {settings.site.name, *(organisation or load(settings)).sites}
    for path in _rego(settings.policies):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for dotted, quoted in _SITE_IN_REGO.findall(line):
                if (dotted or quoted) not in known:
                    raise _unknown(f"{path}:{number}", dotted or quoted)


def _rego(directory: Path) -> list[Path]:
    names = ["main", *rules_in(directory)]
    files = sorted(path for name in names for path in (directory / name).glob("*.rego"))
    return [path for path in files if not path.name.endswith("_test.rego")]


def _unknown(place: str, name: str) -> SetupError:
    mend = "Mend the name, or declare the site in organisation.yaml."
    return SetupError(f"{place}: there is no site `{name}`.", mend, exit_code=2)
