"""Model manifests: what a model is, which bytes it is made of, where they came from.

A manifest of an earlier release is read as it stands: what it does not say has a default.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Lineage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model was made from, and how. Texts for people, but for ``base``, where that is a model's name."""

    base: str = ""  # what it was made from; of an adapter: the model that it adapts, by name
    adapter: str = ""  # the adapter that was merged into it
    recipe: str = ""  # how: program, its version and its options
    evaluation: str = ""  # what was measured, and where that is written


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``models/*.yaml`` file."""

    name: str
    file: str  # file name, for people; the store goes by hash
    sha256: str
    size_bytes: int
    quantisation: str
    context_tokens: int  # what the model was trained for; 0 for an adapter
    capabilities: tuple[str, ...]  # none for an adapter: it does what its model does
    licence: str  # SPDX identifier
    origin: str  # where the bytes came from
    aliases: tuple[str, ...] = ()
    description: str = ""
    demonstration: bool = False
    chat_template: str = ""  # Jinja, in place of the one in the file: for a model whose own knows no tools
    kind: Literal["model", "adapter"] = "model"
    chat_template_sha256: str = ""  # of the template in force, as UTF-8, in hex; "" is not compared
    lineage: Lineage = Lineage()
    dimensions: tuple[int, ...] = ()  # shorter vectors that it was trained for; its own length need not be named
    signature: str = ""  # an OpenSSF model-signing bundle (JSON) that came with the manifest
