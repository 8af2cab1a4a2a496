"""Secrets by their place (command lines, headers, statements, manifests) and by further vendors' prefixes.

All values are made here from a seeded generator or invented.
"""

from __future__ import annotations

import base64
import json
import random
import string

import pytest

from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.privacy.patterns.secrets import RULES

PATTERNS = Patterns(Plan(RULES))
CHANCE = random.Random(61)
ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


def some(length: int, alphabet: str = ALNUM) -> str:
    return "aA7" + "".join(CHANCE.choice(alphabet) for _ in range(length - 3)) if alphabet == ALNUM else "".join(
        CHANCE.choice(alphabet) for _ in range(length)
    )  # fmt: skip


VENDORS = {
    "1password": f"A3-{some(6, UPPER)}-{some(11, UPPER)}-{some(5, UPPER)}-{some(5, UPPER)}-{some(5, UPPER)}",
    "adobe": "p8" + "e-" + some(32, LOWER),
    "artifactory": "cmV" + "md" + some(59),
    "aws bedrock": "bedrock-api-" + "key-YmVkcm9jay5hbWF6b25hd3MuY29t" + some(80),
    "azure devops": some(76) + "AZ" + "DO" + some(4),
    "azure storage": some(76) + "+A" + "St" + some(5) + "A==",
    "azure bus": some(33) + "+A" + "SbC" + some(5) + "=",
    "azure annotated": some(52) + "JQ" + "QJ99" + some(26),
    "bitbucket": "AT" + "BB" + some(32),
    "brevo": "xkey" + "sib-" + some(64, HEX) + "-" + some(16),
    "circleci": "CCI" + "PAT_" + some(22) + "_" + some(40, HEX),
    "cloudflare": "v1" + ".0-" + some(24, HEX) + "-" + some(146, HEX),
    "dify": "ap" + "p-" + some(24),
    "figma": "fi" + "gd_" + some(40),
    "gitlab routable": "gl" + "pat-" + some(27) + ".01." + some(9, LOWER),
    "harness": "pa" + "t." + some(22) + "." + some(24, HEX) + "." + some(20),
    "hubspot": f"pat-eu1-{some(8, HEX)}-{some(4, HEX)}-{some(4, HEX)}-{some(4, HEX)}-{some(12, HEX)}",
    "langsmith": "lsv2" + "_pt_" + some(32, HEX) + "_" + some(10, HEX),
    "mapbox": "sk" + ".eyJ" + some(60) + "." + some(22),
    "maxmind": some(6) + "_" + some(29) + "_m" + "mk",
    "nuget": "oy" + "2a" + some(42, LOWER),
    "octopus": "AP" + "I-" + "7A3" + some(23, UPPER),
    "planetscale": "pscale" + "_tkn_" + some(43),
    "sourcegraph": "sg" + "p_local_" + some(40, HEX),
    "supabase": "sb" + "p_" + some(40, HEX),
    "trello": "AT" + "TA" + some(64, HEX),
    "youtrack": "per" + "m:YW5uYQ==.NDctMTE=." + some(30),
    "zoho": "10" + "00." + some(32, HEX) + "." + some(32, HEX),
}
KEY = some(32)
CRYPT = "$6$" + some(12) + "$" + some(86)
JWT_HEADER = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).decode().rstrip("=")


def found(text: str) -> set[tuple[str, str]]:
    return {(text[span.start : span.end], span.type) for span in PATTERNS.find([text], lambda: None)[0]}


