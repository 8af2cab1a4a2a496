"""Secrets: every kind once, and what stands where a secret would.

All values are made here from a seeded generator: nothing in this file is, or looks to a scanner like, a live secret.
"""

from __future__ import annotations

import base64
import json
import random
import string

import pytest

from gateway.identity.apikey import new_key
from gateway.privacy.patterns.keywords import entropy
from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.privacy.patterns.secrets import RULES

CHANCE = random.Random(47)
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
DIGITS = "123456789"


def some(length: int, alphabet: str = ALNUM) -> str:
    return "".join(CHANCE.choice(alphabet) for _ in range(length))


def b64(size: int) -> str:
    return base64.b64encode(CHANCE.randbytes(size)).decode()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def pem(kind: str, lines: int = 12) -> str:
    body = "\n".join(b64(48) for _ in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


JWT = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'u4711'})}.{some(43)}"
VENDORS = {
    "aws": "AKIA" + some(16, UPPER),
    "google": "AI" + "za" + some(35),
    "google oauth": "ya" + "29." + some(60),
    "azure": some(3) + "8Q~" + some(34),
    "alibaba": "LT" + "AI5t" + some(18),
    "tencent": "AK" + "ID" + some(32),
    "github": "gh" + "p_" + some(36),
    "github fine-grained": "github" + "_pat_" + some(22) + "_" + some(59),
    "gitlab": "gl" + "pat-" + some(20),
    "slack": "xo" + "xb-" + some(11, DIGITS) + "-" + some(24),
    "stripe": "sk" + "_live_" + some(24),
    "openai": "sk" + "-proj-" + some(48),
    "openai old": "sk" + "-" + some(48),
    "anthropic": "sk" + "-ant-api03-" + some(93) + "AA",
    "hugging face": "hf" + "_" + some(34),
    "npm": "np" + "m_" + some(36),
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + some(60),
    "docker": "dckr" + "_pat_" + some(27),
    "vault": "hv" + "s." + some(90),
    "telegram": some(9, DIGITS) + ":AA" + some(33),
    "twilio": "S" + "K" + some(32, HEX),
    "sendgrid": "S" + "G." + some(22) + "." + some(43),
    "databricks": "da" + "pi" + some(32, HEX),
    "terraform": some(14) + ".atlasv1." + some(67),
    "shopify": "sh" + "pat_" + some(32, HEX),
    "sekisho": new_key(),
}
WEBHOOKS = {
    "slack": f"hooks.slack.com/services/T{some(8, UPPER)}/B{some(8, UPPER)}/{some(24)}",
    "dingtalk": f"oapi.dingtalk.com/robot/send?access_token={some(64, HEX)}",
    "feishu": f"open.feishu.cn/open-apis/bot/v2/hook/{some(8, HEX)}-{some(4, HEX)}-{some(4, HEX)}-{some(12, HEX)}",
    "wecom": f"qyapi.weixin.qq.com/cgi-bin/webhook/send?key={some(8, HEX)}-{some(4, HEX)}-{some(12, HEX)}",
}
CONNECTIONS = [
    "postgres://press:Werk7tor@db01.intern:5432/mes",
    "mongodb+srv://u4711:Qx7!k2p@cluster0.example.org/x",
    "redis://:Qx7k2p9z@cache:6379/0",
    "amqps://mes:Qx7k2p9z@bus.intern/%2f",
    "smtp://bot:Qx7k2p9z@mail.intern:587",
    "Server=tcp:sql01;Database=mes;User Id=sa;Password=Qx7!k2p;Encrypt=true",
]
KEY = some(32)


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(RULES))


def found(patterns: Patterns, text: str) -> set[tuple[str, str]]:
    return {(text[span.start : span.end], span.type) for span in patterns.find([text], lambda: None)[0]}


@pytest.mark.parametrize("vendor", VENDORS)
def test_finds_a_vendors_key_whole_also_glued_to_kanji(patterns: Patterns, vendor: str) -> None:
    key = VENDORS[vendor]
    for text in (key, f"鍵は{key}です", f"see {key}, please", f'"{key}"'):
        assert (key, "API_KEY") in found(patterns, text)


@pytest.mark.parametrize("vendor", WEBHOOKS)
def test_finds_a_webhook(patterns: Patterns, vendor: str) -> None:
    assert (WEBHOOKS[vendor], "ACCESS_TOKEN") in found(patterns, f"https://{WEBHOOKS[vendor]} を使う")


@pytest.mark.parametrize("text", CONNECTIONS)
def test_finds_a_connection_string_whole(patterns: Patterns, text: str) -> None:
    assert (text, "CONNECTION_STRING") in found(patterns, f"url: {text}\n")


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "", "ENCRYPTED ", "OPENSSH "])
def test_finds_a_private_key_from_begin_to_end(patterns: Patterns, kind: str) -> None:
    key = pem(kind + "PRIVATE KEY")
    assert found(patterns, f"key:\n{key}\nthanks") == {(key, "PRIVATE_KEY")}
    assert found(patterns, key.replace("\n", "\\n")) == {(key.replace("\n", "\\n"), "PRIVATE_KEY")}


def test_finds_an_openpgp_block_and_a_key_without_end(patterns: Patterns) -> None:
    block = pem("PGP PRIVATE KEY BLOCK")
    assert found(patterns, block) == {(block, "PRIVATE_KEY")}
    cut = pem("PRIVATE KEY")[:400]
    assert found(patterns, cut + "\n\nIs this one still used?") == {(cut, "PRIVATE_KEY")}


