"""Secrets: private keys, JWTs, connection strings, headers, vendors' tokens, and values that a keyword names a secret.

1. A private key goes from BEGIN to END; without END as far as its base64 goes. A header alone is
   none, nor is a public key.
2. A JWT's header is JSON with ``alg``.
3. A connection string is one when it carries a password that is no placeholder; it is found whole, host and all.
4. Hashes, UUIDs and base64 of files are none: nothing random is looked at without a prefix or a keyword.

Expressions only find where a secret begins; how far it goes is the confirmer's, in time linear in the text. Vendors'
tokens stand in :mod:`gateway.privacy.patterns.tokens`, keywords in :mod:`gateway.privacy.patterns.keywords`, command
lines, headers and lines of configuration in :mod:`gateway.privacy.patterns.commands`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Final, TypedDict, Unpack

from gateway.privacy.patterns import commands, keywords, tokens
from gateway.privacy.patterns.keywords import entropy, is_placeholder
from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

LONGEST_KEY: Final = 20_000
"""Longest private key in code points; what is longer is found up to here."""

_KEY_LINES: Final = re.compile(
    r"(?:(?:\\[nr]|\s){0,8}[A-Za-z0-9+/]{24,20000}={0,2}){1,400}(?:(?:\\[nr]|\s){1,4}[A-Za-z0-9+/]{2,23}={1,2})?"
)
_HEADER_WORDS: Final = re.compile(r"(?:Proc-Type|DEK-Info|Version|Comment|Hash)[^\n]{0,200}")


def _private_key(text: str, start: int, end: int) -> Proof | None:
    """Follow a private key to its END (RFC 7468; OpenSSH and OpenPGP do alike), never past the next five hyphens."""
    fence = text.find("-----", end)
    if 0 <= fence <= end + LONGEST_KEY and text.startswith("-----END ", fence):
        close = text.find("-----", fence + 9)
        if close < 0 or close > fence + 60:
            return None
        return Proof(start, close + 5, "RFC 7468") if _base64_in(text, end, fence) >= 8 else None
    lines = _KEY_LINES.match(text, end, end + LONGEST_KEY)
    stop = lines.end() if lines else end
    stop = min(stop, fence) if fence >= 0 else stop
    return Proof(start, stop, "RFC 7468, without its end") if _base64_in(text, end, stop) >= 32 else None


def _private_lines(text: str, start: int, end: int) -> Proof | None:
    """PuTTY's private part: as many lines of base64 as it says."""
    lines = _KEY_LINES.match(text, text.index("\n", start))
    return Proof(start, lines.end(), "PuTTY key file") if lines else None


def _base64_in(text: str, start: int, end: int) -> int:
    """Return how long the longest run of base64 is, looking at the beginning only."""
    body = _HEADER_WORDS.sub("", text[start : min(end, start + 2000)])
    return max(map(len, re.findall(r"[A-Za-z0-9+/]{8,}", body.replace("\\n", "\n"))), default=0)


def _encoded_key(text: str, start: int, end: int) -> Proof | None:
    """A private key in base64 once more, as Kubernetes and CI variables carry them."""
    held = re.compile(r"[A-Za-z0-9+/]{60,20000}={0,2}").match(text, start)
    if not held or b"PRIVATE KEY" not in base64.b64decode(text[start : start + 60]):
        return None
    return Proof(start, held.end(), "RFC 7468 in base64")


_JWT: Final = re.compile(
    r"(?P<header>eyJ[A-Za-z0-9_-]{8,1024})\.(?P<claims>[A-Za-z0-9_-]{8,6000})?\.(?P<rest>[A-Za-z0-9_-]{0,2000}(?:\.[A-Za-z0-9_-]{1,6000}){0,2})"
)


def _jwt(text: str, start: int, end: int) -> Proof | None:
    """RFC 7519: three parts, RFC 7516: five; the first is base64url of JSON with ``alg``."""
    held = _JWT.match(text, start)
    if not held:
        return None
    header = _json_of(held["header"])
    return Proof(start, held.end(), "RFC 7515 header with alg") if "alg" in header else None


def _json_of(part: str) -> dict[str, object]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_ENCODED_JWT: Final = re.compile(r"ZXlK[A-Za-z0-9+/]{60,8000}={0,2}")