@pytest.mark.parametrize("vendor", VENDORS)
def test_finds_a_vendors_key_also_beside_kanji(vendor: str) -> None:
    key = VENDORS[vendor]
    for text in (key, f"鍵は{key}です", f'"{key}"', f"see {key} now"):
        assert (key, "API_KEY") in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "app-5f7d9c8b6a-x2x4z-container1",
        "API-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "A3-DRAWING-REV01",
        "EZ30-CONTROLLER",
        "pat_" + "x" * 64,
        "1000.50 EUR",
        "perm: read.write",
        "4b1d" + some(36, HEX),
    ],
)
def test_leaves_what_only_begins_like_a_key(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("curl -u svc:Qx7k2p9z https://mes.intern/api", "Qx7k2p9z"),
        ('curl -s \\\n  --user "svc:Werk 7!tor" https://mes', "Werk 7!tor"),
        ("sshpass -p 'Werk7!tor' ssh root@plc01", "Werk7!tor"),
        ("mysql -u root -pQx7k2p9z mes", "Qx7k2p9z"),
        ("redis-cli -h cache -a Qx7k2p9z ping", "Qx7k2p9z"),
        ("docker login -u ci -p Qx7k2p9z reg.intern", "Qx7k2p9z"),
        ("net use Z: \\\\nas01\\mes Werk7tor /user:WERK\\svc", "Werk7tor"),
        ("openssl rsa -in k.pem -passin pass:Qx7k2p9z", "Qx7k2p9z"),
        ("smbclient //nas/x -U 'svc%Qx7k2p9z'", "Qx7k2p9z"),
        ("CREATE USER 'mes'@'%' IDENTIFIED BY 'Qx7k2p';", "Qx7k2p"),
        ("CREATE ROLE mes WITH LOGIN PASSWORD 'Qx7k2p';", "Qx7k2p"),
        ("machine db login svc password Qx7k2p9z", "Qx7k2p9z"),
        ("snmp-server community Qx7k2p RO", "Qx7k2p"),
        ("WIFI:T:WPA;S:Halle7;P:Werk7!tor;;", "Werk7!tor"),
        ("otpauth://totp/MES:svc?secret=JBSWY3DPEHPK3PXQ&issuer=MES", "JBSWY3DPEHPK3PXQ"),
        (f"root:{CRYPT}:19000:0", CRYPT),
        ("PW: Werk7tor", "Werk7tor"),
        ("Zugangscode: 4711", "4711"),
        ("アクセスコード:4711", "4711"),
        ("验证码:482913", "482913"),
        ("PIN-Code: 4711", "4711"),
    ],
)
def test_finds_a_password_by_its_place(text: str, value: str) -> None:
    assert (value, "PASSWORD") in found(text)


@pytest.mark.parametrize(
    ("text", "value", "type"),
    [
        (f"Authorization: Token {KEY}", KEY, "ACCESS_TOKEN"),
        (f'"authorization": "{KEY}"', KEY, "ACCESS_TOKEN"),
        (f"curl -H 'Authorization: ApiKey {KEY}' https://x", KEY, "ACCESS_TOKEN"),
        (f"_mes_session={KEY}; path=/", KEY, "ACCESS_TOKEN"),
        (f"SK={KEY}", KEY, "API_KEY"),
        (f"AK: {KEY}", KEY, "API_KEY"),
    ],
)
def test_finds_a_token_of_a_header_a_cookie_and_a_pair(text: str, value: str, type: str) -> None:
    assert (value, type) in found(text)


@pytest.mark.parametrize(
    "text",
    """docker run -u 1000:1000 img|mysql -u root -p mes|curl -u "$USER:$PASS" https://x|curl -u admin https://x
    net use Z: \\\\nas\\mes /user:WERK\\svc *|Authorization: none|authorization: required for all
    enable password recovery
    snmp-server community public RO|price $5$ and $6$|IDENTIFIED BY '<password>'|WITH PASSWORD '${PW}'
    thereby login as guest password protected|PW: 3000 kW|pw = width|SK: 6204-2RS1-2024-A|disk: 4f3a9c
    git push -u origin main
    sshpass -p "$PASS" ssh x|redis-cli ping -a|Authorization: Bearer <token>|data:|the access code is required|PIN: 12
    WIFI:T:nopass;S:Gast;;|kubectl get data: x""".replace("\n", "|").split("|"),
)
def test_leaves_what_stands_in_such_a_place(text: str) -> None:
    assert found(text.strip()) == set()


def test_the_data_of_a_kubernetes_secret_and_of_nothing_else() -> None:
    data = "user: c3Zj\n  cert: UXg3azJwOXo="
    manifest = f"kind: Secret\nmetadata:\n  name: mes\ndata:\n  {data}\n---\nkind: ConfigMap\ndata:\n  a: b1234\n"

    assert found(manifest) == {(data, "PASSWORD")}
    assert found(f"data:\n  {data}\nkind: Secret\n") == {(data, "PASSWORD")}
    assert found(manifest.replace("kind: Secret", "kind: Service")) == set()


def test_a_jwt_in_base64() -> None:
    token = base64.b64encode(f"{JWT_HEADER}.{some(40)}.{some(43)}".encode()).decode()
    plain = base64.b64encode(b'{"a' + b"x" * 90).decode()

    assert found(f"token.b64 {token} x") == {(token, "JWT")}
    assert found(plain) == set()
