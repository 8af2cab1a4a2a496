"""The rules of a measurement: medians over rounds, what failed counts for nothing, words for tokens, watts."""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.cli.benching.asking import Answer
from gateway.cli.benching.figures import Figure, figure, percentile
from gateway.cli.benching.load import Round
from gateway.cli.benching.places import given, own
from gateway.cli.benching.power import Power
from gateway.cli.benching.prompts import prompt, words_for
from gateway.cli.benching.report import Asked, Host, Report
from gateway.settings import ServerSettings, Settings
from gateway.telemetry.energy import Counter


def answer(first: float, gaps: list[float], tokens: int = 10, problem: str = "") -> Answer:
    seen = Answer(0.0, first=first, ended=first + sum(gaps), gaps=gaps, counted=True, problem=problem)
    seen.prompt_tokens, seen.output_tokens = 20, tokens
    return seen


def test_a_figure_is_the_median_over_rounds() -> None:
    rounds = [
        Round(1, [answer(0.1 * n, [0.01, 0.02 * n])], seconds=n, watts={"cpu": 5.0, "gpu:0": 5.0}) for n in (1, 2, 4)
    ]

    found = figure(rounds)

    assert (found.callers, found.answers, found.errors) == (1, 3, 0)
    assert (found.output_tokens_per_second, found.prompt_tokens_per_second, found.requests_per_second) == (5, 10, 0.5)
    assert found.spread == pytest.approx((10 - 2.5) / 5)
    assert (found.first_token_ms_p50, found.first_token_ms_p99) == (pytest.approx(200), pytest.approx(200))
    assert (found.gap_ms_p50, found.gap_ms_p99) == (pytest.approx(10), pytest.approx(40))
    assert found.gap_ms_max == pytest.approx(80)  # of all rounds: it is not averaged away
    assert (found.watts, found.output_tokens_per_joule) == (10, 0.5)


def test_what_failed_counts_as_an_error_and_for_nothing_else() -> None:
    failed = answer(9.0, [9.0], tokens=1000, problem="429 limits.requests")

    found = figure([Round(2, [answer(0.1, [0.01]), failed], seconds=1.0)])

    assert (found.answers, found.errors, found.problems) == (1, 1, {"429 limits.requests": 1})
    assert (found.output_tokens_per_second, found.gap_ms_max) == (10, pytest.approx(10))
    assert (found.watts, found.output_tokens_per_joule) == (None, None)


def test_without_an_answer_there_are_no_figures() -> None:
    found = figure([Round(1, [answer(0, [], problem="no connection")], seconds=1.0)])

    assert (found.output_tokens_per_second, found.spread, found.first_token_ms_p50, found.gap_ms_max) == (None,) * 4


@pytest.mark.parametrize(("percent", "value"), [(50, 3), (99, 5), (100, 5), (1, 1)])
def test_percentiles_are_values_that_were_seen(percent: float, value: float) -> None:
    assert percentile([5, 1, 4, 2, 3], percent) == value


@pytest.mark.parametrize(
    ("few", "many", "words"),
    [((16, 40), (80, 168), 64 - 8 + 4), ((16, 0), (80, 0), 98), ((80, 168), (16, 40), 98)],
)
def test_words_for_a_length_follow_what_was_counted(few: tuple[int, int], many: tuple[int, int], words: int) -> None:
    assert words_for(128, few, many) == words


def test_a_seed_gives_its_prompt_again() -> None:
    assert prompt(50, 1) == prompt(50, 1) != prompt(50, 2)
    assert len(prompt(50, 1).partition(".")[0].split()) == 50


class Gpu:
    """A GPU that used some joules between two looks, or does not answer."""

    def __init__(self, *joules: float) -> None:
        self.joules = list(joules)
        self.is_awake = False

    def wake(self) -> None:
        self.is_awake = True

    def rest(self) -> None:
        self.is_awake = False

    def read(self) -> float:
        if not self.joules:
            raise OSError
        return self.joules.pop(0) * 1e6


def test_watts_are_energy_by_time(tmp_path: Path) -> None:
    counter, gpu = tmp_path / "energy_uj", Gpu(77.0, 300.0)
    counter.write_text("1000000")

    with Power({"cpu": [Counter(counter, 10_000_000)], "gpu:0": [gpu]}, each_seconds=3600) as power:
        assert gpu.is_awake
        counter.write_text("500000")  # it began anew: 9.5 J

    assert power.watts["gpu:0"] / power.watts["cpu"] == pytest.approx(300.0 / 9.5)
    assert power._microjoules == {"cpu": 9_500_000, "gpu:0": 300e6}
    assert not gpu.is_awake


def test_where_nothing_tells_there_are_no_watts() -> None:
    with Power({"cpu": [], "gpu:0": [Gpu(1.0)]}, each_seconds=3600) as power:  # it tells once, and goes away
        pass

    assert power.watts == {}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
        ("http://localhost:8080/llm/v1/chat/completions", "http://localhost:8080/llm"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_may_be_that_of_the_api(address: str, url: str) -> None:
    place = given(address, key="", ca=None, plain=False)

    assert (place.url, place.here, place.tls) == (url, True, None)


def test_beyond_this_machine_it_is_tls_or_what_was_allowed() -> None:
    assert given("https://gpu-1.plant.example", key="", ca=None, plain=False).tls is not None
    assert given("http://10.0.0.5:80", key="", ca=None, plain=True).here is False


def test_a_socket_is_on_this_machine() -> None:
    place = given("unix:/run/e.sock", key="zqxCANARY", ca=None, plain=False)

    assert (place.socket, place.here) == (Path("/run/e.sock"), True)
    assert "CANARY" not in repr(place)


@pytest.mark.parametrize(
    ("listen", "url"), [("0.0.0.0:8080", "http://127.0.0.1:8080"), ("[::]:8080", "http://[::1]:8080")]
)
def test_the_own_gateway_is_asked_on_this_machine(listen: str, url: str) -> None:
    assert own(Settings(server=ServerSettings(listen=listen)), "k").url == url


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
    lasting = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    signed = lasting.sign(key, SHA256())
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(signed.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def meet(client: ssl.SSLContext, files: tuple[Path, Path]) -> None:
    """Let both sides shake hands in memory. Raises SSLError where the client does not trust."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*files)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(back, there, server_hostname="10.0.0.5")
    other = serving.wrap_bio(there, back, server_side=True)
    for side in (here, other, here, other):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()


def test_a_gateway_with_tls_is_known_by_its_very_certificate(tmp_path: Path) -> None:
    ours, another = certificate(tmp_path, "gateway"), certificate(tmp_path, "another")
    server = ServerSettings(listen="10.0.0.5:8443", tls_certificate=str(ours[0]), tls_key=str(ours[1]))

    place = own(Settings(server=server), "k")

    assert place.url == "https://10.0.0.5:8443"
    assert place.tls is not None
    meet(place.tls, ours)
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(place.tls, another)


def test_every_field_of_the_report_is_told_in_the_docs(repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "measure.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_0-9]+)`", page))

    for struct in (Report, Asked, Host, Figure):
        assert set(struct.__struct_fields__) <= told, struct.__name__