def _jwt_in_base64(text: str, start: int, end: int) -> Proof | None:
    """A JWT in base64 once more, as Kubernetes and CI variables carry them."""
    held = _ENCODED_JWT.match(text, start)
    if not held:
        return None
    token = base64.b64decode(held[0][: len(held[0]) // 4 * 4]).decode("ascii", "replace")
    return Proof(start, held.end(), "RFC 7515 header with alg, in base64") if _jwt(token, 0, 0) else None


_AUTHORITY: Final = re.compile(r"""[^\s:@/"'<>`]{0,100}:(?P<password>[^\s"'<>`]{1,200})@[^\s"'<>`@]{1,400}""")


def _connection(text: str, start: int, end: int) -> Proof | None:
    """``scheme://user:password@host/…``, found whole."""
    held = _AUTHORITY.match(text, end)
    if not held or _is_sample(held["password"]):
        return None
    stop = held.end()
    while text[stop - 1] in ".,;:!?)]}":
        stop -= 1
    return Proof(start, stop, "credentials before the host")


def _is_sample(password: str) -> bool:
    """Whether a password is a word of examples; those of three characters and more count otherwise."""
    return is_placeholder(password)


_PAIRS_BEFORE: Final = re.compile(
    r"(?:server|data source|driver|host|hostname|addr|address|dsn|provider|endpoint|defaultendpointsprotocol)"
    r"[ ]?=[^\n\"'`]*\Z",
    re.IGNORECASE,
)
_PAIR_VALUE: Final = re.compile(
    r"""[ ]?(?P<value>\{[^}\n]{1,128}\}|[^;\n"'`\s<>]{1,200})"""
    r"""(?:;[ ]?[A-Za-z][A-Za-z ]{1,30}=[^;\n"'`<>]{0,100}){0,12};?"""
)


def _pairs(text: str, start: int, end: int) -> Proof | None:
    """``Server=…;User Id=…;Password=…;`` (ODBC, ADO.NET, Azure): found from its first known key."""
    held = _PAIR_VALUE.match(text, end)
    if not held or _is_sample(held["value"]):
        return None
    low = max(0, start - 300)
    before = _PAIRS_BEFORE.search(text[low:start])
    return Proof(low + before.start(), held.end(), "key-value connection string") if before else None


_BEARER: Final = re.compile(r"[ \t]{0,3}(?P<token>[A-Za-z0-9_\-.~+/]{12,4000}={0,2})")


def _bearer(text: str, start: int, end: int) -> Proof | None:
    """RFC 6750: what stands behind ``Bearer``, when it is random; JWTs are told by their own rule, too."""
    held = _BEARER.match(text, end)
    if not held or is_placeholder(held["token"]) or entropy(held["token"]) < keywords.LEAST_ENTROPY:
        return None
    has_digit = any(map(str.isdigit, held["token"]))
    return Proof(*held.span("token"), "RFC 6750") if has_digit and not held["token"].endswith("-") else None


_BASIC: Final = re.compile(r"[ \t]{0,3}(?P<token>[A-Za-z0-9+/]{8,400}={0,2})")


def _basic(text: str, start: int, end: int) -> Proof | None:
    """RFC 7617: base64 of ``user:password``."""
    held = _BASIC.match(text, end)
    if not held or len(held["token"]) % 4:
        return None
    try:
        pair = base64.b64decode(held["token"], validate=True).decode()
    except ValueError:
        return None
    return Proof(*held.span("token"), "RFC 7617") if ":" in pair and pair.isprintable() else None


_SCHEMES: Final = (
    "postgres|postgresql|mysql|mariadb|mongodb|redis|rediss|amqp|amqps|mssql|sqlserver|oracle|clickhouse|cassandra|smtp|smtps"
    "|ldap|ldaps|ftp|ftps|sftp|mqtt|mqtts|kafka|nats|couchbase|neo4j|bolt|snowflake|hive2|db2|rabbitmq|cockroachdb|influxdb"
    "|elasticsearch|imap|imaps|ssh|git|svn|smb|trino|presto|dremio|vertica|teradata|firebird|sybase|hana|sap|cloudinary|rtsp"
)


class _More(TypedDict, total=False):
    boundary: Boundary
    caseless: bool
    reference: str
    score: float


def _found(name: str, type: str, expression: str, confirm: Confirm, **more: Unpack[_More]) -> Rule:
    fixed: _More = {"score": 1.0, "boundary": Boundary.NONE, **more}
    return Rule(
        name=name, type=type, expression=expression, confirm=confirm, family="secrets", context_score=1.0, **fixed
    )


_PEM: Final = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"

RULES: tuple[Rule, ...] = (
    _found("private_key", "PRIVATE_KEY", _PEM, _private_key, reference="RFC 7468; RFC 9580 6.2; OpenSSH PROTOCOL.key"),
    _found("private_key_base64", "PRIVATE_KEY", "LS0tLS1CRUdJTi[A-Za-z0-9+/]{46}", _encoded_key),
    _found("putty_key", "PRIVATE_KEY", r"Private-Lines: [0-9]{1,3}\r?\n[A-Za-z0-9+/]{16}", _private_lines, score=0.95),
    _found("jwt", "JWT", r"eyJ[A-Za-z0-9_\-]{10}", _jwt, boundary=Boundary.START, reference="RFC 7515, RFC 7519"),
    _found("jwt_base64", "JWT", r"ZXlK[A-Za-z0-9+/]{10}", _jwt_in_base64, boundary=Boundary.START),
    _found(
        "connection_string",
        "CONNECTION_STRING",
        rf"(?:{_SCHEMES})(?:\+[a-z]{{1,12}})?://",
        _connection,
        caseless=True,
        reference="RFC 3986 3.2.1",
    ),
    _found(
        "connection_pairs",
        "CONNECTION_STRING",
        ";[ ]?(?:password|pwd|accountkey|sharedaccesskey)[ ]?=",
        _pairs,
        caseless=True,
    ),
    _found("bearer_token", "ACCESS_TOKEN", "(?:Bearer|bearer|BEARER)[ ]", _bearer, score=0.95, reference="RFC 6750"),
    _found("basic_credentials", "ACCESS_TOKEN", "(?:Basic|basic|BASIC)[ ]", _basic, score=0.95, reference="RFC 7617"),
    *tokens.RULES,
    *keywords.RULES,
    *commands.RULES,
)
