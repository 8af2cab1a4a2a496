"""An installation for the life of a policy: keys, small policies, a table, a book in memory, and the real OPA.

A tour: :func:`new_house` makes one; ``house.life(switch)`` is what changes its policies; ``house.book.types()`` is what
was put on record; ``house.person("ana", "approver")`` is a signer who signs with ``house.sign(revision, "ana")``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from small_policies import write_policies

from gateway.keys.files import FileKeyring
from gateway.policy.life import dsse
from gateway.policy.life.activation import PolicyLife
from gateway.policy.life.manifest import TYPE
from gateway.policy.life.revisions import Revision, Standing, Step, unwatched
from gateway.policy.life.signer_change import SignerChange, approval
from gateway.policy.life.signers import Signer, Signers, public_text
from gateway.settings import PolicySettings, Settings, SiteSettings

TABLE = """\
data,collected_in,class,purpose,destination,decision,redaction,legal_basis,review_by,owner,mode,note
*,*,*,*,*,allow,pseudonymise,,2030-01-01,tests,enforce,
"""
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Book:
    """The audit log's smallest implementation: a list. ``full`` makes it refuse, as a full disk would."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))

    async def durable(self) -> None:
        await asyncio.sleep(0)

    def types(self) -> list[str]:
        return [type_ for type_, _ in self.events]

    def last(self) -> dict[str, Any]:
        return self.events[-1][1]


class Nobody:
    """A switch that nothing hangs on; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def prepare(self, standing: Standing) -> None:
        self.asked.append(f"prepare {standing.bundle.revision}")

    async def switch(self) -> None:
        self.asked.append("switch")

    async def abandon(self) -> None:
        self.asked.append("abandon")


class PolicyHouse:
    """The installation. ``fresh`` writes its files; without it they are as somebody left them."""

    def __init__(self, folder: Path, preset: str, *, fresh: bool = True) -> None:
        self.folder, self.policies, self.rules = folder, folder / "policies", folder / "rules.csv"
        if fresh:
            write_policies(self.policies, "a")
            self.rules.write_text(TABLE)
        self.settings = Settings(
            site=SiteSettings(name="muc", node="n", jurisdiction="DE", preset=preset),  # type: ignore[arg-type]
            policy=PolicySettings(
                directory=str(self.policies), rules=str(self.rules), deadline_seconds=10.0, remember_seconds=0.0
            ),
            data_dir=str(folder / "d"),
        )
        self.keyring = FileKeyring(self.settings.keys)
        self.keyring.create()
        self.book = Book()
        self.switch = Nobody()
        self.now = NOW
        self.keys: dict[str, Ed25519PrivateKey] = {}

    @classmethod
    def reopened(cls, folder: Path, preset: str) -> PolicyHouse:
        return cls(folder, preset, fresh=False)

    def life(self, switch: Any = None, step: Step = unwatched, settings: Settings | None = None) -> PolicyLife:
        changed = settings or self.settings
        return PolicyLife(changed, self.keyring, self.book, switch or self.switch, step=step, clock=self.clock())

    def clock(self) -> Callable[[], datetime]:
        return lambda: self.now

    def mark(self, word: str) -> None:
        """Change the policies: answers name the word."""
        write_policies(self.policies, word)

    def with_policy(self, **change: Any) -> Settings:
        return msgspec.structs.replace(self.settings, policy=msgspec.structs.replace(self.settings.policy, **change))

    def person(self, name: str, *roles: str) -> Signer:
        """Make a person with a key, trusted here if there is a role."""
        key = self.keys[name] = Ed25519PrivateKey.generate()
        signer = Signer(name=name, public_key=public_text(key.public_key()), roles=roles)  # type: ignore[arg-type]
        if roles:
            Signers(self.settings.keys).add(signer)
        return signer

    async def trust_in(self, other: PolicyHouse, *persons: Signer) -> None:
        """Let persons of this house sign in another one; an approver there agrees, once there is one."""
        keys = {**self.keys, **other.keys}
        for person in persons:
            known = other.life().signers.list()
            change = SignerChange.of("add", person, known)
            agreed = [approval(change, keys[one.name]) for one in known if "approver" in one.roles]
            await other.life().add_signer(person, "admin", agreed)

    def signature(self, revision: Revision, name: str) -> dsse.Signature:
        return dsse.sign(TYPE, dsse.payload_of(revision.envelope), [self.keys[name]]).signatures[0]

    async def sign(self, life: PolicyLife, reference: str, *names: str) -> None:
        for name in names:
            await life.sign(reference, self.signature(life.revisions.get(reference), name), name)
