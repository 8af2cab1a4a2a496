"""One-time tokens: what they say, what is kept of them, and what is no token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.fleet.nodes import tokens
from gateway.fleet.nodes.tokens import TokenRecord

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AUTHORITY = "ab" * 32
NAMES = some.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


def record(token: str, pepper: bytes = b"p" * 32) -> TokenRecord:
    sealed = tokens.seal(pepper, token)
    return TokenRecord(
        name="gpu1",
        site="plant",
        jurisdiction="DE",
        seal=sealed,
        made=NOW,
        ends=NOW + timedelta(hours=1),
        by="ana",
    )


@given(NAMES, some.binary(min_size=32, max_size=32))
def test_a_token_says_its_name_and_the_authority(name: str, authority: bytes) -> None:
    said = tokens.parse(tokens.new_token(name, authority.hex()))

    assert said is not None
    assert (said.name, said.authority) == (name, authority.hex())


def test_two_tokens_differ_and_have_160_random_bits() -> None:
    first, second = (tokens.new_token("gpu1", AUTHORITY) for _ in range(2))

    assert first != second
    assert len(first.split(".")[2]) * 5 == tokens.SECRET_BITS


@given(some.integers(0, 10_000), some.sampled_from("abcdefgh234567.-Z é"))
def test_no_mistyped_token_is_taken(place: int, other: str) -> None:
    token = tokens.new_token("gpu1", AUTHORITY)
    place %= len(token)
    wrong = token[:place] + other + token[place + 1 :]

    assert wrong == token or tokens.parse(wrong) is None


@pytest.mark.parametrize("cut", ["", "skn.", "skn.gpu1", "sk-sekisho-abc", "skn.gpu1.a.b.c"])
def test_what_is_no_token_is_none(cut: str) -> None:
    assert tokens.parse(cut) is None


def test_only_the_seal_is_kept_and_it_finds_the_token() -> None:
    token = tokens.new_token("gpu1", AUTHORITY)
    kept = record(token)

    assert token.split(".")[2] not in repr(kept)
    assert tokens.find([record(tokens.new_token("gpu1", AUTHORITY)), kept], [b"p" * 32], token) is kept
    assert tokens.find([kept], [b"q" * 32], token) is None
    assert tokens.find([kept], [b"q" * 32, b"p" * 32], token) is kept


def test_a_token_counts_until_it_was_used_or_is_over() -> None:
    kept = record("t")

    assert kept.counts(NOW)
    assert not kept.counts(kept.ends)


def test_what_ended_long_ago_is_forgotten() -> None:
    kept = record("t")

    assert tokens.remembered([kept], NOW + timedelta(days=80)) == (kept,)
    assert tokens.remembered([kept], NOW + timedelta(days=100)) == ()
