"""The first approver is set up by whoever runs the house; from then on approvers agree to each change of signers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.signer_change import SignerChange, approval, approved_by, needed, signed_by
from gateway.policy.life.signers import Role, Signer, public_text

KEYS = {name: Ed25519PrivateKey.generate() for name in ("ana", "ben", "cem", "dora")}


def signer(name: str, *roles: Role) -> Signer:
    return Signer(name=name, public_key=public_text(KEYS[name].public_key()), roles=roles)


ANA, BEN, CEM = signer("ana", "approver"), signer("ben", "policy-author"), signer("cem", "approver")
DORA = signer("dora", "approver")
KNOWN = (ANA, BEN)
TWO = (ANA, BEN, DORA)

Agreed = Callable[[SignerChange], dsse.Signature | None]


def test_before_there_is_an_approver_nobody_needs_to_agree() -> None:
    assert approved_by(SignerChange.of("add", ANA, ()), (), ()) == ()
    assert approved_by(SignerChange.of("add", ANA, (BEN,)), (), (BEN,)) == ()


@pytest.mark.parametrize("action", ["add", "remove"])
def test_an_approver_agrees_to_one_more_and_to_one_less(action: Literal["add", "remove"]) -> None:
    change = SignerChange.of(action, CEM, KNOWN)

    assert approved_by(change, [approval(change, KEYS["ana"])], KNOWN) == ("ana",)


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


def given(change: SignerChange, *agreed: Agreed) -> list[dsse.Signature]:
    return [signature for each in agreed if (signature := each(change))]


@pytest.mark.parametrize(
    "agreed",
    [
        *(by_an_author, by_oneself, for_another_role, for_another_key),
        *(for_another_list, for_the_opposite, of_another_kind, none_at_all),
    ],
)
def test_nothing_else_is_an_approval(agreed: Agreed) -> None:
    change = SignerChange.of("add", CEM, KNOWN)

    with pytest.raises(SetupError, match="one of them must approve"):
        approved_by(change, given(change, agreed), KNOWN)


def test_an_approver_may_agree_to_his_own_leaving() -> None:
    change = SignerChange.of("remove", ANA, KNOWN)

    assert approved_by(change, [approval(change, KEYS["ana"])], KNOWN) == ("ana",)


# --- once there are two


def by_ana(change: SignerChange) -> dsse.Signature:
    return approval(change, KEYS["ana"])


def by_dora(change: SignerChange) -> dsse.Signature:
    return approval(change, KEYS["dora"])


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("add", CEM),  # ana under another name
        ("add", signer("cem", "policy-author")),  # who signs as an author what ana approves
        ("add", signer("cem", "auditor")),
        ("remove", DORA),  # then ana would be the only one again
        ("remove", BEN),
        ("remove", ANA),
    ],
)
def test_two_of_them_agree_to_whatever_changes(action: Literal["add", "remove"], who: Signer) -> None:
    change = SignerChange.of(action, who, TWO)

    assert needed(TWO) == 2
    assert approved_by(change, given(change, by_ana, by_dora), TWO) == ("ana", "dora")
    with pytest.raises(SetupError, match="two of them must approve"):
        approved_by(change, given(change, by_ana), TWO)


@pytest.mark.parametrize(
    "agreed", [by_ana, by_an_author, by_oneself, for_another_role, for_another_key, for_another_list, of_another_kind]
)
def test_nothing_else_is_the_second_approval(agreed: Agreed) -> None:
    change = SignerChange.of("add", CEM, TWO)

    with pytest.raises(SetupError, match="two of them must approve"):
        approved_by(change, given(change, by_ana, agreed), TWO)
    assert signed_by(change, given(change, by_ana, agreed), TWO) == ("ana",)


def test_two_names_with_one_key_are_one_approver() -> None:
    twice = (ANA, Signer(name="ana-again", public_key=ANA.public_key, roles=("approver",)))
    change = SignerChange.of("add", CEM, twice)

    with pytest.raises(SetupError, match="two of them must approve"):
        approved_by(change, given(change, by_ana, by_ana), twice)


def test_of_three_any_two_are_enough_and_three_are_welcome() -> None:
    three = (ANA, CEM, DORA)
    change = SignerChange.of("remove", CEM, three)

    assert approved_by(change, given(change, by_dora, by_oneself), three) == ("cem", "dora")
    assert approved_by(change, given(change, by_dora, by_oneself, by_ana), three) == ("ana", "cem", "dora")
