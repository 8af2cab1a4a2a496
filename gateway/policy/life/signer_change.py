"""Who may say whose signature counts: the first approver is set up by whoever runs the house, and from then on an
approver signs each change. So nobody who can open a socket makes himself two persons; an approver who can is on record.

What is signed is ``sekisho.signer-change/1``: what shall change, and the list it changes, so that an approval holds
for one change and cannot be used again. An approval is a DSSE envelope over its canonical JSON::

    change = SignerChange.of("add", signer, signers.list())
    approved_by(change, approval(change, bens_key), signers.list())      # "ben"
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.signers import Role, Signer

TYPE = "application/vnd.sekisho.signer-change+json"
_NOT_APPROVED = "There are approvers, so one of them must approve who else signs."
_MEND = "Give an approver's private key with --approve-with, and do it again if the list has changed meanwhile."


class SignerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The document that is signed. ``among`` is SHA-256 over the list that it changes."""

    action: Literal["add", "remove"]
    name: str
    public_key: str
    roles: tuple[Role, ...]
    among: str
    version: Literal["sekisho.signer-change/1"] = "sekisho.signer-change/1"

    @classmethod
    def of(cls, action: Literal["add", "remove"], signer: Signer, signers: Sequence[Signer]) -> SignerChange:
        roles = tuple(sorted(signer.roles))
        key = signer.public_key
        return cls(action=action, name=signer.name, public_key=key, roles=roles, among=_digest(signers))

    def payload(self) -> bytes:
        return dsse.canonical(msgspec.to_builtins(self))


def approval(change: SignerChange, key: Ed25519PrivateKey) -> dsse.Signature:
    """Return an approver's signature on the change."""
    return dsse.sign(TYPE, change.payload(), [key]).signatures[0]


def approved_by(change: SignerChange, signature: dsse.Signature | None, signers: Sequence[Signer]) -> str:
    """Return which approver has signed the change; empty while there is no approver who could.

    Raises:
        SetupError: there is one, and none has signed this change of this list.
    """
    approvers = [signer for signer in signers if "approver" in signer.roles]
    if not approvers:
        return ""
    if signature is None:
        raise SetupError(_NOT_APPROVED, _MEND, exit_code=2)
    envelope = msgspec.structs.replace(dsse.sign(TYPE, change.payload(), []), signatures=(signature,))
    try:
        return dsse.verify(TYPE, envelope, approvers)[0]
    except dsse.BadEnvelope as error:
        raise SetupError(_NOT_APPROVED, _MEND, exit_code=2) from error


def _digest(signers: Sequence[Signer]) -> str:
    parts = sorted([signer.name, signer.public_key, *sorted(signer.roles)] for signer in signers)
    return hashlib.sha256(dsse.canonical(parts)).hexdigest()
