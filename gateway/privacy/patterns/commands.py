"""Secrets where no keyword with a sign names them: on command lines, in headers, in lines of configuration.

1. A command's option says what its value is: ``curl -u user:…``, ``sshpass -p …``, ``mysql -p…``, ``net use … /user:``.
   One is looked for behind the command, up to the end of its line (a backslash continues it) or the next command.
2. ``Authorization:`` carries a token behind whatever scheme; Bearer and Basic are :mod:`.secrets`' own.
3. Statements and files that name a password by their grammar: ``IDENTIFIED BY '…'``, ``login … password …`` (netrc),
   ``enable secret 5 …`` (IOS), ``WIFI:…;P:…;;``, ``otpauth://…?secret=…``.
4. Hashed passwords (``$6$…``, ``$2b$…``, ``$argon2id$…``) can be tried at leisure: they count.
5. The data of a Kubernetes Secret are found as one stretch.

Placeholders, variables and prompts for a password are none (:func:`gateway.privacy.patterns.keywords.is_placeholder`).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.privacy.patterns.keywords import is_placeholder, is_token
from gateway.privacy.patterns.rule import Boundary, Proof, Rule

_LINE: Final = 400
"""How far behind a command its option is looked for, in code points."""

_V: Final = r"""(?:"(?P<double>[^"\n]{3,128})"|'(?P<single>[^'\n]{3,128})'|(?P<bare>[^\s"'|;&<>]{3,128}))"""
_PAIR: Final = (
    r"""(?:"[^"\n:]{1,64}:(?P<double>[^"\n]{3,128})"|'[^'\n:]{1,64}:(?P<single>[^'\n]{3,128})'"""
    r"""|[^\s"'|;&<>:]{1,64}:(?P<bare>[^\s"'|;&<>]{3,128}))"""
)
_OPTIONS: Final[dict[str, str]] = {
    "curl": rf"(?:-u|--user|-U|--proxy-user)[ =]?{_PAIR}",
    "sshpass": rf"-p[ ]?{_V}",
    "plink": rf"-pw[ ]{_V}",
    "pscp": rf"-pw[ ]{_V}",
    "redis-cli": rf"-a[ ]{_V}",
    "docker login": rf"-p[ ]{_V}",
    "podman login": rf"-p[ ]{_V}",
    "mysql": rf"-p{_V}",
    "mysqldump": rf"-p{_V}",
    "mysqladmin": rf"-p{_V}",
    "sqlcmd": rf"-P[ ]{_V}",
    "mosquitto_pub": rf"-P[ ]{_V}",
    "mosquitto_sub": rf"-P[ ]{_V}",
    "ipmitool": rf"-P[ ]{_V}",
    "psexec": rf"-p[ ]{_V}",
    "ldapsearch": rf"-w[ ]{_V}",
    "ldapmodify": rf"-w[ ]{_V}",
    "openssl": r"-(?:pass|passin|passout)[ ]pass:(?P<bare>[^\s\"'|;&<>]{3,128})",
    "smbclient": r"""(?:-U|--user)[ =]?["']?[^\s"'%]{1,64}%(?P<bare>[^\s"'|;&<>]{3,128})""",
    "xfreerdp": rf"/p:{_V}",
    "net use": r"""(?:\\\\\S{1,80}[ ](?P<first>[^\s/*]\S{2,64})[ ]/user:|/user:\S{1,64}[ ](?P<bare>[^\s/*]\S{2,64}))""",
}
_FORMS: Final = {name: re.compile(rf"(?<=[ \t]){form}") for name, form in _OPTIONS.items()}
_COMMANDS: Final = "|".join(re.escape(name).replace(r"\ ", "[ ]").replace(r"\-", "-") for name in _OPTIONS)
_LINE_ENDS: Final = re.compile(rf"(?<!\\)\r?\n|(?:{_COMMANDS})(?:\.exe)?[ ]")


