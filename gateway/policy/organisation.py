"""Who is who: sites, tenants, projects, and the transfers that the house has arranged, from ``organisation.yaml``.

The file lies beside ``sekisho.yaml``; without one there is this site alone. What it says are facts that rules judge by,
pushed to OPA; it allows nothing by itself. An undeclared project is one that has declared nothing.

Example::

    sites:
      munich: {jurisdiction: DE}
      changchun: {jurisdiction: CN}
    tenants:
      bodyshop: {entity: Beispiel AG, models: [smollm2-135m-instruct]}
    projects:
      bodyshop/weld-line: {safety_oversight: true}
      design/neue-klasse: {class: strict, prototype: true, sites: [munich]}
    transfers:
      - {from: EEA, to: US, route: scc, until: 2027-06-30, reference: DPA 2026-114}
    networks:
      10.1.0.0/16: {site: munich}
      10.8.0.0/16: {jurisdiction: FR}
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from gateway import plain_yaml
from gateway.domain import DataClass
from gateway.errors import SetupError
from gateway.policy.lines import fault_of, line_of, tree_of
from gateway.settings import Jurisdiction, Name, Settings, SiteSettings

Place = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,4}$")]
"""A country (ISO 3166-1 alpha-2) or a group of them, such as EEA."""

Text = Annotated[str, msgspec.Meta(max_length=120)]

Route = Literal[
    "adequate-recipient",
    "scc",
    "bcr",
    "appropriate-safeguards",
    "explicit-consent",
    "pipl-security-assessment",
    "pipl-standard-contract",
    "pipl-certification",
    "appi-consent",
    "appi-equivalent-measures",
]
"""How a transfer was made lawful; which law knows which route is said in ``policies/``."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Site(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    jurisdiction: Jurisdiction = ""


class Tenant(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``entity`` is the legal entity that answers for its data; several tenants may be one."""

    entity: Text = ""
    models: tuple[str, ...] = ()  # empty: all


class Project(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a project has declared. ``sites``: where its prompts may be worked on, all when empty. ``external``: the ids
    of targets of others that it may use. ``keep_content_days``: how long prompts and answers are kept, 0: not at all.
    ``keep_state_days``: how long at most an answer is kept for its caller to come back to; 0: not at all.
    """

    data_class: DataClass = msgspec.field(name="class", default="public")
    sites: tuple[Name, ...] = ()
    external: tuple[str, ...] = ()
    prototype: bool = False
    human_oversight: bool = False
    safety_oversight: bool = False
    important_data: bool = False
    keep_content_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 0
    keep_state_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] | None = None  # None: it has not said


class Transfer(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An arrangement between two places. ``tenant`` empty: for all of them."""

    from_: Place = msgspec.field(name="from")
    to: Place
    route: Route
    until: date
    reference: Text
    tenant: str = ""


class Network(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where those sit who come from a network: at a site, in the country that it is in, or in a country."""

    site: Name | Literal[""] = ""
    jurisdiction: Jurisdiction = ""

    def __post_init__(self) -> None:
        if bool(self.site) == bool(self.jurisdiction):
            raise ValueError("exactly one of site and jurisdiction says where a network is")


class Organisation(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sites: dict[Name, Site] = {}
    tenants: dict[Name, Tenant] = {}
    projects: dict[str, Project] = {}  # by tenant/project
    transfers: tuple[Transfer, ...] = ()
    networks: dict[str, Network] = {}  # by CIDR; empty: keys alone say where answers are looked at
    elsewhere: Literal["unknown", "key"] = "unknown"  # from where an address comes that is in none of them

    def country_of(self, name: str, own: SiteSettings) -> str:
        """Return the country of a site, this one's as its settings say where the file does not; empty: nobody has."""
        declared = self.sites.get(name, Site()).jurisdiction
        return declared or (own.jurisdiction if name == own.name else "")


def load(settings: Settings) -> Organisation:
    """Return what the file says; an absent file says nothing.

    Raises:
        SetupError: not YAML, an unknown field, a value out of range; names file and line.
    """
    path = settings.organisation_file
    if not path.is_file():
        if settings.policy.organisation:
            raise SetupError(f"There is no file {path}.", "Mend policy.organisation.", exit_code=2)
        return Organisation()
    try:
        text = path.read_text(encoding="utf-8")
        raw: Any = plain_yaml.read(text) or {}
        organisation = msgspec.convert(raw, Organisation, strict=True)
    except yaml.YAMLError as error:
        line, problem = plain_yaml.problem_of(error)
        raise _wrong(path, f", line {line}: {problem}" if line else f": {problem}") from error
    except UnicodeDecodeError as error:
        raise _wrong(path, " is not UTF-8") from error
    except msgspec.ValidationError as error:
        (line, _), _ = fault_of(raw, Organisation, tree_of(text))
        raise _wrong(path, f", line {line}: {error}".rstrip(".")) from error
    for name in organisation.projects:
        if not re.fullmatch(r"[a-z0-9-]{1,63}/[a-z0-9-]{1,63}", name):
            line = line_of(("projects", name), tree_of(text))
            raise _wrong(path, f", line {line}: the project `{name}` is not named TENANT/PROJECT")
    for name, network in organisation.networks.items():
        problem = _network_problem(name, network, organisation, settings.site)
        if problem:
            raise _wrong(path, f", line {line_of(('networks', name), tree_of(text))}: {problem}")
    return organisation


def _network_problem(name: str, network: Network, organisation: Organisation, own: SiteSettings) -> str:
    """Return what is wrong with an entry of ``networks``; empty: nothing."""
    try:
        ipaddress.ip_network(name)
    except ValueError:
        return f"`{name}` is no network such as 10.1.0.0/16"
    if network.site and not organisation.country_of(network.site, own):
        return f"nobody says in which country the site `{network.site}` is"
    return ""


def _wrong(path: Path, what: str) -> SetupError:
    return SetupError(f"{path}{what}.", "See docs/how-to/describe-your-organisation.md.", exit_code=2)
