"""Model manifests: what a model is, which bytes it is made of, where they came from."""

from __future__ import annotations

import msgspec


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``models/*.yaml`` file."""

    name: str
    file: str  # file name, for people; the store goes by hash
    sha256: str
    size_bytes: int
    quantisation: str
    context_tokens: int  # what the model was trained for
    capabilities: tuple[str, ...]
    licence: str  # SPDX identifier
    origin: str  # where the bytes came from
    aliases: tuple[str, ...] = ()
    description: str = ""
    demonstration: bool = False
    chat_template: str = ""  # Jinja, in place of the one in the file: for a model whose own knows no tools
