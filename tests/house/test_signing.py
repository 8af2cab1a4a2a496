"""What the policy is told of who signed what is served."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from gguf_files import model
from model_signatures import bundle, new_key, public_pem, statement
from msgspec.structs import replace

from gateway.domain import Capability, Target
from gateway.fleet.life.home import ResidentHome
from gateway.fleet.local import LocalFleet
from gateway.house.signing import as_signed, take_up
from gateway.registry.store import ContentStore

WEIGHTS = model()
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
OWN = Target("muc/n/w0:m", "m", (Capability.CHAT,), "muc", "n", "DE", same_node=True, digest=SHA256)
KEY = new_key()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    manifest = {"name": "m", "file": "m.gguf", "sha256": SHA256, "size_bytes": len(WEIGHTS), "quantisation": "F32"}
    papers = {"context_tokens": 64, "capabilities": ["chat"], "licence": "MIT", "origin": "a test"}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.yaml").write_text(yaml.safe_dump(manifest | papers))
    store = ContentStore(tmp_path / "models", tmp_path / "store", site=tmp_path / "state" / "models")
    store.signatures.trust("mia", public_pem(KEY))
    return store


def sign(store: ContentStore, sha256: str = SHA256) -> None:
    found = store.find("m")
    assert found is not None
    store.signatures.put(found, json.dumps(bundle(KEY, statement(sha256))))


def test_a_signature_and_whose_it_is_are_told_from_the_moment_it_is_there(store: ContentStore) -> None:
    assert (as_signed(store, OWN).signed, as_signed(store, OWN).signer) == (False, "")
    sign(store)
    assert (as_signed(store, OWN).signed, as_signed(store, OWN).signer) == (True, "mia")
    store.signatures.distrust("mia")
    assert not as_signed(store, OWN).signed


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda target: replace(target, external=True),
        lambda target: replace(target, id="muc/vllm/remote:m"),
        lambda target: replace(target, digest=""),
        lambda target: replace(target, digest="0" * 64),
        lambda target: replace(target, model="another"),
    ],
)
def test_what_another_keeps_is_not_signed_by_what_lies_here(
    store: ContentStore, elsewhere: Callable[[Target], Target]
) -> None:
    sign(store)
    assert not as_signed(store, elsewhere(OWN)).signed


@pytest.mark.parametrize("broken", ["no signature", ""])
def test_what_cannot_be_judged_is_told_as_unsigned(store: ContentStore, tmp_path: Path, broken: str) -> None:
    sign(store)
    if broken:
        (tmp_path / "store" / "signatures" / f"{SHA256}.json").write_text(broken)
    else:
        (tmp_path / "state" / "model-keys" / "mia.pem").write_text("no key")
    assert not as_signed(store, OWN).signed


def test_a_model_with_an_adapter_that_nobody_signed_is_unsigned(store: ContentStore) -> None:
    sign(store)
    own = {"name": "tone", "file": "t.gguf", "sha256": "b" * 64, "size_bytes": 1, "quantisation": "F32"}
    papers = {"context_tokens": 0, "capabilities": [], "licence": "MIT", "origin": "a test", "kind": "adapter"}
    store.register(own | papers | {"lineage": {"base": "m"}})
    assert not as_signed(store, OWN).signed

    tone = store.find("tone")
    assert tone is not None
    store.signatures.put(tone, json.dumps(bundle(KEY, statement("b" * 64))))
    assert as_signed(store, OWN).signed


def test_intents_say_what_is_signed_now(store: ContentStore) -> None:
    none = cast(Any, None)
    home = ResidentHome(OWN, slots=1, context_tokens=64, rules=none, resident=none, look=none, clock=none)
    fleet = LocalFleet([home], queue=1, find_model=lambda name: name, model_names=lambda: ["m"])
    caller = cast(Any, type("Anybody", (), {"models": (), "sites": ()}))

    sign(store)
    take_up(store, fleet)

    assert [(target.signed, target.signer) for target in fleet.targets()] == [(True, "mia")]
    assert [target.signed for target in fleet.candidates("m", Capability.CHAT, caller)] == [True]
    store.signatures.distrust("mia")
    take_up(store, fleet)
    assert [target.signed for target in fleet.candidates("m", Capability.CHAT, caller)] == [False]
