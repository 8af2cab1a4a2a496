"""Makers of secrets of well-known forms. Every character of them is drawn anew: none of them opens anything."""

from __future__ import annotations

import base64
import json
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase

from invented.ids import letters

_WORD = ascii_letters + "0123456789"


def _base64(r: Random, count: int) -> str:
    return base64.b64encode(bytes(r.randrange(256) for _ in range(count))).decode()


def private_key(r: Random) -> str:
    kind = r.choice(["", "RSA ", "EC ", "OPENSSH "])
    body = _base64(r, 192)
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def jwt(r: Random) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims: dict[str, object] = {"sub": letters(r, 8, ascii_lowercase), "iat": r.randrange(10**9, 2 * 10**9)}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{letters(r, 43, _WORD)}"


def cloud_key(r: Random) -> str:
    forms = {
        "AKIA": (16, ascii_uppercase + "234567"),
        "ghp" + "_": (36, _WORD),
        "glpat" + "-": (20, _WORD),
        "AIza": (35, _WORD),
        "sk_live" + "_": (24, _WORD),
        "xoxb" + "-2048205120-3180429127-": (24, _WORD),
        "hf" + "_": (34, ascii_letters),
        "npm" + "_": (36, _WORD),
    }
    prefix = r.choice(list(forms))
    count, alphabet = forms[prefix]
    return prefix + letters(r, count, alphabet)


def connection_string(r: Random) -> str:
    scheme = r.choice(["postgresql", "mysql", "mongodb+srv", "amqp", "redis"])
    secret = letters(r, 14, _WORD)
    return f"{scheme}://mes_app:{secret}@{r.choice(['db-07.intern', '10.20.3.14', 'mes.werk.example'])}:5432/schicht"


def password(r: Random) -> str:
    """What stands behind ``password=``: no known form, much entropy."""
    return letters(r, r.choice([14, 18, 24, 32]), _WORD + "!#%+-_")


SECRETS = {m.__name__: m for m in (private_key, jwt, cloud_key, connection_string)}

MARKS = {
    "en": ("CONFIDENTIAL", "STRICTLY CONFIDENTIAL", "TLP:AMBER", "TLP:RED", "INTERNAL USE ONLY"),
    "de": ("STRENG VERTRAULICH", "VERTRAULICH", "VS-NfD", "VS - NUR FÜR DEN DIENSTGEBRAUCH"),
    "fr": ("CONFIDENTIEL", "DIFFUSION RESTREINTE"),
    "it": ("RISERVATO", "STRETTAMENTE CONFIDENZIALE"),
    "es": ("CONFIDENCIAL", "ESTRICTAMENTE CONFIDENCIAL"),
    "ja": ("社外秘", "極秘", "関係者限り"),
    "zh": ("机密", "绝密", "内部资料"),
}
