"""Policies that answer wrongly, in the real OPA: each is refused with its own code and a decision id."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.domain import PolicyInput, Target
from gateway.errors import PolicyUnavailable
from gateway.policy.client import OpaPolicy, draft
from gateway.settings import PolicySettings, Settings

pytestmark = pytest.mark.real

SOUND = """\
{
    "version": "sekisho.answer/1",
    "allow": true,
    "granted": {input.candidates[0]: "here"},
    "terms": {"here": {
        "redact": {"*": "pseudonymise"},
        "tag_scope": "project",
        "restore": ["text"],
        "obligations": [],
        "output_guard": "off",
    }},
    "reasons": {},
    "facts": data.facts.revision,
    "remember_until": "",
}"""


@pytest.fixture
def decide(
    settings: Settings, short_dir: Path, repository: Path, targets: tuple[Target, ...], ask: Callable[..., PolicyInput]
) -> Callable[[str], object]:
    """Return a function that asks once under a decision of one's own."""

    async def decide(rule: str) -> object:
        folder = Path(shutil.copytree(repository / "policies", short_dir / "policies"))
        (folder / "main" / "decision.rego").write_text(f"package sekisho\n\n{rule}\n")
        mine = PolicySettings(directory=str(folder), deadline_seconds=10.0)
        changed = msgspec.structs.replace(settings, policy=mine)
        policy = OpaPolicy(changed, draft(changed))
        await policy.start()
        try:
            await policy.push_facts(targets)
            return await policy.decide(ask())
        finally:
            await policy.stop()

    return decide


async def test_a_sound_answer_passes(decide: Callable[[str], object]) -> None:
    assert (await decide(f"decision := {SOUND}")).allow  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("decision := true if input.nothing", "policy.undefined"),
        ("allow := true", "policy.undefined"),
        ("decision := true", "policy.malformed"),
        ("decision := {}", "policy.malformed"),
        (f"decision := {SOUND}".replace("answer/1", "answer/2"), "policy.malformed"),
        (f"decision := {SOUND}".replace("input.candidates[0]", '"other/n/w:m"'), "policy.malformed"),
        (f"decision := {SOUND}".replace('"pseudonymise"', '"encrypt"'), "policy.malformed"),
        (f"decision := {SOUND}".replace('"obligations": []', '"obligations": ["x"]'), "policy.unknown_obligation"),
        (f"decision := {SOUND}".replace("data.facts.revision", '"old"'), "policy.facts_unknown"),
        ("decision := 1 if input.version\n\ndecision := 2 if input.version", "policy.unavailable"),
    ],
)
async def test_a_wrong_answer_is_refused(decide: Callable[[str], object], rule: str, code: str) -> None:
    with pytest.raises(PolicyUnavailable) as refusal:
        await decide(rule)  # type: ignore[misc]

    assert refusal.value.code == code
    assert refusal.value.decision_id
