"""Ways to reach somebody: e-mail addresses, links, network addresses. Phone numbers are :mod:`.phones`.

E-mail addresses count at any host, internal ones too; letters of scripts that are written without spaces end them.
A link needs a scheme or ``www.``: ``np.array`` is none. A link with a password in it is a type of its own.
"""

from __future__ import annotations

import ipaddress
import re

from gateway.privacy.patterns.phones import RULES as PHONES
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

# --- e-mail -----------------------------------------------------------------------------------------------------------

_LATIN = "\u00c0-\u024f"
_LOCAL = "".join(map(chr, [*range(0x61, 0x7B), *range(0x41, 0x5B), *range(0x30, 0x3A), *range(0xC0, 0x250)])) + "._%+-"
_LONGEST_LOCAL = 64  # RFC 5321 4.5.3.1.1
_WIDE = f"{_LATIN}ぁ-ヿ一-鿿"  # what internationalised hosts are written in here
_WIDE_HOST = re.compile(rf"(?:[0-9A-Za-z_{_WIDE}-]{{1,63}}\.){{1,6}}[A-Za-z]{{2,24}}(?![0-9A-Za-z])")
_FILES = frozenset(
    "png jpg jpeg gif svg webp ico css js mjs ts tsx jsx json map py md html htm tgz zip gz whl jar".split()
)
_PRIVATE_TOP = frozenset("local lan corp internal intra intranet home private localdomain".split())


def _local_start(text: str, at: int) -> int:
    """Return where the local part before the ``@`` at ``at`` begins."""
    before = text[max(0, at - _LONGEST_LOCAL) : at]
    local = before[len(before.rstrip(_LOCAL)) :]
    return at - len(local.lstrip("._%+-") or local)


def _dotted_mail(text: str, start: int, end: int) -> Proof | None:
    host = text[start + 1 : end]
    domain, _, top = host.rpartition(".")
    begin = _local_start(text, start)
    if begin == start or top.lower() in _FILES:
        return None
    if top.istitle() and "." in domain and domain.islower():
        return None  # "joe@plant.example.The next sentence"
    score = 0.85 if top.lower() in _PRIVATE_TOP else 1.0
    return Proof(begin, end, "local part, @, host with a top level", score)


def _wide_mail(text: str, start: int, end: int) -> Proof | None:
    host = _WIDE_HOST.match(text, start + 1, start + 255)
    return _dotted_mail(text, start, host.end()) if host else None


def _internal_mail(text: str, start: int, end: int) -> Proof | None:
    begin = _local_start(text, start)
    after = text[end : end + 2]
    if after[:1] in ("@", "_", "-", "(", "[", "=") or (after[:1] == "." and after[1:].isalnum()):
        return None
    if start - begin < 2 or text[start + 1 : end].isdigit():
        return None
    return Proof(begin, end, "local part, @, host of one label")


def _numbered_mail(text: str, start: int, end: int) -> Proof | None:
    begin = _local_start(text, start)
    if begin == start or not _is_address(text[start + 1 : end].strip("[]")):
        return None
    return Proof(begin, end, "local part, @, IP address (RFC 5321 4.1.3)")


_SPELLED = re.compile(
    r"[\[({] ?at ?[\])}] ?(?:[0-9A-Z\-]{1,63}(?:\.| ?[\[({] ?(?:dot|punkt|point|punto) ?[\])}] ?)){1,8}([A-Z]{2,24})\b",
    re.I,
)


def _spelled_mail(text: str, start: int, end: int) -> Proof | None:
    """Confirm an address that is written so that programs do not read it: ``t.yamada (at) plant-7 [dot] example``."""
    host = _SPELLED.match(text, start, start + 320)
    before = start - 1 if text[start - 1 : start] == " " else start
    begin = _local_start(text, before)
    if host is None or begin == before or host[1].lower() in _FILES:
        return None
    return Proof(begin, host.end(), "local part, at, host with a top level")


_SHORTEST_SPACED = 3  # characters of a local part: ``a @ b.example`` is arithmetic, or nothing
_SPACED = re.compile(r" @ ?((?:[0-9A-Za-z\-]{1,63}\.){1,8})([A-Za-z]{2,24})(?![0-9A-Za-z])")


def _spaced_mail(text: str, start: int, end: int) -> Proof | None:
    """Confirm an address with a blank before its ``@``; ``Lunch @ Mario.it`` and ``12 @ 4.5 bar`` are none."""
    host = _SPACED.match(text, start, start + 320)
    begin = _local_start(text, start)
    if host is None or begin == start or host[2].lower() in _FILES or not re.search("[A-Za-z]", host[1]):
        return None
    local = text[begin:start]
    if len(local) < _SHORTEST_SPACED or not local[0].isalpha() or not (local.islower() or set(local) & set("._")):
        return None
    return Proof(begin, host.end(), "local part, @, host with a top level")


