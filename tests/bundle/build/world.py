"""A small world to build in: wheels of a few bytes that are real wheels, a maker with real keys, parts of every kind.

>>> wheel = make_wheel(folder, "tuf", "7.0.1", {"tuf/__init__.py": b""})
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from gateway.bundle import places
from gateway.bundle.build import assemble, gather, licences, wheels
from gateway.bundle.build.checkout import Checkout
from gateway.bundle.build.fetch import Target
from gateway.bundle.build.items import About, Item, item
from gateway.bundle.build.provenance import Source
from gateway.bundle.repository import metadata
from gateway.bundle.repository.roles import NAMES, Roles

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEADING = assemble.Heading(
    version="1.0.0", at=NOON, profile="cpu", python="3.11", platform="manylinux_2_34_x86_64", glibc="2.34"
)
ORIGIN = assemble.Origin(Source("0" * 40, False), {"profile": "cpu"}, {"locks/run.txt": "a" * 64}, None)


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, bytes], licence: str = "License-Expression: MIT"
) -> Path:
    """Write a wheel; ``licence`` are lines of its METADATA."""
    file = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: of a test\n{licence}\n"
    with zipfile.ZipFile(file, "w") as opened:
        for member, content in files.items():
            opened.writestr(zipfile.ZipInfo(member), content)
        opened.writestr(zipfile.ZipInfo(f"{name}-{version}.dist-info/METADATA"), about)
        opened.writestr(zipfile.ZipInfo(f"{name}-{version}.dist-info/licenses/LICENSE"), b"Copyright of a test")
    return file


def judged(file: Path) -> wheels.Wheel:
    """Judge a wheel whose hash is in the lock."""
    return wheels.judge(file, frozenset({hashlib.sha256(file.read_bytes()).hexdigest()}))


def parts(folder: Path) -> list[Item]:
    """Parts of a small release, with the wheels that stage two needs."""
    shop = gather.Workshop(Checkout(folder, 0), folder, folder, Target("3.11", "x86_64", (2, 34)), {})
    made = [judged(make_wheel(folder, name, "1.0", {f"{name}/a.py": b"1"})) for name in places.STAGE_TWO]
    weights = About(
        name="small", version="1", licence="Apache-2.0", type="machine-learning-model",
        purl="pkg:generic/small@1", model={"capabilities": ["chat"], "context_tokens": 512, "origin": "a test"},
    )  # fmt: skip
    own = About(name="policies", version="", licence="Apache-2.0", type="data")
    return [
        *gather.of_wheels(made, "wheel", shop).items,
        item("model", b"weights", "small.gguf", f"{places.STORE}/{'b' * 64}", about=weights),
        item("policies", b"rules", "policies.tar.gz", places.POLICIES, about=own, unpack=True),
        item("installer", b"#!/bin/sh\n", "install.sh", "share/sekisho/installer/install.sh", about=own),
        item("installer", b"pass\n", "bootstrap.py", "share/sekisho/installer/bootstrap.py", about=own),
    ]


def a_maker() -> assemble.Maker:
    """Two of three root keys, one key for each other role."""
    roles = Roles()
    signers = {name: [CryptoSigner.generate_ed25519() for _ in range(roles.of(name).keys)] for name in NAMES}
    root = metadata.first_root({name: [one.public_key for one in of] for name, of in signers.items()}, roles, NOON)
    metadata.sign(root, signers["root"][:2])
    return assemble.Maker({1: metadata.encode(root)}, signers, roles)


def build(out: Path, found: list[Item], maker: assemble.Maker) -> assemble.Made:
    """Build a small bundle."""
    return assemble.write(out, assemble.with_papers(found, HEADING, ORIGIN, maker), HEADING, maker)


def declared(**said: str) -> dict[str, licences.Declared]:
    """What a person declared: distribution to licence."""
    return {name: licences.Declared(spdx, "a test") for name, spdx in said.items()}
