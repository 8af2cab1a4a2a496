"""The kinds of finding types, held against what is searched for."""

from __future__ import annotations

from itertools import combinations

import pytest

from gateway.kinds import GROUP_OF, KIND_OF, KINDS, RAISES
from gateway.policy.rules import compile_table, parse
from gateway.privacy.patterns.catalogue import RULES
from gateway.privacy.redact import operator

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


def test_the_own_row_of_a_type_goes_before_that_of_its_kind_only_where_it_stands_before_it() -> None:
    header = "class,type,where,operator,note\n"
    end = "*,*,*,pseudonymise,\n"
    before = compile_table(parse(f"{header}*,IBAN_CODE,*,keep,\n*,@accounts,*,mask,\n{end}"))["internal"]["external"]
    after = compile_table(parse(f"{header}*,@accounts,*,mask,\n*,IBAN_CODE,*,keep,\n{end}"))["internal"]["external"]

    assert [operator(before, type) for type in ("IBAN_CODE", "CREDIT_CARD", "PERSON")] == [
        "keep",
        "mask",
        "pseudonymise",
    ]
    assert [operator(after, type) for type in ("IBAN_CODE", "CREDIT_CARD", "PERSON")] == [
        "mask",
        "mask",
        "pseudonymise",
    ]
    assert GROUP_OF["IBAN_CODE"] == "@accounts"