def _option(text: str, start: int, end: int) -> Proof | None:
    """What stands where a command expects a password (rule 1)."""
    name = text[start : end - 1].lower().removesuffix(".exe")
    stop = _LINE_ENDS.search(text, end, end + _LINE)
    held = _FORMS[name].search(text, end - 1, stop.start() if stop else end + _LINE)
    if not held:
        return None
    group = next(name for name, value in held.groupdict().items() if value)
    return None if is_placeholder(held[group]) else Proof(*held.span(group), f"option of {name}")


_CREDENTIAL: Final = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9-]{1,19}[ ]{1,4})?(?:[A-Za-z_]{1,16}=["']?)?"""
    r"""(?P<token>[A-Za-z0-9_\-.~+/|:]{12,1000}={0,2})"""
)


def _authorization(text: str, start: int, end: int) -> Proof | None:
    """The token of an ``Authorization`` header (RFC 9110 11.6.2), whatever its scheme."""
    held = _CREDENTIAL.match(text, end)
    if not held or not is_token(held["token"][:256], quoted=False, said=False):
        return None
    return Proof(*held.span("token"), "RFC 9110 11.6.2")


_HASH: Final = r"[./A-Za-z0-9]"
_LINES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"identified[ ](?:with[ ][a-z0-9_'\"]{1,40}[ ])?by[ ]['\"]",
        r"(?P<value>[^'\"\n]{4,128})['\"]",
        "SQL",
    ),
    (r"with[ ](?:encrypted[ ]|login[ ])?password[ ]=?[ ]?N?'", r"(?P<value>[^'\n]{4,128})'", "SQL"),
    (r"login[ ][!-~]{1,64}[ ]password[ ]", r"(?P<value>[!-~]{4,128})", "netrc"),
    (
        r"(?:enable|username[ ][!-~]{1,32}(?:[ ]privilege[ ][0-9]{1,2})?)[ ](?:secret|password)[ ]",
        r"(?:[05789][ ])?(?P<value>[!-~]{4,128})",
        "IOS",
    ),
    (
        r"(?:snmp-server[ ]community|tacacs-server[ ]key|radius-server[ ]key|key-string|wpa-psk[ ]ascii|set-key)[ ]",
        r"(?:[0678][ ])?(?P<value>[!-~]{4,128})",
        "IOS",
    ),
    (r"wifi:[tshr]:", r"(?:[^\n;]{0,64};(?:[tshr]:)?){0,4}?p:(?P<value>(?:\\.|[^;\\\n]){4,64});", "code of a network"),
    (r"otpauth://[th]otp/", r"[!-~]{0,200}?[?&]secret=(?P<value>[a-z2-7]{8,128})", "Key URI of a one-time password"),
)
"""What a value stands behind, how far it goes, and where that is so."""

_BEHIND: Final = tuple(
    (re.compile(before + r"\Z", re.IGNORECASE), re.compile(value, re.IGNORECASE), where)
    for before, value, where in _LINES
)
_PLAIN_WORD: Final = re.compile(r"[a-z]{1,12}[.,;:]?")
_COMMUNITIES: Final = frozenset({"public", "private"})


def _behind(text: str, start: int, end: int) -> Proof | None:
    """What a statement or a line of a file says is a password (rule 3)."""
    for before, value, where in _BEHIND:
        held = value.match(text, end) if before.match(text, start, end) else None
        if held and not is_placeholder(held["value"]) and not _is_word(held["value"], where):
            return Proof(*held.span("value"), f"password by its place: {where}")
    return None


def _is_word(value: str, where: str) -> bool:
    """Whether a value that nothing encloses may be a word of prose: ``enable password recovery``."""
    return where in ("IOS", "netrc") and (bool(_PLAIN_WORD.fullmatch(value)) or value in _COMMUNITIES)


