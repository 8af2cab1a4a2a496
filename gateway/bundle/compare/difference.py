"""All that one release changes against another, as one document: ``sekisho.bundle-diff/1``. See :func:`compare`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.bundle.compare import advisories, policies
from gateway.bundle.compare.advisories import Advisories
from gateway.bundle.compare.policies import Policies
from gateway.bundle.compare.settings import settings_of
from gateway.bundle.compare.side import Side
from gateway.bundle.release import Part, Release

_PACKAGES = ("program", "wheel", "engine", "opa", "redis", "detector")
_FACTS = ("version", "profile", "python", "platform", "glibc", "driver", "built_at", "carries")


class About(msgspec.Struct, frozen=True):
    """One side: its name, how far it was believed, and what its release says of itself."""

    name: str
    trust: str
    snapshot: int
    facts: Mapping[str, str]
    bytes: int  # of all its parts, also of those that a partial bundle leaves out


class Change(msgspec.Struct, frozen=True):
    """A package, model or setting that is another one. ``before`` or ``after`` is empty where there is none."""

    name: str
    change: Literal["added", "removed", "changed", "rebuilt"]  # rebuilt: the same version, other bytes
    before: str = ""
    after: str = ""


class Sizes(msgspec.Struct, frozen=True):
    """Bytes of all parts of a kind."""

    kind: str
    before: int
    after: int


class Difference(msgspec.Struct, frozen=True):
    """The whole. ``settings`` is ``None`` where the program of a side is not at hand or tells them in another form."""

    a: About
    b: About
    packages: list[Change]
    models: list[Change]
    advisories: Advisories
    policies: Policies
    settings: list[Change] | None
    sizes: list[Sizes]
    schema: Literal["sekisho.bundle-diff/1"] = "sekisho.bundle-diff/1"


def compare(a: Side, b: Side) -> Difference:
    """Say what ``b`` changes against ``a``; every list is in order of its names.

    Raises:
        BundleRefused: a part that is looked into is not what its release says.
    """
    return Difference(
        a=_about(a),
        b=_about(b),
        packages=_changes(_parts(a.release, *_PACKAGES), _parts(b.release, *_PACKAGES)),
        models=_changes(_parts(a.release, "model"), _parts(b.release, "model")),
        advisories=_advisories(a, b),
        policies=_policies(a, b),
        settings=_settings(a, b),
        sizes=_sizes(a.release, b.release),
    )


def _about(side: Side) -> About:
    facts = {name: str(getattr(side.release, name)) for name in _FACTS}
    return About(side.name, side.trust, side.snapshot, facts, sum(part.length for part in side.release.parts))


def _parts(release: Release, *kinds: str) -> dict[str, tuple[str, str]]:
    """Version and hash by name; of a wheel the distribution's name, normalised."""
    return {_name(part): (part.version, part.sha256) for part in release.of_kind(*kinds)}


def _name(part: Part) -> str:
    if part.name.endswith(".whl"):
        return re.sub(r"[-_.]+", "-", part.name.partition("-")[0]).lower()
    return part.name


def _changes(old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]]) -> list[Change]:
    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if before is None or after is None:
            said = before or after or ("", "")
            shown = said[0] or said[1][:12]
            found.append(Change(name, "added", "", shown) if before is None else Change(name, "removed", shown))
        elif before[0] == after[0]:
            found.append(
                Change(name, "rebuilt", *(f"{version} {hash[:12]}".strip() for version, hash in (before, after)))
            )
        else:
            found.append(Change(name, "changed", before[0], after[0]))
    return found


def _read(side: Side, kind: str) -> bytes | None:
    part = side.only(kind)
    return None if part is None else side.get(part)


def _same(a: Side, b: Side, kind: str) -> bool:
    return {part.sha256 for part in a.release.of_kind(kind)} == {part.sha256 for part in b.release.of_kind(kind)}


def _advisories(a: Side, b: Side) -> Advisories:
    versions = [{name: said for name, (said, _) in _parts(side.release, *_PACKAGES).items()} for side in (a, b)]
    return advisories.compare(_read(a, "advisories"), _read(b, "advisories"), *versions)


def _policies(a: Side, b: Side) -> Policies:
    if _same(a, b, "policies"):
        return policies.compare(None, None, same=True)
    return policies.compare(_read(a, "policies"), _read(b, "policies"), same=False)


def _settings(a: Side, b: Side) -> list[Change] | None:
    if _same(a, b, "program"):
        return []
    wheels = _read(a, "program"), _read(b, "program")
    old, new = (None if wheel is None else settings_of(wheel) for wheel in wheels)
    if old is None or new is None:
        return None
    found = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            kind: Literal["added", "removed", "changed"]
            kind = "added" if before is None else "removed" if after is None else "changed"
            found.append(Change(name, kind, before or "", after or ""))
    return found


def _sizes(a: Release, b: Release) -> list[Sizes]:
    found: dict[str, list[int]] = {}
    for number, release in enumerate((a, b)):
        for part in release.parts:
            found.setdefault(part.kind, [0, 0])[number] += part.length
    return [Sizes(kind, before, after) for kind, (before, after) in sorted(found.items())]
