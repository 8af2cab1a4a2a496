"""The public keys of a token issuer: a JWK set (RFC 7517) in a file, pinned by whoever laid it there.

Nothing is ever fetched. Rules, each of which refuses the whole file, since a file that is half right was not meant:

1. No secret lies in it: neither a shared one (``oct``) nor the private half of a pair.
2. Each key to sign with has a ``kid`` of its own. Keys for other uses (``enc``) are left aside.
3. RSA has at least 2,048 bits (RFC 7518 3.3). A key is tied to the algorithms that its kind can do, and to the one that
   it names: what a token says chooses among those and no others.

Example::

    read_jwks(Path("keycloak.jwks.json"), ("RS256",))["Xk3…"].holds("RS256", signed, signature)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

from gateway.errors import SetupError

MAX_FILE_BYTES = 1024 * 1024
MAX_KID_CHARS = 256
LEAST_RSA_BITS = 2048
_KINDS = {  # key type and curve: what a key of that kind can do (RFC 7518 3.1, RFC 8037 3.1)
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")  # RFC 7518 6.2.2, 6.3.2 and 6.4.1
_VERIFIERS: dict[str, Algorithm] = {
    name: verifier for name, verifier in get_default_algorithms().items() if any(name in can for can in _KINDS.values())
}


class PinnedKey(msgspec.Struct, frozen=True):
    """One public key and the algorithms by which its signatures count."""

    public: Any
    algorithms: tuple[str, ...]

    def holds(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, by an algorithm that it may use."""
        return algorithm in self.algorithms and _VERIFIERS[algorithm].verify(signed, self.public, signature)


Pinned = dict[str, PinnedKey]  # by kid


def read_jwks(path: Path, algorithms: Sequence[str]) -> Pinned:
    """Return the keys of a file that can sign by one of these algorithms; at least one.

    Raises:
        SetupError: the file cannot be read, breaks a rule above, or has no such key.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _wrong(path, f"is larger than {MAX_FILE_BYTES} bytes")
        raw = path.read_bytes()
    except OSError as error:
        raise SetupError(f"The token issuer's keys {path} cannot be read.", "Lay its JWK set there.") from error
    try:
        members = msgspec.json.decode(raw, type=dict[str, Any]).get("keys")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, "is no JWK set") from error
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise _wrong(path, "is no JWK set")
    pinned: Pinned = {}
    for member in members:
        _refuse_secrets(path, member)
        if member.get("use", "sig") == "sig" and "verify" in member.get("key_ops", ["verify"]):
            kid, key = _pin(path, member, algorithms)
            if kid in pinned:
                raise _wrong(path, "has two keys of one kid")
            pinned[kid] = key
    if not any(key.algorithms for key in pinned.values()):
        raise _wrong(path, f"has no key for {', '.join(algorithms)}")
    return pinned


def _refuse_secrets(path: Path, member: dict[str, Any]) -> None:
    if member.get("kty") == "oct" or any(name in member for name in _PRIVATE):
        raise _wrong(path, "holds a secret; only public keys belong there")


def _pin(path: Path, member: dict[str, Any], algorithms: Sequence[str]) -> tuple[str, PinnedKey]:
    kid, named = member.get("kid"), member.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARS:
        raise _wrong(path, "has a key without a kid")
    kind = (str(member.get("kty")), "" if member.get("kty") == "RSA" else str(member.get("crv")))
    able = [name for name in _KINDS.get(kind, ()) if named in (None, name)]
    usable = tuple(name for name in able if name in algorithms)
    if not usable:
        return kid, PinnedKey(None, ())  # of no use here, and its kid is taken
    try:
        public = _VERIFIERS[usable[0]].from_jwk(member)
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        raise _wrong(path, "has a key that is none") from error
    if isinstance(public, RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        raise _wrong(path, f"has an RSA key of fewer than {LEAST_RSA_BITS} bits")
    if isinstance(public, EllipticCurvePublicKey) and kind[0] != "EC":
        raise _wrong(path, "has a key that is none")
    return kid, PinnedKey(public, usable)


def _wrong(path: Path, what: str) -> SetupError:
    return SetupError(f"The token issuer's keys {path}: the file {what}.", "Lay the issuer's JWK set there anew.")