_MAIL_REFERENCE = "RFC 5321 4.1.2"
_MAIL = (
    Rule(
        name="email",
        type="EMAIL_ADDRESS",
        expression=r"@(?:[0-9A-Za-z_\-]+\.)+[A-Za-z]{2,24}",
        boundary=Boundary.END,
        confirm=_dotted_mail,
        family="contact",
        score=1.0,
        reference=_MAIL_REFERENCE,
        example="taro.yamada@plant-7.example",
    ),
    Rule(
        name="email_spelled",
        type="EMAIL_ADDRESS",
        expression=r"[\[({] ?(?:at|AT|At) ?[\])}] ?[0-9A-Za-z]",
        boundary=Boundary.NONE,
        confirm=_spelled_mail,
        family="contact",
        score=0.85,
        example="t.yamada(at)plant-7.example",
    ),
    Rule(
        name="email_spaced",
        type="EMAIL_ADDRESS",
        expression=r" @ ?[0-9A-Za-z]",
        boundary=Boundary.NONE,
        confirm=_spaced_mail,
        family="contact",
        score=0.85,
        example="t.yamada @ plant-7.example",
    ),
    Rule(
        name="email_international",
        type="EMAIL_ADDRESS",
        expression=rf"@[0-9A-Za-z_\-]*[{_WIDE}]",
        boundary=Boundary.NONE,
        confirm=_wide_mail,
        family="contact",
        score=1.0,
        reference="RFC 6531 3.3",
        example="taro@工場.example",
    ),
    Rule(
        name="email_internal",
        type="EMAIL_ADDRESS",
        expression=r"@[0-9A-Za-z][0-9A-Za-z_\-]+[0-9A-Za-z]",
        boundary=Boundary.END,
        confirm=_internal_mail,
        family="contact",
        score=0.5,
        context=("mail", "e-mail", "contact", "kontakt", "contacto", "contatto", "メール", "邮箱", "邮件"),
        reference=_MAIL_REFERENCE,
        example="foreman@presshop",
    ),
    Rule(
        name="email_ip",
        type="EMAIL_ADDRESS",
        expression=r"@(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[(?:IPv6:)?[0-9A-Fa-f.:]{3,45}\])",
        boundary=Boundary.END,
        confirm=_numbered_mail,
        family="contact",
        score=0.6,
        reference=_MAIL_REFERENCE,
        example="root@10.20.30.40",
    ),
)

# --- links ------------------------------------------------------------------------------------------------------------

_OUTSIDE = (
    r"""\s<>"'`()\[\]{}\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef"""  # kana, kanji: the sentence goes on
)
_REST = re.compile(rf"[^{_OUTSIDE}]*+")
_SCHEME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
_LONGEST_SCHEME = 16
_LONGEST_PASSWORD = 512
_TRAILING = ".,;:!?*_|\\"
_PLACEHOLDER = re.compile(r"[$<{%*]|x{3,}\Z|\.{3}")


_STANDARDS = re.compile(
    r"(?:www\.)?(?:json-schema\.org|w3\.org|schemas?\.[a-z0-9-]{1,40}\.[a-z]{2,6}|purl\.org|xmlns\.com|spdx\.org|ietf\.org"
    r"|rfc-editor\.org|iso\.org|openapis\.org|unece\.org|asam\.net|autosar\.org)(?![0-9A-Za-z.-])",
    re.IGNORECASE,
)
"""Hosts of standards: schemas and name spaces of documents, which nobody visits."""


def _link(text: str, start: int, end: int) -> Proof | None:
    if start and (text[start - 1].isascii() and text[start - 1].isalnum()):
        return None
    rest = _REST.match(text, end)
    stop = end + len(rest[0].rstrip(_TRAILING)) if rest else end
    if stop == end or _STANDARDS.match(text, end):
        return None
    return Proof(start, stop, "scheme or www., then no blank")


def _credentials(text: str, start: int, end: int) -> Proof | None:
    before = text[max(0, start - _LONGEST_SCHEME) : start]
    begin = start - len(before) + len(before.rstrip(_SCHEME))
    password = text[start + 3 : end - 2].partition(":")[2]
    if begin == start or len(password) > _LONGEST_PASSWORD or _PLACEHOLDER.match(password):
        return None
    rest = _REST.match(text, end)
    stop = end + len(rest[0].rstrip(_TRAILING)) if rest else end
    return Proof(begin, stop, "scheme, user, password, @ (RFC 3986 3.2.1)")


