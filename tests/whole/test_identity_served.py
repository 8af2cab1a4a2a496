"""A served gateway: a key rotated, last used, wrong keys that wait, a tenant changed, a certificate as an account."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from left_behind import files_of
from running import Running, sekisho

from gateway.identity.guessing import FREE

pytestmark = [pytest.mark.real, pytest.mark.slow]
SUBJECT = "CN=press-shop,O=Beispiel AG,C=DE"
ENCODED = serialization.Encoding.PEM


def ask(
    served: Running, key: str, context: ssl.SSLContext | None = None, route: str = "chat/completions", **headers: str
) -> tuple[int, str]:
    """Return status and ``error.code``."""
    body = {"model": "smollm2-135m-instruct", "max_tokens": 2, "messages": [{"role": "user", "content": "Say hello"}]}
    said = {"content-type": "application/json", **headers, **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{served.base}/v1/{route}", json.dumps(body).encode(), said)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.load(error)["error"]["code"])


def records(folder: Path) -> bytes:
    return b"".join(files_of(folder / ".sekisho" / "audit").values())


@pytest.mark.timeout(400)
def test_keys_on_a_running_server(installed: Callable[..., Running]) -> None:
    served = installed().start()
    first = served.key("ci", "--purpose", "drafting", "--purpose", "translation")
    second = json.loads(sekisho(served.folder, "keys", "rotate", "ci", "--overlap", "7d", "--json"))["key"]
    assert [ask(served, key)[0] for key in (first, second)] == [200, 200]
    assert ask(served, second, **{"x-sekisho-purpose": "translation"})[0] == 200
    assert ask(served, second, **{"x-sekisho-purpose": "spying"}) == (403, "identity.purpose")
    elsewhere = served.key("far", at_site="changchun")
    assert ask(served, elsewhere) == (403, "identity.site")
    sekisho(served.folder, "keys", "rotate", "ci", "--end-overlap")
    assert ask(served, first) == (401, "invalid_api_key")
    wrong = second[:-3] + ("aaa" if not second.endswith("aaa") else "bbb")
    for _ in range(FREE + 3):
        ask(served, wrong)
    begun = time.monotonic()
    assert ask(served, wrong)[0] == 401
    assert time.monotonic() - begun >= 0.8  # held back: 0.1 s doubled three times
    assert ask(served, second)[0] == 200  # from the same address
    served.stop()
    listed = {view["name"]: view for view in json.loads(sekisho(served.folder, "keys", "list", "--json"))["data"]}
    assert listed["ci"]["last_used"] is not None
    assert listed["far"]["last_used"] is not None
    book = records(served.folder)
    assert (book.count(b'"identity.guessing"'), book.count(b'"key.renewed"')) == (1, 1)
    assert not any(key.encode() in book for key in (first, second, wrong))


@pytest.mark.timeout(400)
def test_a_tenants_change_counts_within_a_second(installed: Callable[..., Running]) -> None:
    served = installed().start()
    key = served.key()
    assert ask(served, key)[0] == 200
    sekisho(served.folder, "tenants", "add", "acme", "--model", "another-model")
    time.sleep(1.0)  # that is what is promised
    status, code = ask(served, key)
    assert (status, code.partition(".")[0]) == (403, "policy")
    sekisho(served.folder, "tenants", "change", "acme", "--model", "")
    time.sleep(1.0)
    assert ask(served, key)[0] == 200
    assert "test" in sekisho(served.folder, "tenants", "remove", "acme", "--json", code=2)


@pytest.mark.timeout(400)
def test_a_client_certificate_is_an_account(installed: Callable[..., Running]) -> None:
    tls = {"tls_certificate": "server.pem", "tls_key": "server.key", "tls_client_ca": "server.pem"}
    served = installed(server=tls)
    folder = served.folder
    authority = lay(folder / "server", "CN=localhost", None)
    lay(folder / "client", SUBJECT, authority)
    served.certificate = str(folder / "server.pem")
    served.start()
    trusting = ssl.create_default_context(cafile=served.certificate)
    showing = ssl.create_default_context(cafile=served.certificate)
    showing.load_cert_chain(str(folder / "client.pem"), str(folder / "client.key"))
    assert ask(served, "", showing) == (401, "invalid_api_key")
    sekisho(folder, "keys", "create", "--name", "press", "--tenant", "bodyshop", "--certificate", SUBJECT)
    time.sleep(1.0)
    assert ask(served, "", showing)[0] == 200
    assert ask(served, "", trusting) == (401, "invalid_api_key")
    assert ask(served, "nonsense", showing) == (401, "invalid_api_key")
    sekisho(folder, "keys", "revoke", "press")
    assert ask(served, "", showing) == (401, "invalid_api_key")
    lay(folder / "server", "CN=localhost", None)
    time.sleep(2.5)
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        ask(served, "", trusting)
    assert ask(served, "", ssl.create_default_context(cafile=served.certificate))[0] == 401
    assert records(folder).count(b'"tls.reloaded"') == 1


def lay(
    stem: Path, subject: str, signer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Name, ec.EllipticCurvePrivateKey]:
    """Write STEM.pem and STEM.key: signed by another, or an authority of its own."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(subject)
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuer, signing = signer or (name, key)
    made = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    made = made.add_extension(x509.BasicConstraints(signer is None, None), critical=True)
    content = made.add_extension(names, critical=False).sign(signing, hashes.SHA256()).public_bytes(ENCODED)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for end, text in (("key", key.private_bytes(ENCODED, form, none)), ("pem", content)):
        fresh = stem.with_suffix(".fresh")
        fresh.write_bytes(text)
        os.replace(fresh, stem.with_suffix(f".{end}"))
    return name, key
