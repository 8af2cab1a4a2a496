"""The kinds of finding types, held against what is searched for."""

from __future__ import annotations

from itertools import combinations

import pytest

from gateway.kinds import KIND_OF, KINDS, RAISES
from gateway.privacy.patterns.catalogue import RULES

COMPANIES = {
    "CH_UID", "CN_CREDIT_CODE", "DE_HANDELSREGISTER", "ES_CIF", "FR_SIREN", "FR_SIRET", "JP_CORPORATE_NUMBER", "PL_NIP",
    "PL_REGON", "SE_ORGANISATIONSNUMMER", "US_EIN",
}  # fmt: skip
"""Numbers of a company that stand in the families of national ids."""


def types_of(*families: str) -> set[str]:
    return {rule.type for rule in RULES if rule.family in families}


def test_kinds_do_not_overlap() -> None:
    assert not any(left & right for left, right in combinations(KINDS.values(), 2))


def test_every_kind_raises_the_class() -> None:
    assert RAISES.keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "families", "but"),
    [
        ("secrets", ("secrets",), set()),
        ("ids", ("national", "travel"), COMPANIES | {"JP_BANK_ACCOUNT"}),
    ],
)
def test_a_kind_is_what_is_searched_for(kind: str, families: tuple[str, ...], but: set[str]) -> None:
    assert types_of(*families) - but == KINDS[kind] - {"URL_CREDENTIALS"}


def test_every_type_of_a_kind_is_searched_for() -> None:
    assert KIND_OF.keys() <= {rule.type for rule in RULES}
