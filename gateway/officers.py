"""Whose signature opens what is kept of persons: the signers of this house, seen from the book's room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import Secrets
from gateway.audit.persons.office import Events, PersonsOffice
from gateway.audit.persons.officers import Officer, Signature
from gateway.keeping import named
from gateway.policy.life import dsse
from gateway.policy.life.signers import Signer, Signers
from gateway.settings import Settings


class SignersAsOfficers:
    """The :class:`~gateway.audit.persons.officers.Officers` of an installation.

    Args:
        signers: who is trusted; asked at each look, so that somebody who is removed counts no more.
    """

    def __init__(self, signers: Callable[[], Sequence[Signer]]) -> None:
        self._signers = signers

    def signed(self, type: str, payload: bytes, signatures: Sequence[Signature]) -> Sequence[Officer]:
        envelope = dsse.sign(type, payload, [])
        given = tuple(dsse.Signature(one.keyid, one.sig) for one in signatures[: dsse.MOST_SIGNATURES])
        whole = dsse.Envelope(envelope.payload, envelope.payload_type, given)
        return [Officer(s.name, s.key_id, s.roles) for s in self._signers() if _holds(type, whole, s)]


def persons_office(
    settings: Settings, store: SideStore, book: Events, secrets_of: Secrets, *, patience_seconds: float = 0.0
) -> PersonsOffice:
    """Return the office of an installation; with patience where answers are being searched meanwhile."""
    return PersonsOffice(
        store=store,
        audit=settings.data / "audit",
        folder=settings.state / "persons",
        book=book,
        officers=SignersAsOfficers(Signers(settings.keys).list),
        names_of=named,
        secrets_of=secrets_of,
        patience_seconds=patience_seconds,
    )


def _holds(type: str, envelope: dsse.Envelope, signer: Signer) -> bool:
    try:
        return bool(dsse.verify(type, envelope, [signer]))
    except dsse.BadEnvelope:
        return False
