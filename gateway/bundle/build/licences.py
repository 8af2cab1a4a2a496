"""Whose the parts are: an SPDX expression for each, and the texts that must travel with them.

A wheel says its licence in ``License-Expression`` (PEP 639), or in older fields that are read only where they mean one
thing. What stays unknown stops the build, unless a person has looked and declared it (``licences.yaml``)::

    blis: {licence: BSD-3-Clause, seen: its LICENSE file}
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from license_expression import ExpressionError, Licensing, get_spdx_licensing

from gateway.bundle.build.archive import Member, tar_gz
from gateway.bundle.build.items import Item
from gateway.bundle.build.wheels import Wheel
from gateway.errors import SetupError

TABLE = "LICENCES.md"
_NAMES = ("licen", "copying", "notice", "copyright")
_CLASSIFIERS = {  # those that mean one licence; "BSD License", say, means three
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
}


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person found: an SPDX expression, where it was seen, and what must be told where no text comes along."""

    licence: str
    seen: str
    notice: str = ""


def read_declared(file: Path) -> Mapping[str, Declared]:
    """Read ``licences.yaml``. Raises SetupError."""
    try:
        said = msgspec.yaml.decode(file.read_bytes(), type=dict[str, Declared])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise SetupError(f"{file} cannot be read.", "It names parts: NAME: {licence: SPDX, seen: WHERE}.") from None
    for name, one in said.items():
        if not is_spdx(one.licence):
            raise SetupError(f"{file}: {one.licence} of {name} is no SPDX expression.", "See spdx.org/licenses.")
    return said


def of_wheel(wheel: Wheel, declared: Mapping[str, Declared]) -> str:
    """A wheel's licence as SPDX, ``""`` when it is unknown."""
    if wheel.name in declared:
        return declared[wheel.name].licence
    for said in (wheel.metadata["License-Expression"], wheel.metadata["License"]):
        if said and is_spdx(said.strip()):
            return str(said.strip())
    classifiers = wheel.metadata.get_all("Classifier", [])
    named = {one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")} - {"OSI Approved"}
    return _CLASSIFIERS.get(next(iter(named)), "") if len(named) == 1 else ""


def texts_of(wheel: Wheel) -> dict[str, bytes]:
    """The licence files of a wheel, and what its METADATA says of its authors, where it has no such file."""
    with zipfile.ZipFile(wheel.file) as opened:
        found = {
            name.partition(".dist-info/")[2].replace("/", "-"): opened.read(name)
            for name in opened.namelist()
            if ".dist-info/" in name and not name.endswith("/") and _is_text(name)
        }
    return found or {"METADATA.txt": _said_by(wheel)}


@functools.cache
def is_spdx(text: str) -> bool:
    """Whether a text is an SPDX licence expression, by the list that license-expression carries."""
    try:
        return _spdx().parse(text, validate=True, strict=True) is not None
    except ExpressionError:
        return False


def check(items: Iterable[Item]) -> None:
    """Every part has a licence.

    Raises:
        SetupError: names all that have none.
    """
    about = [one for part in items if part.about is not None for one in (part.about, *part.about.inside)]
    unknown = sorted({one.name for one in about if not is_spdx(one.licence)})
    if unknown:
        raise SetupError(
            f"Nobody said under what licence these are: {', '.join(unknown)}.",
            "Look at them, and declare them in offline-bundle/licences.yaml.",
        )


def texts(items: Iterable[Item]) -> dict[str, Member]:
    """The attributions, in a folder for each part (and in it for what that is made of)."""
    files: dict[str, Member] = {}
    for about in (one.about for one in items if one.about is not None):
        for made_of in (about, *about.inside):
            folder = folder_of(about.name, about.version)
            folder += "" if made_of is about else f"/{made_of.name.replace('/', '_')}"
            files |= {f"{folder}/{name}": Member(text) for name, text in made_of.texts.items()}
    return files


def folder_of(name: str, version: str) -> str:
    """The folder of a part's texts."""
    return f"{name}-{version}".rstrip("-")


def report(bill: Mapping[str, Any], texts: Mapping[str, Member], epoch: int) -> bytes:
    """The report as ``.tar.gz``: LICENCES.md, a table made from the bill of materials, and the texts."""
    return tar_gz({**texts, TABLE: Member(_table(bill).encode())}, epoch)


def _table(bill: Mapping[str, Any]) -> str:
    lines = ["# What is in this bundle, and whose it is", "", "| part | version | licence |", "| --- | --- | --- |"]
    for one in sorted(bill["components"], key=lambda each: str(each["name"])):
        lines.append(_row(one, ""))
        lines += [_row(inner, f"{one['name']}: ") for inner in one.get("components", ())]
    return "\n".join([*lines, ""])


def _row(component: Mapping[str, Any], within: str) -> str:
    said = component["licenses"][0]
    licence = said["expression"] if "expression" in said else said["license"]["id"]
    return f"| {within}{component['name']} | {component.get('version', '')} | {licence} |"


def _is_text(name: str) -> bool:
    base = PurePosixPath(name).name.lower()
    return any(word in base for word in _NAMES) or "/licenses/" in name.lower()


def _said_by(wheel: Wheel) -> bytes:
    fields = ("Name", "Version", "Author", "Author-email", "Home-page", "License-Expression", "License")
    said = [f"{field}: {value}" for field in fields for value in wheel.metadata.get_all(field, [])]
    return ("The wheel carries no licence text. Its metadata say:\n\n" + "\n".join(said) + "\n").encode()


@functools.cache
def _spdx() -> Licensing:
    return get_spdx_licensing()
