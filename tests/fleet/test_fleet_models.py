"""Which models a caller sees: its own, by name or alias; all others are as if absent."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Capability
from gateway.errors import ModelNotFound
from gateway.fleet.local import LocalFleet, Member


@pytest.fixture
def fleet(make_fleet: Any, engine: Any, target: Any) -> Any:
    return make_fleet(
        (target("w0", "tiny"), engine()),
        (target("w1", "tiny"), engine()),
        (target("w2", "big", Capability.CHAT), engine()),
    )


@pytest.mark.parametrize("asked", ["tiny", "alias"])
def test_a_model_is_served_under_name_and_alias(fleet: Any, caller: Any, asked: str) -> None:
    found = fleet.candidates(asked, Capability.CHAT, caller())

    assert [target.id for target in found] == ["site/node/w0:tiny", "site/node/w1:tiny"]


@pytest.mark.parametrize("own", ["tiny", "alias"])
def test_a_key_may_name_its_models_either_way(fleet: Any, caller: Any, own: str) -> None:
    assert fleet.candidates("tiny", Capability.CHAT, caller(models=(own,)))


@pytest.mark.parametrize(
    ("asked", "capability"),
    [
        ("absent", Capability.CHAT),
        ("unserved", Capability.CHAT),
        ("tiny", Capability.CHAT),
        ("tiny", Capability.EMBED),
        ("", Capability.CHAT),
    ],
)
def test_absent_unserved_and_foreign_models_are_not_found_alike(
    fleet: Any, caller: Any, asked: str, capability: Capability
) -> None:
    with pytest.raises(ModelNotFound, match="does not exist or you do not have access") as refusal:
        fleet.candidates(asked, capability, caller(models=("big",)))

    assert refusal.value.param == "model"
    assert "tiny." not in refusal.value.message


def test_a_model_of_the_callers_that_cannot_do_it_is_told_apart(fleet: Any, caller: Any) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        fleet.candidates("big", Capability.COMPLETE, caller(models=("big",)))

    assert refusal.value.message == "The model `big` is served for chat, not for complete."
    assert (refusal.value.status, refusal.value.param) == (404, "model")


def test_the_refusal_lists_the_callers_models_and_the_way_to_an_alias(fleet: Any, caller: Any) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        fleet.candidates("gpt-4o", Capability.CHAT, caller())

    assert "Your models: alias, big, tiny." in refusal.value.message
    assert "sekisho models alias gpt-4o tiny" in refusal.value.message


@pytest.mark.parametrize("asked", ["write to anna@example.org", "a" * 200, "x\n; rm -rf /", "模型"])
def test_a_name_that_could_be_anything_is_not_repeated(fleet: Any, caller: Any, asked: str) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        fleet.candidates(asked, Capability.CHAT, caller())

    assert asked not in refusal.value.message
    assert "sekisho models alias NAME tiny" in refusal.value.message


def test_a_caller_without_any_model_is_told_so(fleet: Any, caller: Any) -> None:
    with pytest.raises(ModelNotFound, match="No model is open to this key"):
        fleet.candidates("tiny", Capability.CHAT, caller(models=("absent",)))


def test_two_members_cannot_have_one_id(make_fleet: Any, engine: Any, target: Any) -> None:
    with pytest.raises(ValueError, match="one target id"):
        make_fleet((target("w0"), engine()), (target("w0"), engine()))


@pytest.fixture
def adapted(engine: Any, target: Any) -> LocalFleet:
    """One model, ``tiny`` or ``alias``, with the adapters ``tone`` and ``terms``."""
    names = {name: "tiny" for name in ("tiny", "alias", "tiny:tone", "alias:tone", "tiny:terms")}
    return LocalFleet(
        [Member(target("w0", "tiny"), engine())],
        queue=8,
        find_model=names.get,
        model_names=lambda: sorted(names),
        find_adapter=lambda name: name.partition(":")[2] if name in names else "",
    )


@pytest.mark.parametrize(
    ("own", "opens", "closed"),
    [
        (("tiny:tone",), {"tiny:tone", "alias:tone"}, {"tiny", "alias", "tiny:terms"}),
        (("alias:tone",), {"tiny:tone", "alias:tone"}, {"tiny", "alias", "tiny:terms"}),
        (("tiny",), {"tiny", "alias", "tiny:tone", "alias:tone", "tiny:terms"}, set()),
        (("tiny:tone", "tiny:terms"), {"tiny:tone", "alias:tone", "tiny:terms"}, {"tiny", "alias"}),
    ],
)
def test_a_key_that_names_an_adapter_opens_that_adapter_alone(
    adapted: LocalFleet, caller: Any, own: tuple[str, ...], opens: set[str], closed: set[str]
) -> None:
    for name in opens:
        assert adapted.candidates(name, Capability.CHAT, caller(models=own))
    for name in closed:
        with pytest.raises(ModelNotFound) as refusal:
            adapted.candidates(name, Capability.CHAT, caller(models=own))
        listed = refusal.value.message.partition("Your models: ")[2].partition(".")[0].split(", ")
        assert set(listed) == opens


def test_an_unknown_adapter_is_refused_with_those_that_there_are(adapted: LocalFleet, caller: Any) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        adapted.candidates("alias:poet", Capability.CHAT, caller())

    assert refusal.value.message == "The model `alias` has no adapter `poet`. Its adapters: alias:tone."


def test_a_model_without_adapters_says_so_and_one_that_is_not_the_callers_says_nothing(
    fleet: Any, adapted: LocalFleet, caller: Any
) -> None:
    with pytest.raises(ModelNotFound, match=r"The model `tiny` has no adapter `poet`\. It has none\."):
        fleet.candidates("tiny:poet", Capability.CHAT, caller())
    with pytest.raises(ModelNotFound) as refusal:
        adapted.candidates("tiny:poet", Capability.CHAT, caller(models=("tiny:tone",)))

    assert "terms" not in refusal.value.message
