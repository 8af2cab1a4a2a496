"""Wallets: each kind of address once, made here from invented bytes, and one character off.

BIP 173's and BIP 350's own test vectors say that the check sums are the standards'.
"""

from __future__ import annotations

from hashlib import sha256

import pytest

from gateway.privacy.patterns import wallets
from gateway.privacy.patterns.scan import Patterns, Plan

PATTERNS = Patterns(Plan(wallets.RULES))
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BODY = bytes(range(40, 60))
LOWER = "0x52908400098527886e0f7030069857d2e4169ee7"


def base58(version: int, body: bytes = BODY, alphabet: str = BASE58) -> str:
    data = bytes([version]) + body
    data += sha256(sha256(data).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + text


ADDRESSES = {
    "bitcoin": base58(0x00),
    "bitcoin script": base58(0x05),
    "litecoin": base58(0x30),
    "dogecoin": base58(0x1E),
    "dash": base58(0x4C),
    "tron": base58(0x41),
    "ripple": base58(0x00, alphabet=RIPPLE),
    "segwit, BIP 173": "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    "taproot, BIP 350": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "ethereum, EIP-55": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "monero": "4" + "A" + "bC3d" * 23 + "e",
}


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in PATTERNS.find([text], lambda: None)[0]]


@pytest.mark.parametrize("kind", ADDRESSES)
def test_an_address_is_found_alone_and_between_kanji(kind: str) -> None:
    address = ADDRESSES[kind]
    for text in (address, f"pay {address}.", f"送金先は{address}です"):
        assert found(text) == [address]


@pytest.mark.parametrize("kind", [kind for kind in ADDRESSES if kind not in ("ethereum, EIP-55", "monero")])
def test_an_address_with_one_wrong_character_is_none(kind: str) -> None:
    address = ADDRESSES[kind]
    assert found(address[:-3] + ("2" if address[-3] != "2" else "3") + address[-2:]) == []


@pytest.mark.parametrize(
    "text",
    [
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",  # Bech32 for version 1
        "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",  # cases mixed
        base58(0x6F),  # a version that is nobody's here
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("address", [LOWER, "0x" + LOWER[2:].upper()])
def test_ethereum_in_one_case_needs_a_word(address: str) -> None:
    for text in (f"wallet {address}", f"钱包地址:{address}", f"USDT payout to {address}"):
        assert found(text) == [address]
    for text in (address, f"SHA-1 {address}", f"image = {address};", f"token digest: {address}"):
        assert found(text) == []