_LINKS = (
    Rule(
        name="url",
        type="URL",
        expression=r"(?:https?|ftps?|sftp|wss?|smb)://|www\.",
        caseless=True,
        boundary=Boundary.NONE,
        confirm=_link,
        family="contact",
        score=0.6,
        reference="RFC 3986 3",
        example="https://intranet.example/shift?id=7",
    ),
    Rule(
        name="url_credentials",
        type="URL_CREDENTIALS",
        expression=r"://[^\s/@:\"'<>]*:[^\s/@\"'<>]+@[0-9A-Za-z]",
        boundary=Boundary.NONE,
        confirm=_credentials,
        family="contact",
        score=1.0,
        reference="RFC 3986 3.2.1",
        example="ftp://press:s3cr3t-4711@files.example/log",
    ),
)

# --- network ----------------------------------------------------------------------------------------------------------

_NETWORK_WORDS = (
    "ip",
    "ipv4",
    "ipv6",
    "ip address",
    "ip-adresse",
    "adresse ip",
    "dirección ip",
    "indirizzo ip",
    "host",
    "server",
    "client",
    "ping",
    "gateway",
    "peer",
    "remote",
    "addr",
    "ssh",
    "アドレス",
    "地址",
    "サーバ",
    "服务器",
)
_VERSION_WORDS = (
    "version",
    "ver",
    "v",
    "rev",
    "release",
    "firmware",
    "fw",
    "build",
    "bootloader",
    "patch",
    "patch level",
    "driver",
    "treiber",
    "stand",
    "sw-stand",
    "software",
    "sw",
    "section",
    "kapitel",
    "abschnitt",
    "chapter",
    "clause",
    "oid",
    "バージョン",
    "版本",
    "章",
    "versión",
    "versione",
)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("IPv6:"))
    except ValueError:
        return False
    return True


def _ipv4(text: str, start: int, end: int) -> Proof | None:
    try:
        address = ipaddress.IPv4Address(text[start:end])
    except ValueError:
        return None
    octets = address.packed
    if address.is_loopback or address.is_multicast or octets[0] in (0, 255):
        return None  # nobody's
    small = max(octets) < 32 and not address.is_private  # as likely a version or a section
    return Proof(start, end, "four octets (RFC 791)", 0.3 if small else None)


def _ipv6(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    if not _is_address(value):
        return None
    address = ipaddress.IPv6Address(value)
    if address.is_loopback or address.is_unspecified:
        return None
    first = value.partition(":")[0]
    rare = value.count(":") == 7 or (len(first) >= 3 and any(map(str.isdigit, value)))
    return Proof(start, end, "eight groups or :: (RFC 4291 2.2)", None if rare else 0.3)


def _mac(text: str, start: int, end: int) -> Proof | None:
    value = text[start:end]
    digits = re.sub("[:.-]", "", value)
    if len({*re.findall("[:.-]", value)}) != 1 or len({*digits.lower()}) == 1:
        return None
    return Proof(start, end, "six octets (IEEE 802)", 0.3 if digits.isdigit() and ":" not in value else None)


_GROUP = "[0-9A-Fa-f]{1,4}"
_NETWORK = (
    Rule(
        name="ipv4",
        type="IP_ADDRESS",
        expression=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        boundary=Boundary.TOKEN,
        joints="._,",
        confirm=_ipv4,
        family="contact",
        score=0.6,
        context=_NETWORK_WORDS,
        against=_VERSION_WORDS,
        reference="RFC 791",
        example="10.20.30.40",
    ),
    Rule(
        name="ipv6",
        type="IP_ADDRESS",
        expression=rf"(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{1,6}}(?::{_GROUP}){{1,6}}",
        boundary=Boundary.TOKEN,
        joints=":._",
        confirm=_ipv6,
        family="contact",
        score=0.85,
        context=_NETWORK_WORDS,
        reference="RFC 4291 2.2",
        example="2001:db8:17::4a",
    ),
    Rule(
        name="mac",
        type="MAC_ADDRESS",
        expression=r"[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        boundary=Boundary.TOKEN,
        joints=":-._",
        confirm=_mac,
        family="contact",
        score=0.85,
        context=("mac", "ethernet", "wlan", "wifi", "bluetooth", "hwaddr", "bssid"),
        reference="IEEE 802-2014 8",
        example="02:1A:4B:7C:9D:E5",
    ),
)

RULES: tuple[Rule, ...] = (*_MAIL, *_LINKS, *_NETWORK, *PHONES)
