"""Who signed a revision, and whether it may be put in force here. Pure, but for reading the trusted keys.

Rules:

1. A revision was built here when the key of this house's log signed it, or one that it followed. One that was not
   counts only with the signatures of two trusted persons, whatever the preset.
2. Tests passed, and it has not expired.
3. Outside the preset ``demo`` two trusted persons signed it, with two keys, and one of them is an approver: whoever
   wrote it does not approve it alone.
4. Rule 3 does not hold for the first revision of an installation, which ``sekisho init`` builds and activates, nor for
   one that was in force before (``rollback``).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.manifest import TYPE, instant
from gateway.policy.life.revisions import Revision
from gateway.policy.life.signers import OF_POLICY, Signer, Signers

PERSONS = 2
BUILDER = "this gateway"
UNSIGNED = "It was not built here, and two trusted persons have not signed it."
_ED25519_NOTE = b"\x01"  # signature type of C2SP signed-note, before the key itself


@dataclass(frozen=True)
class Trust:
    """Whose signatures count here. ``builders`` are the public parts of the log's keys, the one in force first."""

    builders: tuple[dsse.Signer, ...]
    persons: tuple[Signer, ...]


@dataclass(frozen=True)
class Seen:
    """One signature: by whom, and in which roles. ``name`` is empty where the key is not known or does not fit."""

    key_id: str
    name: str = ""
    roles: tuple[str, ...] = ()


def trust_of(keys: Path) -> Trust:
    """Return whom an installation trusts, from its folder of keys. Raises SetupError."""
    newest = _builders(keys / "log.vkey")
    before = [key for key in reversed(_builders(keys / "log-vkeys")) if key not in newest] if _rotated(keys) else []
    return Trust((*newest, *before), Signers(keys).list())


def _rotated(keys: Path) -> bool:
    return (keys / "log-vkeys").exists()


def _builders(path: Path) -> list[dsse.Signer]:
    """Return the keys of a file with a verifier key on each line. Raises SetupError."""
    try:
        found = [
            base64.b64decode(line.split("+", 2)[-1], validate=True)
            for line in path.read_text(encoding="ascii").splitlines()
        ]
        if not found or any(raw[:1] != _ED25519_NOTE or len(raw) != 33 for raw in found):
            raise ValueError
    except FileNotFoundError as error:
        raise SetupError(f"There is no key file {path}.", "Run: sekisho init, or restore your keys.") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} is damaged.", "Restore it from the backup of your keys.") from error
    return [dsse.Signer(BUILDER, base64.b64encode(raw[1:]).decode()) for raw in found]


def signatures(revision: Revision, trust: Trust) -> list[Seen]:
    """Return every signature of a revision, in the order of the envelope."""
    known = {signer.key_id: signer for signer in (*trust.builders, *trust.persons)}
    return [_seen(revision, signature, known.get(signature.keyid)) for signature in revision.envelope.signatures]


def _seen(revision: Revision, signature: dsse.Signature, signer: dsse.Signer | None) -> Seen:
    if signer is None:
        return Seen(signature.keyid)
    alone = msgspec.structs.replace(revision.envelope, signatures=(signature,))
    try:
        dsse.verify(TYPE, alone, [signer])
    except dsse.BadEnvelope:
        return Seen(signature.keyid)
    return Seen(signature.keyid, signer.name, signer.roles if isinstance(signer, Signer) else ("builder",))


def hindrances(revision: Revision, trust: Trust, now: datetime, *, approved: bool = False) -> dict[str, str]:
    """Return why a revision may not be put in force, by stable code; nothing when it may.

    Args:
        approved: rule 3 does not hold: the preset is demo, it is the first, or it was in force before.
    """
    persons, built_here = _vouching(revision, trust)
    enough = _enough(persons)
    found: dict[str, str] = {}
    if not built_here and not enough:
        found["policy.unsigned"] = UNSIGNED
    elif not approved and not enough:
        found["policy.not_approved"] = f"Two persons must sign it, one of them an approver; so far: {_said(persons)}."
    if not revision.manifest.passed:
        found["policy.tests_failed"] = "Its tests did not pass."
    if now >= instant(revision.manifest.expires):
        found["policy.bundle_expired"] = f"It expired on {revision.manifest.expires[:10]}."
    return found


def require_vouched(revision: Revision, trust: Trust) -> None:
    """Refuse a revision that neither this house nor two trusted persons have signed. Raises SetupError."""
    persons, built_here = _vouching(revision, trust)
    if not built_here and not _enough(persons):
        raise SetupError(f"Nobody vouches for the policy revision {revision.id}. {UNSIGNED}", "Sign it, or build anew.")


def _vouching(revision: Revision, trust: Trust) -> tuple[dict[str, Seen], bool]:
    seen = signatures(revision, trust)
    persons = {one.name: one for one in seen if one.name and OF_POLICY.intersection(one.roles)}
    return persons, any("builder" in one.roles for one in seen)


def _enough(persons: dict[str, Seen]) -> bool:
    return len(persons) >= PERSONS and any("approver" in one.roles for one in persons.values())


def _said(persons: dict[str, Seen]) -> str:
    return ", ".join(f"{name} ({', '.join(one.roles)})" for name, one in sorted(persons.items())) or "nobody"
