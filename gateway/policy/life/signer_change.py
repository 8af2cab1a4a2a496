"""Who may say whose signature counts.

1. The first approver is set up by whoever runs the house.
2. While there is one approver, that one signs each change.
3. Once there are two, two of them sign each change, whoever comes or goes and in whatever role: who could add a key
   alone, as an author or as an approver, would be two persons where two are asked; who could remove the other approver
   alone would be the only one again.

So nobody who can open a socket makes himself two persons, an approver who can neither, once there is another. What is
signed is ``sekisho.signer-change/1``: what shall change, and the list it changes, so that an approval holds for one
change and cannot be used again. An approval is a signature of a DSSE envelope over its canonical JSON::

    change = SignerChange.of("add", signer, signers.list())
    approved_by(change, [approval(change, anas_key), approval(change, bens_key)], signers.list())    # ("ana", "ben")
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
MOST_NEEDED = 2
_MEND = "Give an approver's private key with --approve-with, and do it again if the list has changed meanwhile."
_MEND_OF_TWO = f"{_MEND} Where they are not at one place: --statement FILE, one after the other."


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


def needed(signers: Sequence[Signer]) -> int:
    """Return how many approvers must sign a change of this list: none, one or two."""
    return min(MOST_NEEDED, len(_approvers(signers)))


def signed_by(change: SignerChange, signatures: Sequence[dsse.Signature], signers: Sequence[Signer]) -> tuple[str, ...]:
    """Return which approvers have signed the change, sorted; whatever else is among the signatures counts for nothing.

    Raises:
        BadEnvelope: there are too many signatures.
    """
    return dsse.verify(TYPE, _envelope(change, signatures), _approvers(signers), needed=0)


def approved_by(
    change: SignerChange, signatures: Sequence[dsse.Signature], signers: Sequence[Signer]
) -> tuple[str, ...]:
    """Return which approvers have signed the change, sorted; nobody while there is no approver who could.

    Raises:
        SetupError: fewer than are needed, with as many keys, have signed this change of this list.
    """
    least = needed(signers)
    if not least:
        return ()
    try:
        return dsse.verify(TYPE, _envelope(change, signatures), _approvers(signers), needed=least)
    except dsse.BadEnvelope as error:
        problem = "There are approvers, so one of them must approve who else signs."
        if least > 1:
            problem = "There are two approvers or more, so two of them must approve who else signs."
        raise SetupError(problem, _MEND_OF_TWO if least > 1 else _MEND, exit_code=2) from error


def _approvers(signers: Sequence[Signer]) -> list[Signer]:
    return [signer for signer in signers if "approver" in signer.roles]


def _envelope(change: SignerChange, signatures: Sequence[dsse.Signature]) -> dsse.Envelope:
    return msgspec.structs.replace(dsse.sign(TYPE, change.payload(), []), signatures=tuple(signatures))


def _digest(signers: Sequence[Signer]) -> str:
    parts = sorted([signer.name, signer.public_key, *sorted(signer.roles)] for signer in signers)
    return hashlib.sha256(dsse.canonical(parts)).hexdigest()
