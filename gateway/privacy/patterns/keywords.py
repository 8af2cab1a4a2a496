"""Values that a keyword names a secret: ``password=``, ``"api_key": "…"``, ``パスワードは…``, ``密码：…``.

What counts as a value, and what does not:

1. No placeholder (``<password>``, ``${DB_PASS}``, ``{{ token }}``, ``********``, ``changeme``, ``your-key``), no type
   or constant (``string``, ``null``), no code that fetches one (``os.environ[…]``, ``getpass()``), no path, no URL.
2. A password has a digit or a sign in it, or mixes cases beyond a capital: ``Passwort: vergessen`` is prose.
3. Behind "is", "ist", "は", "是" it needs letters and digits both.
4. Behind a keyword of two letters (``PW:``, ``AK=``, ``SK=``) a password needs both as well, and a key twenty
   characters.
5. A key or token has at least twelve characters, a digit, and entropy of three bits a character; words joined by
   hyphens (``my-secret-name``) have no such part.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

LEAST_ENTROPY: Final = 3.0
"""In bits for each character."""

_PASSWORDS: Final = (
    "password|passwd|passwort|passwrt|passphrase|passcode|kennwort|pwd|[_-]pass|userpass|dbpass|mot de passe|motdepasse"
    "|mdp|parola d'ordine|contraseña|contrasena|senha|パスワード|パスフレーズ|暗証番号|密码|口令|密碼"
    "|pin[ -]code|access code|door code|zugangscode|zutrittscode|türcode|code d'accès|code pin|codice pin"
    "|codice d'accesso|codice di accesso|código de acceso|código pin|アクセスコード|pinコード|認証コード"
    "|确认码|验证码|門禁碼"
)
_KEYS: Final = (
    "api[_ -]?key|api[_ -]?secret|app[_ -]?secret|app[_ -]?key|secret|secret[_ -]?key|client[_ -]?secret"
    "|access[_ -]?key|access[_ -]?key[_ -]?id|account[_ -]?key|shared[_ -]?access[_ -]?key|auth[_ -]?key"
    "|private[_ -]?key|encryption[_ -]?key|signing[_ -]?key|master[_ -]?key|license[_ -]?key|subscription[_ -]?key"
    "|credentials?|geheimnis|schlüssel|clé api|clé secrète|chiave api|clave api|clave secreta"
    "|apiキー|シークレット|秘密鍵|アクセスキー|密钥|秘钥|密鑰"
)
_TOKENS: Final = "token|session[_ -]?id|jsessionid|sessid|_session|connect[.]sid|auth[_-]?cookie|トークン|令牌|jeton"
_SIGN: Final = r"[\"'`\]\)]{0,2}[ \t]{0,4}(?::=|=>|==|=|:|>|\",[ \t]?\"|\"[ ]value=)"
_VERB: Final = "(?:「|[ ](?:is|ist|lautet|est|è|es)[ :]|は|为|是)"
_VALUE: Final = re.compile(
    r"""[ \t]{0,4}\\?(?:"(?P<double>[^"\\\n]{1,256})|'(?P<single>[^'\\\n]{1,256})|`(?P<tick>[^`\\\n]{1,256})"""
    r"""|「(?P<corner>[^」\n]{1,256})|(?P<bare>[!#-&(-+\-.-:=?-_a-{}~À-ÿ]{1,256}))"""
)
_PLACEHOLDER_BEGINS: Final = (
    "your|my|the|insert|enter|replace|change|example|sample|dummy|placeholder|redacted|masked|hidden"
    "|todo|tbd|fixme|unset"
)
_CONSTANTS: Final = (
    "string|str|text|bool|boolean|int|integer|number|object|bytes|any|uuid|none|null|nil|undefined|true|false|yes|no|void"
    "|auto|optional|required|secret|password|passwd|passwort|kennwort|pass|token|changeme|changeit|example|n/a|na|default"
    "|root|admin|test|user|username|pw|pwd"
)
_SOURCES: Final = (
    "os|sys|self|this|env|cfg|conf|config|settings|process|secrets|vault|args|opts|options|req|request|params|props|ctx"
    "|data|getenv|get|var|local|module|vars|values|input|function|lambda|def|str|system|environment"
)
_NO_SECRET: Final = re.compile(
    r"<|\[|\{.*\}$|\$[A-Za-z_{(]|%\w+%|%[(s]|[*!][A-Za-z_]+$"
    r"|.*(?:\$\{|\{\{|\$\(|<[a-z_ -]+>|\*{3}|•{2}|x{4}|\.{3}|…|://)"
    rf"|(?:{_PLACEHOLDER_BEGINS})(?:[-_ ]|$|\W)|(?:{_CONSTANTS})[0-9]?\W*$|(?:{_SOURCES})[.(\[]"
    r"|(?:~|\.{0,2})(?:/[\w.-]+){2,}$|[A-Za-z]:\\",
    re.IGNORECASE,
)
_NEXT_PARAMETER: Final = re.compile(r"&[A-Za-z_]{1,30}=")
_CALL: Final = re.compile(r"[A-Za-z_][\w.]*(?:\(|\[['\"]|\.[a-z_]+$)|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_ONE_PIECE: Final = re.compile(r"[A-Za-z0-9+/]{20,64}={0,2}")
_WORD_PARTS: Final = re.compile(r"[-_.:/ ]")


def entropy(value: str) -> float:
    """Return Shannon's entropy of ``value`` in bits for each character; 0 for the empty string."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def _value_at(text: str, at: int) -> tuple[int, int, bool] | None:
    """Return ``(start, end, quoted)`` of the value that begins at ``at``, None when none does."""
    held = _VALUE.match(text, at)
    if not held or not held.lastgroup:
        return None
    start, end = held.span(held.lastgroup)
    quoted = held.lastgroup != "bare"
    more = None if quoted else _NEXT_PARAMETER.search(text, start, end)
    end = more.start() if more else end
    while not quoted and end > start and text[end - 1] in ".,:;)]}":  # marks that passwords end with are kept
        end -= 1
    return (start, end, quoted) if start < end else None


def is_placeholder(value: str) -> bool:
    """Whether ``value`` stands for a secret, fetches one or says of what type it is, but is none."""
    return bool(_NO_SECRET.match(value)) or len(set(value)) < 3


def _classes(value: str) -> tuple[bool, bool, bool]:
    """Return whether there are letters, digits, and signs that no ordinary word or name has."""
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return letters, digits, any(not char.isalnum() and char not in "-_. '’,:/" for char in value)


def is_password(value: str, quoted: bool, said: bool) -> bool:
    """Whether ``value`` is a password behind a keyword (rules 1 to 3); ``said``: behind a verb, not a sign."""
    if not 4 <= len(value) <= 128 or is_placeholder(value) or (" " in value and not quoted) or value.count(" ") > 4:
        return False
    letters, digits, signs = _classes(value)
    if not value.isascii() and not digits and not signs:
        return False
    if not quoted and _CALL.match(value):
        return False
    if said:
        return digits and letters and len(value) >= 5
    if digits:
        return letters or signs or len(value) >= 4
    humps = sum(a.islower() and b.isupper() for a, b in pairwise(value))
    return (signs and len(value) >= 6) or (humps >= 2 and quoted and len(value) >= 8)


def _is_mixed(part: str) -> bool:
    """Whether letters and digits are mixed, or both cases more often than in ``GetUserByName``."""
    if len(part) < 4 or not any(map(str.isalpha, part)):
        return False
    humps = sum(a.islower() and b.isupper() for a, b in pairwise(part))
    return any(map(str.isdigit, part)) or (len(part) >= 12 and humps * 4 >= len(part))


def is_token(value: str, quoted: bool, said: bool) -> bool:
    """Whether ``value`` is a key or token behind a keyword (rules 1 and 5)."""
    if not 12 <= len(value) <= 256 or not value.isascii() or " " in value or is_placeholder(value):
        return False
    if not quoted and _CALL.match(value):
        return False
    mixed = any(_is_mixed(part) for part in _WORD_PARTS.split(value))
    return mixed and entropy(value) >= LEAST_ENTROPY and not (said and len(value) < 16)


def _confirmer(holds: Callable[[str, bool, bool], bool], check: str) -> Confirm:
    def confirm(text: str, start: int, end: int) -> Proof | None:
        if text[end : end + 1] in ("=", ">"):
            return None  # a longer sign, reported apart
        value = _value_at(text, end)
        said = text[end - 1] not in '=:>"'
        if value is None:
            return None
        start, last, quoted = value
        judged = text[start:last] if quoted else text[start:last].rstrip("!?")  # of the sentence, or of the secret
        return Proof(start, last, check) if holds(judged, quoted, said) else None

    return confirm


def _is_short_password(value: str, quoted: bool, said: bool) -> bool:
    return is_password(value, quoted, said=True)  # rule 4


def _is_half_of_pair(value: str, quoted: bool, said: bool) -> bool:
    return bool(_ONE_PIECE.fullmatch(value)) and is_token(value, quoted, said)  # rule 4


def _rule(
    name: str, type: str, words: str, confirm: Confirm, example: str = "", boundary: Boundary = Boundary.NONE
) -> Rule:
    return Rule(
        name=name,
        type=type,
        expression=f"(?:{words})[0-9]{{0,2}}(?:{_SIGN}|{_VERB}:?)",
        confirm=confirm,
        family="secrets",
        score=0.85,
        caseless=True,
        boundary=boundary,
        example=example,
    )


_OPTIONS: Final = "--(?:password|passwd|passphrase|pass|token|api-key|apikey|secret|access-key|secret-key)[ ]"

RULES: tuple[Rule, ...] = (
    _rule(
        "password_named",
        "PASSWORD",
        _PASSWORDS,
        _confirmer(is_password, "named a password"),
        "Kennwort: Werk7!tor",
    ),
    _rule("key_named", "API_KEY", _KEYS, _confirmer(is_token, "named a key, random"), "api_key=q7Rt2mVx9KpL4sWz"),
    _rule(
        "token_named",
        "ACCESS_TOKEN",
        _TOKENS,
        _confirmer(is_token, "named a token, random"),
        "token: q7Rt2mVx9KpL4sWz",
    ),
    _rule(
        "password_short", "PASSWORD", "pw", _confirmer(_is_short_password, "named a password"), boundary=Boundary.START
    ),
    _rule(
        "key_short", "API_KEY", "ak|sk", _confirmer(_is_half_of_pair, "named a key, random"), boundary=Boundary.START
    ),
    Rule(
        name="password_option",
        type="PASSWORD",
        expression=_OPTIONS,
        confirm=_confirmer(is_password, "option of a command"),
        family="secrets",
        score=0.85,
        boundary=Boundary.NONE,
        example="--password Werk7!tor",
    ),
)