_CRYPT: Final = re.compile(
    rf"\$(?:1\${_HASH}{{1,16}}\${_HASH}{{22}}|5\$(?:rounds=\d{{1,9}}\$)?{_HASH}{{1,16}}\${_HASH}{{43}}"
    rf"|6\$(?:rounds=\d{{1,9}}\$)?{_HASH}{{1,16}}\${_HASH}{{86}}|2[abxy]\$\d\d\${_HASH}{{53}}"
    rf"|y\${_HASH}{{1,16}}\${_HASH}{{1,86}}\${_HASH}{{43}}|[89]\${_HASH}{{14}}\${_HASH}{{43}}"
    r"|argon2(?:id|i|d)\$[A-Za-z0-9+/=,$]{20,300})"
)


def _crypt(text: str, start: int, end: int) -> Proof | None:
    """crypt(5), IOS types 5, 8 and 9, the PHC string of Argon2 (RFC 9106)."""
    held = _CRYPT.match(text, start)
    return Proof(start, held.end(), "hashed password, crypt(5)") if held else None


_KIND: Final = re.compile(r"kind[\"']?:[ ]?[\"']?Secret\b")
_DATA: Final = re.compile(
    r"(?:\n[ ]{1,12}(?:#[^\n]{0,200}|[\w.-]{1,253}:[ ]?(?:[|>][+-]?[ ]*|[^\s{][^\n]{0,20000})?|[A-Za-z0-9+/=]{4,20000})"
    r"[ \r]*){1,200}"
)
_VALUE: Final = re.compile(r":[ ]?[|>\"']?\s*[!-~]{4}")
_AROUND_DATA: Final = 600


def _kubernetes(text: str, start: int, end: int) -> Proof | None:
    """The lines under ``data:`` or ``stringData:`` of a manifest that says ``kind: Secret`` near it (rule 5)."""
    held = _DATA.match(text, text.index("\n", start))
    if not held or not _VALUE.search(held[0]):
        return None
    before = text[max(0, start - _AROUND_DATA) : start].rpartition("\n---")[2]
    after = text[held.end() : held.end() + _AROUND_DATA].partition("\n---")[0]
    if not _KIND.search(before) and not _KIND.search(after):
        return None
    first = held.end() - len(held[0].lstrip())
    return Proof(first, held.start() + len(held[0].rstrip()), "data of a Secret")


RULES: tuple[Rule, ...] = (
    Rule(
        name="command_password",
        type="PASSWORD",
        expression=rf"(?:{_COMMANDS})(?:\.exe)?[ ]",
        confirm=_option,
        family="secrets",
        score=0.95,
        boundary=Boundary.START,
        caseless=True,
    ),
    Rule(
        name="authorization_header",
        type="ACCESS_TOKEN",
        expression=r"authorization[\"']{0,2}[ ]?[:=,][ ]?[\"']?",
        confirm=_authorization,
        family="secrets",
        score=0.95,
        boundary=Boundary.START,
        caseless=True,
        reference="RFC 9110 11.6.2",
    ),
    Rule(
        name="password_by_place",
        type="PASSWORD",
        expression="|".join(before for before, _, _ in _LINES),
        confirm=_behind,
        family="secrets",
        score=0.95,
        boundary=Boundary.START,
        caseless=True,
    ),
    Rule(
        name="password_hash",
        type="PASSWORD",
        expression=r"\$(?:[15689y]|2[abxy]|argon2(?:id|i|d))\$[./A-Za-z0-9=]{2}",
        confirm=_crypt,
        family="secrets",
        score=1.0,
        boundary=Boundary.NONE,
        reference="crypt(5); RFC 9106",
    ),
    Rule(
        name="kubernetes_secret",
        type="PASSWORD",
        expression=r"(?:data|stringData):[ ]{0,2}\r?\n[ ]",
        confirm=_kubernetes,
        family="secrets",
        score=0.95,
        boundary=Boundary.START,
        reference="Kubernetes v1 Secret",
    ),
)
