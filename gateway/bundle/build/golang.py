"""What a Go program is made of: it says so itself, and the sources it was built from carry the licences.

``go version -m`` prints the same lines; they stand in the binary in plain text (runtime/debug, ``BuildInfo``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.bundle.build.items import About
from gateway.bundle.build.licences import Declared

_DEP = re.compile(rb"(?m)^dep\t([!-~]+)\t(v[!-~]+)(?:\t|$)")
_TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS")
_PHRASES = (  # the first that fits; after white space is made one
    ("Apache-2.0", ("Apache License Version 2.0",)),
    ("MPL-2.0", ("Mozilla Public License, version 2.0",)),
    ("MPL-2.0", ("Mozilla Public License Version 2.0",)),
    ("MIT", ("Permission is hereby granted, free of charge",)),
    ("ISC", ("Permission to use, copy, modify, and", "with or without fee")),
    ("BSD-3-Clause", ("Redistribution and use in source and binary forms", "endorse or promote")),
    ("BSD-2-Clause", ("Redistribution and use in source and binary forms",)),
)


def modules(content: bytes) -> tuple[tuple[str, str], ...]:
    """The modules that a Go binary was linked from: path and version, sorted."""
    start = content.find(b"\ndep\t")
    block = content[max(0, start - 4096) : start + 65536] if start >= 0 else b""
    return tuple(sorted({(path.decode(), version.decode()) for path, version in _DEP.findall(block)}))


def about(content: bytes, name: str, main: str, declared: Mapping[str, Declared]) -> About:
    """Describe a Go program: ``main`` is the module whose version it has; all others are inside it."""
    cache = Path.home() / "go" / "pkg" / "mod"
    found = [_module(path, version, cache, declared) for path, version in modules(content)]
    own = next((one for one in found if one.name == main), None)
    return About(
        name=name,
        version=own.version if own else "",
        licence=own.licence if own else declared[name].licence if name in declared else "",
        purl=own.purl if own else "",
        type="application",
        description="Open Policy Agent",
        texts=own.texts if own else {},
        inside=tuple(one for one in found if one is not own),
    )


def licence_of(text: str) -> str:
    """Name a licence by its text, ``""`` for one that is not known."""
    plain = " ".join(text.split()).lower()
    return next((spdx for spdx, phrases in _PHRASES if all(one.lower() in plain for one in phrases)), "")


def _module(path: str, version: str, cache: Path, declared: Mapping[str, Declared]) -> About:
    folder = cache / f"{_escaped(path)}@{_escaped(version)}"
    files = sorted(one for one in folder.glob("*") if one.is_file() and one.name.upper().startswith(_TEXTS))
    texts = {one.name: one.read_bytes() for one in files}
    named = [
        licence_of(text.decode("utf-8", "replace")) for name, text in texts.items() if "NOTICE" not in name.upper()
    ]
    said = declared[path].licence if path in declared else next((one for one in named if one), "")
    return About(name=path, version=version, licence=said, purl=f"pkg:golang/{path}@{version}", texts=texts)


def _escaped(text: str) -> str:
    """As the module cache writes capitals: ``!`` and the small letter."""
    return re.sub(r"[A-Z]", lambda found: "!" + found[0].lower(), text)
