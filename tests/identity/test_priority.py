"""A key's priority, and what a request may say of it."""

from __future__ import annotations

import msgspec
import pytest

from gateway.domain import Caller, Declared, Priority, Role
from gateway.identity.choice import narrow
from gateway.identity.record import NewKey


def a_caller(priority: Priority) -> Caller:
    return Caller("k1", "acme", "p", (Role.APP,), "", "plant", "DE", "DE", "DE", priority=priority)


@pytest.mark.parametrize(
    ("own", "said", "counts"),
    [
        ("high", None, "high"),
        ("high", "normal", "normal"),
        ("normal", "low", "low"),
        ("normal", "high", "normal"),
        ("low", "high", "low"),
    ],
)
def test_a_request_may_lower_its_keys_priority_and_never_raise_it(
    own: Priority, said: Priority | None, counts: Priority
) -> None:
    assert narrow(a_caller(own), Declared(priority=said)).priority == counts


def test_a_key_of_an_earlier_release_is_normal() -> None:
    assert msgspec.json.decode(b'{"name": "ci", "tenant": "a"}', type=NewKey).priority == "normal"


def test_a_key_has_no_other_priority() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"name": "ci", "tenant": "a", "priority": "urgent"}', type=NewKey)
