"""Engines that others run: by TLS with papers on both sides, watched, and out when they serve something else."""

from __future__ import annotations

import asyncio
import errno
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.engines import remote
from gateway.engines.client import unreached
from gateway.engines.remote import RemoteEngine, judge, remote_engine
from gateway.errors import EngineUnavailable, SetupError
from gateway.settings import RemoteEngineSettings

DIGEST, OTHER = "ab" * 32, "cd" * 32
KEY = ConnectionKey("p", 1, False, True, None, None, None)
ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Issuer:
    """An authority of the plant's own, and the papers that it gives out."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._write(f"{name}.ca", self._signed(self._name, self._key.public_key(), ca=True))

    def issue(self, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
        """Return the files of a certificate for that address, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._write(f"{name}.crt", self._signed(subject, key.public_key(), address=address))
        private = self._folder / f"{name}.key"
        form = serialization.PrivateFormat.PKCS8
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return certificate, private

    def _signed(self, subject: x509.Name, public: Any, *, ca: bool = False, address: str = "127.0.0.1") -> Any:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        (self._folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return self._folder / name


class Elsewhere:
    """A server on another machine: what it lists, and what reached it."""

    def __init__(self) -> None:
        self.listed: Any = {"data": [{"id": "m"}]}
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        return web.Response(status=self.status, body=json.dumps(self.listed), headers={"Location": "/elsewhere"})

    async def chat(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.Response(body=ANSWER)

    async def start(self, port: int, context: ssl.SSLContext | None) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        return runner


Serve = Callable[..., Awaitable[Elsewhere]]


@pytest.fixture
async def serve(free_port: int) -> AsyncIterator[Serve]:
    """Starts a server on the free port, by TLS where it gets a context."""
    runners = []

    async def start(context: ssl.SSLContext | None = None) -> Elsewhere:
        elsewhere = Elsewhere()
        runners.append(await elsewhere.start(free_port, context))
        return elsewhere

    yield start
    for runner in runners:
        await runner.cleanup()


def engine(base: Path, url: str, **more: Any) -> RemoteEngine:
    return remote_engine(RemoteEngineSettings(name="gpu-1", model="m", url=url, **more), base)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"data": [{"id": "a"}, {"id": "m"}]}, ""),
        ({"data": [{"id": "m", "sha256": DIGEST.upper()}]}, ""),
        ({"data": [{"id": "m", "digest": f"sha256:{DIGEST}"}]}, ""),
        ({"data": [{"id": "a"}, {"id": "b"}]}, "gpu-1 does not serve 'm'; it serves 'a', 'b'."),
        ({"data": []}, "gpu-1 does not serve 'm'; it serves nothing."),
        (
            {"data": [{"id": "m", "sha256": OTHER}]},
            f"gpu-1 serves other bytes as 'm': their SHA-256 is {'cd' * 32}.",
        ),
        ({"models": []}, "gpu-1 does not say what it serves in the form of OpenAI's API."),
        ("m", "gpu-1 does not say what it serves in the form of OpenAI's API."),
    ],
)
def test_what_it_serves_is_compared_with_what_it_should(answer: Any, problem: str) -> None:
    assert judge("gpu-1", "m", DIGEST, json.dumps(answer).encode()) == problem


def test_a_name_from_elsewhere_stays_one_short_line() -> None:
    assert "\n" not in judge("g", "m", "", json.dumps({"data": [{"id": "x\ny" * 500}]}).encode())
    assert len(judge("g", "m", "", json.dumps({"data": [{"id": "x" * 5000}] * 50}).encode())) < 1000


@pytest.mark.parametrize(
    "url", ["http://10.0.0.7:8000", "http://gpu.plant.example", "https://", "ftp://127.0.0.1", "10.0.0.7:8000", ""]
)
def test_no_prompt_goes_beyond_this_machine_in_the_clear(tmp_path: Path, url: str) -> None:
    with pytest.raises(SetupError, match=r"in the clear.*Use https|in the clear"):
        engine(tmp_path, url)


@pytest.mark.parametrize("named", [{"ca": "none.pem"}, {"certificate": "none.pem"}, {"api_key_file": "none"}])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, named: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="none"):
        engine(tmp_path, "https://127.0.0.1:1", **named)


