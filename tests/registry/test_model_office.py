"""Removing, signing and trusting: on record first, refused where something hangs on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_signatures import bundle, new_key, public_pem, statement

from gateway.errors import SetupError
from gateway.registry.office import ModelOffice
from gateway.registry.store import ContentStore

KEY = new_key()


class Book:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.said.append(type)

    async def durable(self) -> None:
        self.said.append("durable")


class Desk:
    """A store with the small model in it, an office over it, and what was told to whom."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.store = self.opened()
        self.book = Book()
        self.served: set[str] = set()
        tiny = self.store.find("tiny")
        assert tiny is not None
        self.tiny = tiny
        self.path = self.store.add(source, tiny)
        self.office = ModelOffice(
            self.store,
            self.book,
            serves=self.served.__contains__,
            changed=self._changed,
            holders=lambda digest: [{"node": f"n-{digest[:2]}"}],
        )

    def opened(self) -> ContentStore:
        state = self.folder / "state"
        return ContentStore(self.folder / "models", self.folder / "store", state / "aliases.yaml", state / "models")

    async def _changed(self) -> None:
        self.book.said.append("changed")

    def own(self, name: str, **changes: Any) -> None:
        import msgspec

        fields = msgspec.to_builtins(self.tiny) | {"name": name, "aliases": []} | changes
        self.store.register(fields)


@pytest.fixture
def desk(tmp_path: Path, write_manifest: Callable[..., Path], source: Path) -> Desk:
    write_manifest()
    return Desk(tmp_path, source)


async def test_a_model_of_the_sites_own_is_forgotten_with_its_aliases(desk: Desk) -> None:
    desk.own("house", sha256="b" * 64)
    desk.store.set_alias("gpt-4o", "house")

    gone = await desk.office.remove("gpt-4o", "mia")

    assert gone == {"name": "house", "sha256": "b" * 64, "still_known": False, "nodes": [{"node": "n-bb"}]}
    assert desk.book.said == ["model.removed", "durable"]
    for store in (desk.store, desk.opened()):
        assert (store.find("house"), store.find("gpt-4o"), store.aliases()) == (None, None, {})


async def test_of_a_model_that_ships_the_bytes_and_the_signature_go(desk: Desk) -> None:
    desk.store.signatures.trust("mia", public_pem(KEY))
    desk.store.signatures.put(desk.tiny, json.dumps(bundle(KEY, statement(desk.tiny.sha256))))

    assert (await desk.office.remove("tiny", "mia"))["still_known"]

    assert not desk.path.exists()
    assert desk.store.missing() == [desk.tiny]
    assert desk.store.signatures.verdict(desk.tiny).status == "unsigned"


async def test_bytes_that_another_model_has_too_stay(desk: Desk) -> None:
    desk.own("twin")
    await desk.office.remove("twin", "mia")
    assert desk.store.weights(desk.tiny) == desk.path


async def test_what_is_served_or_has_an_adapter_is_not_removed(desk: Desk) -> None:
    desk.served.add("tiny")
    with pytest.raises(SetupError, match="is being served") as refusal:
        await desk.office.remove("tiny-alias", "mia")
    assert refusal.value.exit_code == 2
    desk.served.clear()
    lora = {"kind": "adapter", "capabilities": [], "context_tokens": 0, "lineage": {"base": "tiny"}}
    desk.own("tone", sha256="c" * 64, **lora)
    with pytest.raises(SetupError, match="The adapter tone is for the model tiny"):
        await desk.office.remove("tiny", "mia")
    assert desk.path.exists()
    assert desk.book.said == []


async def test_a_signature_counts_once_the_policy_knows(desk: Desk) -> None:
    await desk.office.trust("mia", public_pem(KEY), "op")
    said = await desk.office.sign("tiny", json.dumps(bundle(KEY, statement(desk.tiny.sha256))), "op")

    assert (said["status"], said["signer"]) == ("signed", "mia")
    assert desk.book.said == ["model.key_added", "durable", "changed", "model.signed", "durable", "changed"]
    assert desk.office.keys()[0]["name"] == "mia"

    await desk.office.distrust("mia", "op")
    assert desk.book.said[-3:] == ["model.key_removed", "durable", "changed"]
    assert desk.store.signatures.verdict(desk.tiny).status == "unknown key"


@pytest.mark.parametrize("what", ["sign", "trust", "distrust"])
async def test_what_is_refused_is_on_record_as_refused(desk: Desk, what: str) -> None:
    asked = {"sign": ("tiny", "{}", "op"), "trust": ("mia", "no key", "op"), "distrust": ("nobody", "op")}[what]
    with pytest.raises(SetupError):
        await getattr(desk.office, what)(*asked)
    assert desk.book.said[-1].endswith(".refused")
    assert "changed" not in desk.book.said
