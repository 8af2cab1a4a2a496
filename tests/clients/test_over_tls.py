"""The same clients over TLS, with a certificate of the plant's own."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import openai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from running import Running, install

pytestmark = pytest.mark.real


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.plant.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    unlocked = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    paths[1].write_bytes(private)
    paths[1].chmod(0o600)
    return paths


@pytest.fixture(scope="module")
def secured(model_file: Path) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    certificate, key = make_certificate(folder)
    files = {"tls_certificate": str(certificate), "tls_key": str(key)}
    install(folder, model_file, server=files, privacy={"names": False})
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


def test_a_client_that_trusts_the_plants_certificate_chats_and_streams(secured: Running, model_name: str) -> None:
    trusted = ssl.create_default_context(cafile=secured.certificate)
    turns = [{"role": "user", "content": "Say hello."}]
    with (
        httpx2.Client(verify=trusted) as transport,
        openai.OpenAI(base_url=secured.base + "/v1", api_key=secured.key(), http_client=transport) as client,
    ):
        whole = client.chat.completions.create(model=model_name, messages=turns, max_tokens=4)
        parts = [*client.chat.completions.create(model=model_name, messages=turns, max_tokens=4, stream=True)]

    assert whole.choices[0].message.content
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


def test_a_client_that_does_not_trust_it_sends_nothing(secured: Running, model_name: str) -> None:
    client = openai.OpenAI(base_url=secured.base + "/v1", api_key="sk-sekisho-none", max_retries=0)
    with client, pytest.raises(openai.APIConnectionError):
        client.models.list()