async def test_by_mutual_tls_it_answers(serve: Serve, free_port: int, tmp_path: Path, chat: Any, collect: Any) -> None:
    plant = Issuer(tmp_path, "plant")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*plant.issue("server"))
    context.load_verify_locations(plant.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    elsewhere = await serve(context)
    certificate, key = plant.issue("gateway")
    (tmp_path / "key").write_text("secret\n")
    papers = {"ca": str(plant.ca), "certificate": str(certificate), "certificate_key": str(key), "api_key_file": "key"}
    trusted = engine(tmp_path, f"https://127.0.0.1:{free_port}/v1", remote_model="m", **papers)
    await trusted.start()
    chunks = await collect(trusted, chat("hello"))
    await trusted.stop()

    assert (trusted.problem, chunks[0].choices[0].content) == ("", "hi")
    assert elsewhere.asked[0]["model"] == "m"
    assert elsewhere.keys == ["Bearer secret"]


async def test_without_our_certificate_it_is_out(serve: Serve, free_port: int, tmp_path: Path) -> None:
    plant = Issuer(tmp_path, "plant")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*plant.issue("server"))
    context.load_verify_locations(plant.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    await serve(context)
    alone = engine(tmp_path, f"https://127.0.0.1:{free_port}", ca=str(plant.ca))
    await alone.start()
    await alone.stop()

    assert alone.problem.startswith("gpu-1 cannot be reached")


@pytest.mark.parametrize(("issuer", "address"), [("other", "127.0.0.1"), ("plant", "127.0.0.2")])
async def test_another_certificate_is_another_machine(
    serve: Serve, free_port: int, tmp_path: Path, issuer: str, address: str
) -> None:
    issuers = {name: Issuer(tmp_path, name) for name in ("plant", "other")}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issuers[issuer].issue("server", address))
    elsewhere = await serve(context)
    strange = engine(tmp_path, f"https://127.0.0.1:{free_port}", ca=str(issuers["plant"].ca))
    await strange.start()
    await strange.stop()

    assert strange.problem == "gpu-1 shows a certificate that nobody vouches for, or of another name."
    assert not elsewhere.keys


async def test_one_that_serves_another_model_is_out_until_it_serves_this_one(
    serve: Serve, free_port: int, tmp_path: Path, chat: Any, collect: Any
) -> None:
    changes = []
    elsewhere = await serve()
    elsewhere.listed = {"data": [{"id": "other"}]}
    wanted = RemoteEngineSettings(name="gpu-1", model="m", url=f"http://127.0.0.1:{free_port}")
    lying = remote_engine(wanted, tmp_path, lambda: changes.append(lying.ready()))
    await lying.start()
    with pytest.raises(EngineUnavailable):
        await collect(lying, chat("hello"))
    refused = list(elsewhere.asked)
    elsewhere.listed = {"data": [{"id": "m"}]}
    await lying.check()
    await collect(lying, chat("hello"))
    await lying.stop()

    assert refused == []
    assert changes == [False, True]
    assert len(elsewhere.asked) == 1
    assert not lying.ready()


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (404, ""),
        (401, "gpu-1 answers 401 when asked what it serves."),
        (307, "gpu-1 answers 307 when asked what it serves."),
        (500, "gpu-1 answers 500 when asked what it serves."),
    ],
)
async def test_what_it_answers_when_asked(
    serve: Serve, free_port: int, tmp_path: Path, status: int, problem: str
) -> None:
    (await serve()).status = status
    asked = engine(tmp_path, f"http://127.0.0.1:{free_port}")
    await asked.start()
    await asked.stop()

    assert asked.problem == problem


async def test_one_that_is_away_keeps_nothing_from_opening_and_comes_back(
    serve: Serve, free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(remote, "_AGAIN_SECONDS", 0.02)
    back = asyncio.Event()
    wanted = RemoteEngineSettings(name="gpu-1", model="m", url=f"http://127.0.0.1:{free_port}")
    away = remote_engine(wanted, tmp_path, lambda: back.set() if away.ready() else None)
    await away.start()
    first = away.problem
    await serve()
    await asyncio.wait_for(back.wait(), 10)
    await away.stop()

    assert first == f"gpu-1 cannot be reached. Nobody listens at http://127.0.0.1:{free_port}. Is it running?"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "Nobody listens at P. Start it."),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "x")), "Nobody listens at P. Start it."),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "x")), "No way leads to P."),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EACCES, "x")), "This user may not connect to P."),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "x")), "Nobody here knows the name in P."),
        (aiohttp.ConnectionTimeoutError(), "P does not answer."),
        (TimeoutError(), "P does not answer."),
        (aiohttp.ServerDisconnectedError(), "P hung up."),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "P hung up."),
    ],
)
def test_why_a_place_cannot_be_reached_is_said_in_words_with_what_to_do(error: Exception, said: str) -> None:
    told = unreached(error, "P", "Start it.")

    assert told.startswith(said)
    assert "Error" not in told


async def test_a_prompt_is_never_sent_on(served: Any, chat: Any, collect: Any) -> None:
    seen = []

    async def send_on(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=307, headers={"Location": "/v1/elsewhere"})

    with pytest.raises(EngineUnavailable):
        await collect(await served(send_on), chat("hello"))

    assert seen == ["/v1/chat/completions"]
