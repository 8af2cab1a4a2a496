"""Makes labelled documents from templates: the same seed, the same documents.

Each value's span is exact, in code points. Some values come full-width, with other hyphens or with invisible
characters in them, as people paste them; their label covers what stands in the text. Example::

    for document in documents(templates_dev.SPLIT, seed=1, count=500):
        for start, end, kind in document.spans: ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from invented.contacts import CONTACTS
from invented.ids import CHECKED, STRUCTURED, digits
from invented.near import NEAR, wrong
from invented.secret import MARKS, SECRETS, password
from invented.template import Split, Template
from invented.vehicles import DEVICES, POSITIONS, VEHICLES

LANGUAGES = ("en", "de", "fr", "it", "es", "ja", "zh")
PLAIN = {**CHECKED, **STRUCTURED, **VEHICLES, **POSITIONS, **DEVICES, **SECRETS, "password": password}
"""Kinds whose value does not depend on the language around it."""

BARE = (
    *("iban", "credit_card", "cn_resident_id", "cn_social_credit", "fr_nir", "it_fiscal_code", "eu_vat", "vin"),
    *("plate_jp", "plate_cn", "gps_degrees", "gps_nmea"),
)
"""Kinds that must be found without a word that announces them."""

GROUPS = {
    "ids": (*CHECKED, *STRUCTURED, "imei", "iccid"),
    "vehicles": (*VEHICLES, *POSITIONS),
    "secrets": (*SECRETS, "password", "url_with_login"),
    "contacts": ("phone", "email", "ipv4", "ipv6", "mac", "bic"),
    "people": ("person", "family", "given", "address", "date_of_birth"),
    "plant": ("employee", "badge", "mark"),
}
"""Kinds by row of the table; a quiet document is of the group ``quiet``."""

_SLOT = re.compile(r"⟨(\w+)(?::(\w+))?⟩")
_WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-/"}
_TRICKS = {*CHECKED, *STRUCTURED, "imei", "vin"} - {"mrz"}


class Document(NamedTuple):
    id: str
    lang: str
    text: str
    spans: list[tuple[int, int, str]]
    genre: str
    group: str  # documents, ids, vehicles, quiet


def documents(split: Split, seed: int, count: int) -> Iterator[Document]:
    """Yield ``count`` documents: two fifths from templates, three fifths single sentences about one kind."""
    r = Random(seed)
    kinds = sorted(split.labels)
    for number in range(count):
        name, (block, place) = f"{seed}-{number}", divmod(number, 5)
        if place < 2:
            template = split.documents[(2 * block + place) % len(split.documents)]
            yield fill(template, r, name, "quiet" if template.quiet else "documents")
        else:
            yield _sentence(split, r, kinds[(3 * block + place - 2) % len(kinds)], name)


def _sentence(split: Split, r: Random, kind: str, name: str) -> Document:
    lang = r.choice(LANGUAGES)
    if kind in BARE and r.random() < 0.4:
        frame = r.choice(split.bare[lang])
    else:
        label = r.choice(split.labels[kind])
        frame = r.choice(split.frames[lang]).replace("⟨label⟩", label)
    group = "vehicles" if kind in GROUPS["vehicles"] else "ids"
    return fill(Template(lang, "sentence", frame.replace("⟨value⟩", f"⟨{kind}⟩")), r, name, group)


def fill(template: Template, r: Random, name: str, group: str = "documents") -> Document:
    """Put values into a template's slots."""
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    at = length = 0
    for slot in _SLOT.finditer(template.text):
        before = template.text[at : slot.start()]
        value, kind = _value(r, slot[1], slot[2] or "", template.lang)
        parts += [before, value]
        length += len(before) + len(value)
        if kind:
            spans.append((length - len(value), length, kind))
        at = slot.end()
    parts.append(template.text[at:])
    return Document(name, template.lang, "".join(parts), spans, template.genre, group)


def _value(r: Random, kind: str, detail: str, lang: str) -> tuple[str, str]:
    """Return what a slot becomes, and the kind it is labelled with; "" for nothing."""
    if kind == "near":
        return NEAR[detail](r), ""
    if kind == "wrong":
        return wrong(r, detail), ""
    if kind == "mark":
        return r.choice(MARKS[lang if lang in MARKS else "en"]), "mark"
    if kind in {"employee", "badge"}:
        return r.choice([f"E{digits(r, 6)}", digits(r, 8), f"{r.choice('KMP')}-{digits(r, 5)}"]), kind
    if kind in CONTACTS:
        return CONTACTS[kind](r, detail or lang), kind
    value = PLAIN[kind](r)
    return (_bent(r, value, lang) if kind in _TRICKS else value), kind


def _bent(r: Random, value: str, lang: str) -> str:
    """Return the value as somebody may paste it: full-width, other hyphens, an invisible character inside."""
    chance = r.random()
    if lang in {"ja", "zh", "mixed"} and chance < 0.3:
        return value.translate(_WIDE)
    if chance > 0.97:
        middle = len(value) // 2
        return value[:middle] + r.choice("\u200b\u00ad\u2060") + value[middle:]
    if "-" in value and chance > 0.9:
        return value.replace("-", r.choice("‐‑–−"))
    if " " in value and chance > 0.85:
        return value.replace(" ", "\u00a0")
    return value
