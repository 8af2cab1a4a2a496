"""The first approver is set up by whoever runs the house; from then on an approver agrees to each change of signers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.signer_change import SignerChange, approval, approved_by
from gateway.policy.life.signers import Role, Signer, public_text

KEYS = {name: Ed25519PrivateKey.generate() for name in ("ana", "ben", "cem", "dora")}


def signer(name: str, *roles: Role) -> Signer:
    return Signer(name=name, public_key=public_text(KEYS[name].public_key()), roles=roles)


ANA, BEN, CEM = signer("ana", "approver"), signer("ben", "policy-author"), signer("cem", "approver")
KNOWN = (ANA, BEN)


def test_before_there_is_an_approver_nobody_needs_to_agree() -> None:
    assert approved_by(SignerChange.of("add", ANA, ()), None, ()) == ""
    assert approved_by(SignerChange.of("add", ANA, (BEN,)), None, (BEN,)) == ""


def test_an_approver_agrees_to_one_more_and_to_one_less() -> None:
    for action in ("add", "remove"):
        change = SignerChange.of(action, CEM, KNOWN)  # type: ignore[arg-type]
        assert approved_by(change, approval(change, KEYS["ana"]), KNOWN) == "ana"


def by_an_author(change: SignerChange) -> dsse.Signature:
    return approval(change, KEYS["ben"])


def by_oneself(change: SignerChange) -> dsse.Signature:
    return approval(change, KEYS["cem"])


def for_another_role(change: SignerChange) -> dsse.Signature:
    return approval(SignerChange.of("add", signer("cem", "policy-author"), KNOWN), KEYS["ana"])


def for_another_key(change: SignerChange) -> dsse.Signature:
    return approval(SignerChange.of("add", signer("dora", "approver"), KNOWN), KEYS["ana"])


def for_another_list(change: SignerChange) -> dsse.Signature:
    return approval(SignerChange.of("add", CEM, (ANA,)), KEYS["ana"])


def for_the_opposite(change: SignerChange) -> dsse.Signature:
    return approval(SignerChange.of("remove", CEM, KNOWN), KEYS["ana"])


def of_another_kind(change: SignerChange) -> dsse.Signature:
    return dsse.sign("application/vnd.sekisho.manifest+json", change.payload(), [KEYS["ana"]]).signatures[0]


def none_at_all(change: SignerChange) -> None:
    return None


@pytest.mark.parametrize(
    "agreed",
    [
        *(by_an_author, by_oneself, for_another_role, for_another_key),
        *(for_another_list, for_the_opposite, of_another_kind, none_at_all),
    ],
)
def test_nothing_else_is_an_approval(agreed: Callable[[SignerChange], dsse.Signature | None]) -> None:
    change = SignerChange.of("add", CEM, KNOWN)

    with pytest.raises(SetupError, match="one of them must approve"):
        approved_by(change, agreed(change), KNOWN)


def test_an_approver_may_agree_to_his_own_leaving() -> None:
    change = SignerChange.of("remove", ANA, KNOWN)

    assert approved_by(change, approval(change, KEYS["ana"]), KNOWN) == "ana"
