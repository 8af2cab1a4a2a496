"""An item of the side store: every key it hangs on is needed, and any one of them ends it."""

from __future__ import annotations

import hashlib
import secrets
from itertools import combinations

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit.content import seal
from gateway.audit.content.seal import Head, Noise, NotAnItem
from gateway.audit.persons.key_file import PersonKey

HEAD = Head(
    item="01JITEM",
    kind="prompt",
    tenant="acme",
    project="support",
    origin="berlin/node1/w0",
    request="01JREQUEST",
    made="2026-01-01T00:00:00.000Z",
    ends="2026-01-31",
    day="d" * 32,
)


def keys(count: int) -> list[PersonKey]:
    """Return the keys of so many persons, and that of the day."""
    return [*(PersonKey(f"{n:032x}", secrets.token_bytes(32)) for n in range(count)), PersonKey("d" * 32, bytes(32))]


@given(content=st.binary(max_size=2000), count=st.integers(0, 5))
def test_what_went_in_comes_out_with_the_digest_of_the_log(content: bytes, count: int) -> None:
    ring = keys(count)
    raw, digest = seal.seal(HEAD, ring, content)

    head, opened, found = seal.unseal(raw, dict(ring).get)

    assert (opened, found) == (content, digest)
    assert head.persons == tuple(key.id for key in ring[:-1])


def test_the_digest_tells_nothing_of_a_content_that_can_be_guessed() -> None:
    _, one = seal.seal(HEAD, keys(1), b"yes")
    _, other = seal.seal(HEAD, keys(1), b"yes")

    assert one != other
    assert one != hashlib.sha256(b"yes").hexdigest()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_with_any_key_gone_it_is_noise(count: int) -> None:
    ring = keys(count)
    raw, _ = seal.seal(HEAD, ring, b"content")

    for gone in ring:
        left = {key.id: key.key for key in ring if key != gone}
        with pytest.raises(Noise):
            seal.unseal(raw, left.get)


def test_no_share_and_no_two_shares_are_the_data_key() -> None:
    """Who has some of the keys and not all, and leaves the others out, opens nothing."""
    ring = keys(3)
    raw, _ = seal.seal(HEAD, ring, b"content")
    head, end = seal.read_head(raw)
    for count in (1, 2, 3):
        for some in combinations(head.shares, count):
            data_key = bytes(32)
            for share in some:
                data_key = seal._xor(data_key, seal._open(head.item, share, dict(ring)[share.key]))
            with pytest.raises(InvalidTag):
                seal.AESGCM(data_key).decrypt(raw[end : end + 12], raw[end + 12 :], raw[4:end])


@given(st.data())
def test_a_changed_byte_is_noticed_wherever_it_is(data: st.DataObject) -> None:
    ring = keys(2)
    raw, _ = seal.seal(HEAD, ring, b"some content")
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]

    with pytest.raises((NotAnItem, Noise)):
        seal.unseal(changed, dict(ring).get)


@pytest.mark.parametrize("size", [0, 3, 4, 100, -1])
def test_a_cut_item_is_none(size: int) -> None:
    ring = keys(1)
    raw, _ = seal.seal(HEAD, ring, b"content")

    with pytest.raises(NotAnItem):
        seal.unseal(raw[:size], dict(ring).get)


def test_a_share_of_another_item_does_not_fit() -> None:
    ring = keys(0)
    raw, _ = seal.seal(HEAD, ring, b"content")
    other, _ = seal.seal(replace(HEAD, item="01JOTHER"), ring, b"x")

    head, _ = seal.read_head(other)
    with pytest.raises(InvalidTag):
        seal._open(HEAD.item, head.shares[0], bytes(32))
    assert seal.unseal(raw, dict(ring).get)[1] == b"content"
