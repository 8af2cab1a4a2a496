"""``bootstrap.json``: what runs before TUF can, by hash; ``bootstrap.sigs``: who of the targets role vouches for it.

The signatures are over the exact bytes of ``bootstrap.json``. Its first field says what it is, so that no other signed
document passes for it. Example::

    {"schema": "sekisho.bootstrap/1",
     "files": {"bootstrap.py": "9f3a…", "install.sh": "77b0…"},
     "stage_two": {"targets/1c2d….tuf-7.0.1-py3-none-any.whl": "1c2d…"}}

    {"signatures": [{"keyid": "ab12…", "sig": "…"}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from securesystemslib.signer import Signer

NAME, SIGNATURES = "bootstrap.json", "bootstrap.sigs"


class Bootstrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths in the bundle and their SHA-256 in hex. ``stage_two`` are wheels, put on Python's path in their order."""

    schema: Literal["sekisho.bootstrap/1"] = "sekisho.bootstrap/1"
    files: Mapping[str, str]
    stage_two: Mapping[str, str]


def encode(bootstrap: Bootstrap) -> bytes:
    """The document as it is signed."""
    return msgspec.json.format(msgspec.json.encode(bootstrap, order="sorted"), indent=1) + b"\n"


def sign(document: bytes, signers: Iterable[Signer]) -> bytes:
    """Return ``bootstrap.sigs``: one signature of each key of the targets role."""
    made = [{"keyid": one.keyid, "sig": one.signature} for one in (signer.sign(document) for signer in signers)]
    return msgspec.json.format(msgspec.json.encode({"signatures": made}), indent=1) + b"\n"
