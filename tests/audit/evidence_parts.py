"""Parts of tests of evidence packs: a log with some days of everyday records, a house without other rooms, keys."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.evidence.door import Approval, Revision
from gateway.audit.evidence.manifest import envelope, signed_bytes
from gateway.audit.evidence.pack import PackKeys
from gateway.audit.export.manifest import sealed, to_bytes
from gateway.audit.export.office import KEY_NAME
from gateway.audit.export.run import Keys
from gateway.audit.log.note import Signer, parse_verifier_key


class PlainHouse:
    """The smallest true house: one revision is kept, names stay as they are, sentences show what they were made of."""

    def __init__(self, folder: Path, kept: Sequence[str] = ("r1",)) -> None:
        self._folder, self._kept = folder, kept

    def revision(self, id_: str) -> Revision | None:
        if id_ not in self._kept:
            return None
        path = self._folder / f"{id_}.csv"
        path.write_text("row;what\n")
        by = (
            Approval("a1", "this gateway", ("builder",)),
            Approval("b2", "ana", ("approver",)),
            Approval("c3", "", ()),
        )
        day = "2026-06-30T00:00:00Z"
        return Revision(id_, day, day, "opa/1", 169, 40, by, {"rules.csv": path})

    def models(self) -> Sequence[Mapping[str, Any]]:
        return [{"name": "qwen3-8b", "sha256": "5e" * 32}]

    def sentence(self, code: str, params: Mapping[str, str], language: str) -> str:
        return f"<{language}> {code} {' '.join(f'{name}={value}' for name, value in sorted(params.items()))}"

    def meaning(self, code: str, language: str) -> str:
        return f"<{language}> {code}"

    def name(self, word: str, language: str) -> str:
        return word

    def law_of(self, country: str) -> str:
        return {"DE": "EEA", "CN": "CN", "JP": "JP"}.get(country, "")

    def key_files(self) -> Mapping[str, bytes]:
        return {"log.vkey": b"sekisho-log+00000000+AA==\n"}


def pack_keys(key: Ed25519PrivateKey) -> PackKeys:
    signer = Signer(KEY_NAME, key)
    vkey = signer.verifier_key()

    def seal(payload: bytes) -> bytes:
        return envelope(payload, signer.key_name, signer.sign_bytes(signed_bytes(payload)))

    verifiers = (parse_verifier_key(vkey),)
    return PackKeys(Keys(verifiers, vkey, lambda payload: sealed(payload, signer)), seal)


def unpacked(out: Path) -> dict[str, bytes]:
    """Return every file of a pack."""
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def manifest_of(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what the pack's manifest says, its signature unchecked."""
    return dict(json.loads(to_bytes(json.loads(files["manifest.json"])["payload"])))


def rewritten(out: Path, change: Mapping[str, bytes | None]) -> bytes:
    """Return the pack with files changed, added, or (``None``) taken out."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**unpacked(out), **change}.items():
            if content is not None:
                archive.writestr(name, content)
    return made.getvalue()
