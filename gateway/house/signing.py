"""Who signed what is served: from the registry to the policy, at the start and whenever it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from gateway.audit.shelf import Shelf
from gateway.domain import Target
from gateway.errors import SetupError
from gateway.fleet.door import Fleet
from gateway.fleet.life.home import ResidentHome
from gateway.fleet.local import LocalFleet
from gateway.policy.client import OpaPolicy
from gateway.registry.office import ModelOffice
from gateway.registry.store import ContentStore


def as_signed(store: ContentStore, target: Target) -> Target:
    """Return a target with what is known now of its file's signature; one whose file another keeps as it is.

    A signature that is bad or cannot be read is none. A model is signed when its adapters are, too. Reads small files.
    """
    manifest = store.find(target.model)
    is_elsewhere = target.external or "/remote:" in target.id  # its bytes are not seen here, whatever digest it tells
    if manifest is None or is_elsewhere or target.digest != manifest.sha256:
        return target
    try:
        verdict = store.signatures.verdict(manifest)
        beside = [store.signatures.verdict(adapter).status for adapter in store.adapters(manifest.name)]
    except SetupError:
        return replace(target, signed=False, signer="")
    signed = {verdict.status, *beside} == {"signed"}
    return replace(target, signed=signed, signer=verdict.signer if signed else "")


def all_as_signed(store: ContentStore, targets: Iterable[Target]) -> list[Target]:
    return [as_signed(store, target) for target in targets]


def take_up(store: ContentStore, fleet: LocalFleet) -> None:
    """Let each target be known as it is signed now, so that intents say what the policy was told."""
    for desk in fleet.desks():
        home = desk.home
        if isinstance(home, ResidentHome):  # all others are models that somebody else keeps
            home.target = as_signed(store, home.target)


Holders = Callable[[str], Sequence[dict[str, Any]]]


def model_office(
    store: ContentStore, book: Shelf, fleet: LocalFleet, policy: OpaPolicy, holders: Holders = lambda digest: ()
) -> ModelOffice:
    """Return who changes models in the running server: what is served stays, and the policy knows of each signature.

    Args:
        holders: the joined nodes that have a file, by its SHA-256.
    """

    async def tell() -> None:
        await policy.push_facts(lambda: all_as_signed(store, fleet.targets()))
        take_up(store, fleet)

    return ModelOffice(store, book, serves=partial(_serves, fleet), changed=tell, holders=holders)


def _serves(fleet: Fleet, model: str) -> bool:
    return any(target.model == model for target in fleet.targets())
