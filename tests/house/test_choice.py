"""How a model is run follows from what it is for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.house.choice import mode_of, wanted_for
from gateway.registry.manifest import Manifest
from gateway.settings import EngineSettings, ModelSettings, Settings

MANIFEST = Manifest("m", "m.gguf", "0" * 64, 1, "F16", 512, ("embed",), "MIT", "made")
SETTINGS = Settings(engine=EngineSettings(kind="llama-cpp-python", draft="small", context_tokens=4096))
WISH = ModelSettings(model="m")


@pytest.mark.parametrize(
    ("capabilities", "mode"),
    [(("chat", "complete"), "chat"), (("complete",), "chat"), (("embed",), "embed"), (("rerank",), "rerank")],
)
def test_what_generates_does_not_embed(capabilities: tuple[str, ...], mode: str) -> None:
    assert mode_of(replace(MANIFEST, capabilities=capabilities)) == mode


def test_what_embeds_runs_by_itself_with_the_context_it_was_trained_for() -> None:
    wanted = wanted_for(SETTINGS, MANIFEST, WISH)

    assert (wanted.kind, wanted.draft, wanted.context_tokens) == ("xllamacpp", "", 512)
    assert wanted_for(SETTINGS, MANIFEST, replace(WISH, context_tokens=100)).context_tokens == 100


def test_what_generates_is_run_as_the_settings_say() -> None:
    wanted = wanted_for(SETTINGS, replace(MANIFEST, capabilities=("chat",)), WISH)

    assert (wanted.kind, wanted.draft, wanted.context_tokens) == ("llama-cpp-python", "small", 4096)
