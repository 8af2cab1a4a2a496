"""What a template is. ``⟨kind⟩`` stands for a labelled value, ``⟨kind:xx⟩`` for one of language ``xx``.

``⟨near:part⟩`` is a near miss and ``⟨wrong:iban⟩`` an invalid look-alike: both are labelled as nothing. In a frame,
``⟨label⟩`` is a word for the kind and ``⟨value⟩`` the value.
"""

from __future__ import annotations

from typing import NamedTuple


class Template(NamedTuple):
    """``quiet`` documents hold nothing personal: everything found in them is a false alarm."""

    lang: str
    genre: str
    text: str
    quiet: bool = False


class Split(NamedTuple):
    """All that one split's documents are made from."""

    documents: tuple[Template, ...]
    frames: dict[str, tuple[str, ...]]  # language -> sentences with ⟨label⟩ and ⟨value⟩
    bare: dict[str, tuple[str, ...]]  # language -> sentences with ⟨value⟩ alone, for kinds that need no word
    labels: dict[str, tuple[str, ...]]  # kind -> words for it
