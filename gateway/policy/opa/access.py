"""Who may speak to OPA: three tokens, new at every start of OPA, and the bundle that tells it their hashes.

OPA never has a token itself, only its SHA-256, in files that nobody else may read; the gateway keeps the tokens in
memory and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

AUTHZ = Path(__file__).with_name("rego") / "authz.rego"
ROLES = ("query", "push", "watch")


@dataclass(frozen=True)
class Access:
    """Where one run of OPA listens, and the tokens for it: to ask, to push facts, to watch its health."""

    socket: Path
    query: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    push: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    watch: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def write_authz(access: Access, folder: Path) -> None:
    """Write the bundle with ``system.authz`` and the hashes of the tokens; the folder is 0700, its files 0600."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    hashes = {role: hashlib.sha256(getattr(access, role).encode()).hexdigest() for role in ROLES}
    _write(folder / ".manifest", json.dumps({"roots": ["system/authz"], "rego_version": 1}))
    _write(folder / "data.json", json.dumps({"system": {"authz": {"tokens": hashes}}}))
    _write(folder / "authz.rego", AUTHZ.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
