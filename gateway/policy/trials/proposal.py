"""A policy to be tried: a revision, a bundle, a folder of rules, or what lies on disk now and is in force nowhere.

What one names is found in this order::

    (nothing) or files        the policies and the rule table of the settings, as `sekisho policy build` would take them
    in-force                  the revision in force
    path/to/revision          a revision's folder
    path/to/policies          a folder of rules; with its rules.csv, else with the table of the settings
    path/to/bundle.tar.gz     a bundle alone: each data set keeps the table that it was pushed with
    3f9a…                     a revision, by its id or the beginning of it
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import SetupError
from gateway.policy.client import draft
from gateway.policy.facts import Rulebook
from gateway.policy.life.build import Bundle, build, law
from gateway.policy.life.revisions import MANIFEST, Revision, Revisions, open_revision
from gateway.policy.opa.program import find_opa
from gateway.policy.table import read
from gateway.policy.table.row import groups_of
from gateway.settings import Settings

IN_FORCE, FILES = "in-force", "files"
"""Words that name a policy, as for `sekisho policy diff`; a folder of that name is `./files`."""
_LARGEST_PART_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Proposal:
    """What is to be tried. ``rulebook`` is ``None`` where every data set keeps its own table."""

    name: str
    bundle: Bundle
    rulebook: Rulebook | None
    expires: str = ""  # RFC 3339; empty: what is no revision never does

    def expired(self, now: str) -> bool:
        """Whether it refuses every request at that time, which is RFC 3339 in UTC, and sorts as it is."""
        return bool(self.expires) and now[:19] >= self.expires[:19]

    def as_dict(self) -> dict[str, str]:
        table = "its own" if self.rulebook else "of each data set"
        return {"name": self.name, "revision": self.bundle.revision, "digest": self.bundle.digest, "table": table}


def find(settings: Settings, reference: str = "", table: Path | None = None) -> Proposal:
    """Return the policy that the reference names.

    Args:
        table: a rule table to try in place of the policy's own.

    Raises:
        SetupError: there is none, it is not whole, it does not build, or the table is not as it must be.
    """
    proposal = _named(settings, reference)
    if table is None:
        return proposal
    groups = _groups(proposal.bundle.path)
    rows = read.parse(read.text_in(table), str(table), frozenset().union(*groups.values()))
    return replace(proposal, name=f"{proposal.name} with {table.name}", rulebook=Rulebook(rows, groups))


def _named(settings: Settings, reference: str) -> Proposal:
    path = Path(reference)
    if reference in ("", FILES):
        standing = draft(settings)
        return Proposal("what lies on disk", standing.bundle, standing.rulebook)
    if reference == IN_FORCE:
        revision = Revisions(settings.state / "policy").in_force()
        if revision is None:
            raise SetupError("No policy is in force.", "Name a bundle with --bundle.", exit_code=2)
        return _of(revision)
    if path.is_dir():
        return _of(open_revision(path)) if (path / MANIFEST).is_file() else _folder(settings, path)
    if path.is_file():
        return Proposal(str(path), _bundle(path), None)
    return _of(Revisions(settings.state / "policy").get(reference))


def _of(revision: Revision) -> Proposal:
    name, expires = f"revision {revision.id[:12]}", revision.manifest.expires
    return Proposal(name, revision.bundle, revision.rulebook, expires)


def _folder(settings: Settings, folder: Path) -> Proposal:
    bundle = build(find_opa(settings), folder.resolve(), settings.state / "policy")
    groups = groups_of(law(folder).get("jurisdictions", {}))
    places = frozenset().union(*groups.values())
    own = folder / "rules.csv"
    rows = read.parse(read.text_in(own), str(own), places) if own.is_file() else read.load(settings, places)
    return Proposal(str(folder), bundle, Rulebook(rows, groups))


def _bundle(path: Path) -> Bundle:
    manifest = _part(path, ".manifest")
    return Bundle(path.absolute(), str(manifest.get("revision", "")), hashlib.sha256(path.read_bytes()).hexdigest())


def _groups(path: Path) -> dict[str, frozenset[str]]:
    return groups_of(_part(path, "data.json").get("law", {}).get("jurisdictions", {}))


def _part(path: Path, name: str) -> dict[str, Any]:
    """Return one JSON file of a bundle. Raises SetupError."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.lstrip("/") == name else None
                if content and member.size <= _LARGEST_PART_BYTES:
                    return dict(msgspec.json.decode(content.read()))
    except (OSError, tarfile.TarError, msgspec.DecodeError, EOFError) as error:
        raise SetupError(
            f"{path} is no OPA bundle.", "Name a bundle.tar.gz, a revision or a folder.", exit_code=2
        ) from error
    raise SetupError(f"{path} is no OPA bundle: it has no {name}.", "Build it with: sekisho policy build", exit_code=2)
