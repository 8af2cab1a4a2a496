"""Addresses of wallets: Bitcoin and its kin by their checksums, Ethereum and Monero by form.

1. Base58Check (Bitcoin, Litecoin, Dogecoin, Dash, Tron, and Ripple with its own alphabet): version byte, 20 bytes, four
   bytes of SHA-256 twice.
2. Bech32 (BIP 173) for witness version 0 and other chains, Bech32m (BIP 350) for Taproot.
3. Ethereum: ``0x`` and forty hexadecimal digits. In both cases it is written as EIP-55 says and nothing else is; its
   checksum is not computed: a mistyped address is somebody's, too, and Keccak-256 is in no library that we carry. In
   one case the form is also that of a digest, so it needs a word near it.
4. Monero's 95 characters are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from stdnum import bitcoin

from gateway.privacy.patterns.rule import Proof, Rule, checked

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
_BECH32: Final = {char: number for number, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32M: Final = 0x2BC830A3  # BIP 350
_RIPPLE: Final = str.maketrans(
    "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz",
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
)
_VERSIONS: Final[Mapping[str, frozenset[int]]] = {
    "1": frozenset({0x00}),
    "3": frozenset({0x05}),
    "L": frozenset({0x30}),
    "M": frozenset({0x32}),
    "D": frozenset({0x1E}),
    "A": frozenset({0x16}),
    "X": frozenset({0x4C}),
    "T": frozenset({0x41}),
}
"""Version bytes by an address's first character: Bitcoin, Litecoin, Dogecoin, Dash, Tron."""

_WORDS: Final = (
    *("wallet", "eth", "ether", "ethereum", "address", "addr", "contract", "erc20", "erc-20", "metamask", "polygon"),
    *("usdt", "usdc", "crypto", "token", "transfer", "payout", "recipient", "geldbörse", "adresse", "empfänger"),
    *(
        "portefeuille",
        "indirizzo",
        "portafoglio",
        "dirección",
        "billetera",
        "monedero",
        "ウォレット",
        "アドレス",
        "送金",
    ),
    *("イーサリアム", "钱包", "地址", "以太坊", "转账", "合约"),
)


def is_base58(address: str) -> bool:
    """Whether an address is Base58Check with a version byte that its first character stands for (rule 1)."""
    versions = frozenset({0x00}) if address[0] == "r" else _VERSIONS[address[0]]
    plain = address.translate(_RIPPLE) if address[0] == "r" else address
    data = bitcoin.b58decode(plain)
    return len(data) == 25 and data[0] in versions and sha256(sha256(data[:21]).digest()).digest()[:4] == data[21:]


def is_bech32(address: str) -> bool:
    """Whether an address is Bech32, or Bech32m where its witness version is 1 or more (rule 2)."""
    if address not in (address.lower(), address.upper()):
        return False
    prefix, _, rest = address.lower().rpartition("1")
    if not set(rest) <= _BECH32.keys():
        return False
    data = [_BECH32[char] for char in rest]
    expanded = [*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix)]
    expected = _BECH32M if prefix in ("bc", "ltc", "tb") and data[0] else 1
    return bool(bitcoin.bech32_checksum([*expanded, *data]) == expected)


def _in_both_cases(text: str, start: int, end: int) -> Proof | None:
    digits = text[start + 2 : end]
    mixed = digits not in (digits.lower(), digits.upper())
    return Proof(start, end, "both cases, as EIP-55 writes", 0.85) if mixed else None


def _in_one_case(text: str, start: int, end: int) -> Proof | None:
    digits = text[start + 2 : end]
    return Proof(start, end, "form") if digits in (digits.lower(), digits.upper()) and len({*digits}) > 4 else None


_ETHEREUM: Final = "0x[0-9A-Fa-f]{40}"

RULES: tuple[Rule, ...] = (
    Rule(
        name="bitcoin",
        type="CRYPTO",
        expression=rf"[13LMDAXTr]{_BASE58}{{25,34}}",
        confirm=checked(is_base58, "Base58Check", 1.0),
        family="finance",
        score=1.0,
        reference="BIP 13; Ripple, Tron: Base58Check",
    ),
    Rule(
        name="bitcoin_segwit",
        type="CRYPTO",
        expression=r"(?:bc|BC|ltc|tb|addr|cosmos|bnb)1[0-9a-zA-Z]{11,100}",
        confirm=checked(is_bech32, "Bech32 or Bech32m", 1.0),
        family="finance",
        score=1.0,
        reference="BIP 173, BIP 350",
    ),
    Rule(
        name="ethereum",
        type="CRYPTO",
        expression=_ETHEREUM,
        confirm=_in_both_cases,
        family="finance",
        score=0.85,
        context=("wallet", "eth", "ethereum", "address"),
        reference="Ethereum Yellow Paper 4; EIP-55",
    ),
    Rule(
        name="ethereum_in_one_case",
        type="CRYPTO",
        expression=_ETHEREUM,
        confirm=_in_one_case,
        family="finance",
        score=0.6,
        context=_WORDS,
        needs_context=True,
        against=("sha1", "sha-1", "hash", "digest", "fingerprint", "thumbprint", "commit", "checksum", "指紋"),
        reference="Ethereum Yellow Paper 4",
        example="0x52908400098527886E0F7030069857D2E4169EE7",
    ),
    Rule(
        name="monero",
        type="CRYPTO",
        expression=rf"[48][0-9AB]{_BASE58}{{93}}",
        family="finance",
        score=0.95,
        reference="Monero: Base58 of 69 bytes",
    ),
)
