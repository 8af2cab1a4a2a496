"""A gateway that nodes can join, without its other rooms, and machines that join it.

A tour: :class:`RememberingBook` keeps what would be written, ``broken`` makes it refuse. :func:`enrolment` makes the
gateway's side in a folder, on a clock that stands still until ``clock.now`` is moved. :func:`asked` is what a machine
says, with a key of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import AuditUnavailable
from gateway.fleet.nodes.asking import Asking, NewToken
from gateway.fleet.nodes.enrol import Enrolment
from gateway.fleet.nodes.membership import request_for
from gateway.keys.vault import FileVault
from gateway.settings import SiteSettings

PEPPER = bytes(range(32))
PLACE = SiteSettings(name="ingolstadt", node="gateway", jurisdiction="DE")


@dataclass
class StandingClock:
    """Tells ``now`` until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def on(self, **how_far: float) -> None:
        self.now += timedelta(**how_far)


@dataclass
class RememberingBook:
    """The audit log, in memory: ``written`` are (type, details), durable when ``durable`` was awaited after them."""

    broken: bool = False
    written: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sums: list[tuple[str, int, str]] = field(default_factory=list)
    made_durable: int = 0

    def event(self, type: str, **details: Any) -> None:
        if self.broken:
            raise AuditUnavailable
        self.written.append((type, details))

    async def durable(self) -> None:
        if self.broken:
            raise AuditUnavailable
        self.made_durable = len(self.written)

    def denial(self, *, code: str, status: int, source: str) -> None:
        self.sums.append((code, status, source))

    @property
    def types(self) -> list[str]:
        return [type for type, _ in self.written]


def enrolment(
    folder: Path,
    book: RememberingBook,
    clock: StandingClock | None = None,
    peppers: Sequence[bytes] = (PEPPER,),
) -> Enrolment:
    return Enrolment(
        folder / "nodes",
        PLACE,
        book,
        FileVault(folder / "keys"),
        peppers=lambda: peppers,
        taken=("vllm",),
        hosts=("127.0.0.1",),
        clock=clock or StandingClock(),
    )


async def token_of(office: Enrolment, name: str = "gpu1", **wish: Any) -> str:
    return str((await office.make_token(NewToken(name=name, **wish), "ana"))["token"])


def asked(token: str, clock: StandingClock, **other: Any) -> Asking:
    """What a machine with a fresh key says."""
    request = request_for(ec.generate_private_key(ec.SECP256R1()))
    said: dict[str, Any] = {"request": request, "address": "10.0.0.7:8443", "version": "1.0", "time": clock(), **other}
    return Asking(token=token, **said)
