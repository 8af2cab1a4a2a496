"""Rules of pseudonyms: what a tag looks like, how it is made, and which bent forms of it still count as it.

A tag is ``TYPE_CORE``, for example ``PERSON_7K3M9QX2T4VWB6HD``: the finding's type, and 16 characters of Crockford's
base 32 (digits and capitals without I, L, O, U), which are 80 bits of HMAC-SHA256 over (type, canonical value).

Why this form:

- Nothing but ASCII letters, digits and ``_``. It needs no escape in JSON, HTML, Markdown, URLs or regular expressions,
  and is allowed where only identifiers are (a message's ``name``, a JSON key). Brackets around it would be lost,
  changed, turned into entities or read as markup; without them there is nothing to lose.
- The core has a fixed length, so endings may stick to it (``…B6HDs``, ``…B6HDさん``) and it still ends where it ends.
- The type tells a model what stands there. It is decoration for restoring: the core alone is enough.

Same value, same tag, within a scope (a project, or one request): :func:`scope_key`. Values are compared in canonical
form (:func:`canonical`), so ``John  Smith`` and ``JOHN SMITH`` of two requests get one tag. Within one request the
first spelling gets that tag and each further spelling one of its own, since restoring gives back what was written,
letter by letter.

Not every value gets a tag. Three other forms stand for values with no way back, and none of them is ever read as a tag:
``<PERSON>`` (:func:`mask`), ``<PERSON#3J7Q0ZK8M1W5R9TB>`` (:func:`hashed`: equal values are equal, keyed, of another
derivation than tags) and ``<REDACTED>``.

What models make of tags, and what still counts as one, is in :mod:`gateway.privacy.bends`.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from typing import Literal

CORE_LENGTH = 16
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_COMPACT = {"PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD", "US_SSN", "MAC_ADDRESS", "UK_NINO", "DE_SOCIAL_SECURITY"}
REDACTED = "<REDACTED>"
"""What stands for a value of which not even the type is told."""

_NOT_A_TYPE = re.compile(r"[^A-Z0-9_]+")
_MOST_TYPE_LENGTH = 32


def scope_key(tenant_key: bytes, scope: Literal["project", "request"], name: str) -> bytes:
    """Return the key of one project's, or one request's, tags.

    Args:
        tenant_key: 32 secret bytes of the tenant.
        scope: what ``name`` is the name of.
        name: project, or request id.
    """
    return hmac.digest(tenant_key, f"sekisho/tags/1\0{scope}\0{name}".encode(), "sha256")


def is_compact(type: str) -> bool:
    """Whether a type's values are numbers that are written with and without separators."""
    return type in _COMPACT


def canonical(type: str, value: str) -> str:
    """Return the form in which two spellings of a value are equal: NFKC, casefolded, single blanks; numbers bare."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    if type in _COMPACT:
        return "".join(char for char in folded if char.isalnum() or char == "+")
    return " ".join(folded.split())


def core(key: bytes, *parts: str) -> str:
    """Return 80 bits of HMAC-SHA256 over the parts, as 16 characters. Lengths are part of what is hashed."""
    message = b"".join(len(data).to_bytes(8, "big") + data for data in (part.encode("utf-8") for part in parts))
    number = int.from_bytes(hmac.digest(key, message, "sha256")[:10], "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))


def tag_type(type: str) -> str:
    """Return a finding's type as it stands in a tag: capitals, digits and ``_``, at most 32 of them."""
    return _NOT_A_TYPE.sub("_", type.upper())[:_MOST_TYPE_LENGTH].strip("_") or "VALUE"


def mask(type: str) -> str:
    """Return what stands for a value of which only the type is told."""
    return f"<{tag_type(type)}>"


def hashed(key: bytes, type: str, value: str) -> str:
    """Return what stands for a value of which is told whether it is the same: 80 bits of HMAC over its canonical form.

    One way: without the scope's key no value can be tried. The bits are not those of the value's tag.
    """
    return f"<{tag_type(type)}#{core(key, 'hash', type, canonical(type, value))}>"