def test_finds_a_key_in_base64_once_more(patterns: Patterns) -> None:
    value = base64.b64encode(pem("RSA PRIVATE KEY").encode()).decode()
    assert found(patterns, f"tls.key: {value}") >= {(value, "PRIVATE_KEY")}


def test_finds_a_jwt_and_nothing_that_only_begins_like_one(patterns: Patterns) -> None:
    assert found(patterns, f"Cookie {JWT}; x") == {(JWT, "JWT")}
    assert found(patterns, f"{part({'a': 'b' * 20})}.{part({'sub': 1})}.{some(43)}") == set()
    assert found(patterns, JWT.split(".", maxsplit=1)[0]) == set()


@pytest.mark.parametrize(
    ("text", "value", "type"),
    [
        ("password=Qx7k2p9", "Qx7k2p9", "PASSWORD"),
        ("DB_PASSWORD: 'Sommer2024!'", "Sommer2024!", "PASSWORD"),
        ("パスワードは Werk7tor です", "Werk7tor", "PASSWORD"),
        ("パスワード「Werk7tor」", "Werk7tor", "PASSWORD"),
        ("密码是Werk7tor", "Werk7tor", "PASSWORD"),
        ("密码:Werk7tor。", "Werk7tor", "PASSWORD"),
        ("Das Passwort lautet Werk7!tor.", "Werk7!tor", "PASSWORD"),
        ("Kennwort: Werk7tor", "Werk7tor", "PASSWORD"),
        ("mot de passe : Usine47", "Usine47", "PASSWORD"),
        ("contraseña: Planta47", "Planta47", "PASSWORD"),
        ("the password is hunter2", "hunter2", "PASSWORD"),
        ("<password>Qx7k2p</password>", "Qx7k2p", "PASSWORD"),
        ('<add key="DbPassword" value="Qx7k2p9"/>', "Qx7k2p9", "PASSWORD"),
        ("mysql --password Qx7k2p9 -h db", "Qx7k2p9", "PASSWORD"),
        ("jdbc:mysql://db/mes?user=app&password=Qx7k2p&ssl=true", "Qx7k2p", "PASSWORD"),
        (f'api_key = "{KEY}"', KEY, "API_KEY"),
        (f"client_secret: {KEY}", KEY, "API_KEY"),
        (f'{{"apiKey":"{KEY}"}}', KEY, "API_KEY"),
        (f"密钥:{KEY}", KEY, "API_KEY"),
        (f"token: {KEY}", KEY, "ACCESS_TOKEN"),
        (f"LINE_TOKEN={KEY}", KEY, "ACCESS_TOKEN"),
        (f"Authorization: Bearer {KEY}", KEY, "ACCESS_TOKEN"),
        ("Authorization: Basic YXBwOlF4N2sycDk=", "YXBwOlF4N2sycDk=", "ACCESS_TOKEN"),
    ],
)
def test_finds_the_value_that_a_keyword_names(patterns: Patterns, text: str, value: str, type: str) -> None:
    assert (value, type) in found(patterns, text)


@pytest.mark.parametrize(
    "text",
    """password=<password>|password: ${DB_PASS}|password: changeme|password: string|"password": {"type": "string"}
    password = os.environ["DB"]|password=getpass()|self.password = password|password: required|token: str
    max_tokens: 4096
    Password: Enter your password|secret: my-secret-name-1|secretName: my-secret|password: null|PASSWORD=********
    The password is case-sensitive|Passwort: vergessen|password reset link: https://x|DB_PASSWORD=$DB_PASSWORD
    commit 3f786850e387550fdab836ed7e6dc881de23001b|550e8400-e29b-41d4-a716-446655440000|token = next(tokens)
    postgres://user:password@localhost/db|postgres://${USER}:${PASS}@h/db|postgres://db01.intern:5432/mes
    sk-learn-contrib-something-package|Bearer token authentication|bearing 6204-2RS|Basic information
    -----BEGIN PRIVATE KEY-----|api_key: YOUR_API_KEY_HERE|パスワードを入力してください|密码:请输入
    secret = get_secret('db/pass')|token count: 12
    token: ${{ secrets.GITHUB_TOKEN }}|api_key=os.getenv('KEY')|accessToken: String!|privateKey: PrivateKey
    pwd: /home/app|Passwort: siehe Tresor|clave: 1|eyJhbGciOiJub25l|"token": "<token>"
    ACCESS_KEY_ID_LENGTH = 20""".replace("\n", "|").split("|"),
)
def test_leaves_what_stands_in_place_of_a_secret(patterns: Patterns, text: str) -> None:
    assert found(patterns, text.strip()) == set()


def test_leaves_placeholders_of_vendors_keys_and_a_wrong_own_key(patterns: Patterns) -> None:
    own = new_key()
    wrong = own[:-1] + ("a" if own[-1] != "a" else "b")
    for text in ("gh" + "p_" + "x" * 36, "AK" + "IA" + "X" * 16, wrong):
        assert found(patterns, text) == set()


def test_leaves_hashes_and_base64_of_files(patterns: Patterns) -> None:
    for text in (f"sha256:{some(64, HEX)}", f"data:image/png;base64,{b64(200)}", pem("PUBLIC KEY"), pem("CERTIFICATE")):
        assert found(patterns, text) == set()


def test_entropy_is_in_bits_for_each_character() -> None:
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
