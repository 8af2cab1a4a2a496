"""The manifest of a file that none describes yet: from its own header, and what the operator says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import SetupError
from gateway.registry.catalogue import parse_manifest
from gateway.registry.gguf import Layout, header_of
from gateway.registry.inspection import template_digest
from gateway.registry.manifest import Manifest
from gateway.registry.uses import capabilities_of

_QUANTISATION = re.compile(r"(?i)\b(I?Q[0-9]_[A-Z0-9_]+|BF16|F16|F32)\b")


@dataclass(frozen=True)
class Said:
    """What the operator says; empty for what the file may say itself."""

    name: str = ""
    licence: str = ""  # SPDX identifier
    origin: str = ""
    aliases: tuple[str, ...] = ()
    base: str = ""  # of an adapter: the model that it is for, by its own name
    recipe: str = ""
    evaluation: str = ""


@dataclass(frozen=True)
class Bytes:
    """What is known of a file without understanding it. ``name`` is a file name, for people."""

    name: str
    sha256: str
    size: int


def draft(layout: Layout, file: Bytes, said: Said) -> Manifest:
    """Return the manifest.

    Raises:
        SetupError: the licence, or an adapter's model, is not known; or a name is not one. Exit code 2 for the former.
    """
    header, is_adapter = header_of(layout), layout.text("general.type") == "adapter"
    licence = said.licence or header.licence
    if not licence:
        mend = "Give its SPDX identifier, such as --licence Apache-2.0."
        raise SetupError(f"{file.name} does not say its licence.", mend, exit_code=2)
    if is_adapter and not said.base:
        mend = "Say it: --base MODEL"
        raise SetupError(f"{file.name} is an adapter, and does not say for which model here.", mend, exit_code=2)
    stem = file.name.removesuffix(".gguf")
    base = said.base or layout.text("general.base_model.0.name")
    fields = {
        "name": said.name or name_from(stem),
        "file": file.name,
        "sha256": file.sha256,
        "size_bytes": file.size,
        "quantisation": header.quantisation or _quantisation_from(stem),
        "context_tokens": 0 if is_adapter else header.context_tokens,
        "capabilities": [] if is_adapter else [str(each) for each in capabilities_of(layout)],
        "licence": licence,
        "origin": said.origin or "added from a file",
        "aliases": said.aliases,
        "description": header.title,
        "kind": "adapter" if is_adapter else "model",
        "chat_template_sha256": template_digest(layout),
        "lineage": {"base": base, "recipe": said.recipe, "evaluation": said.evaluation},
    }
    return parse_manifest(fields, file.name)


def name_from(stem: str) -> str:
    """Return a model's name made from the stem of a file's name."""
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._") or "model"


def _quantisation_from(stem: str) -> str:
    found = _QUANTISATION.search(stem.replace(".", " ").replace("-", " "))
    return found[1].upper() if found else "unknown"
