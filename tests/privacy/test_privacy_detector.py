"""The real detector: the whole cascade with its models, in threads, with every socket barred."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import pairwise

import msgspec
import pytest
import pytest_asyncio
import pytest_socket
import tldextract

from gateway.domain import Caller, Detection, Role, Segment
from gateway.errors import DetectorUnavailable, SetupError
from gateway.privacy.cascade import Found
from gateway.privacy.detector import CascadeDetector, NoDetection
from gateway.privacy.span import Proceed, Span
from gateway.settings import PrivacySettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER = Caller("k1", "acme", "bodyshop", (Role.USER,), "support", "munich", "DE", "DE", "DE")

FOUND = [
    ("Ask Robert Miller about it.", "PERSON", "Robert Miller"),
    ("at Bahnhofstraße 5, 80331 München", "LOCATION", "Bahnhofstraße 5, 80331 München"),
    ("mail joe@plant.example.com.", "EMAIL_ADDRESS", "joe@plant.example.com"),
    ("mail joe@host.local, please", "EMAIL_ADDRESS", "joe@host.local"),
    ("mail root@localhost now", "EMAIL_ADDRESS", "root@localhost"),
    ("mail jürgen@müller.de now", "EMAIL_ADDRESS", "jürgen@müller.de"),
    ("連絡先はtaro@example.comです", "EMAIL_ADDRESS", "taro@example.com"),
    ("http://host.local/x?u=joe@x.de", "EMAIL_ADDRESS", "joe@x.de"),
    ("see https://wiki.intra:8443/a/b.", "URL", "https://wiki.intra:8443/a/b"),
    ("see www.plant.example!", "URL", "www.plant.example"),
    ("詳細はhttps://a.example/xを見て", "URL", "https://a.example/x"),
    ("call +49 841 123456", "PHONE_NUMBER", "+49 841 123456"),
    ("Tel. (0841) 123456-78", "PHONE_NUMBER", "(0841) 123456-78"),
    ("0841/123456 0841/654321", "PHONE_NUMBER", "0841/654321"),
    ("電話03-1234-5678です", "PHONE_NUMBER", "03-1234-5678"),
    ("ring 138 0013 8000", "PHONE_NUMBER", "138 0013 8000"),
    ("tel. 06 12 34 56 78", "PHONE_NUMBER", "06 12 34 56 78"),
    ("tel. 612 345 678", "PHONE_NUMBER", "612 345 678"),
    ("dial 202-555-0143", "PHONE_NUMBER", "202-555-0143"),
    ("my phone 2025550143", "PHONE_NUMBER", "2025550143"),
    ("on +41 44 668 18 00", "PHONE_NUMBER", "+41 44 668 18 00"),
    ("to AT61 1904 3002 3457 3201 BANK", "IBAN_CODE", "AT61 1904 3002 3457 3201"),
    ("to de89370400440532013000.", "IBAN_CODE", "de89370400440532013000"),
    ("card 4111 1111 1111 1111", "CREDIT_CARD", "4111 1111 1111 1111"),
    ("host 10.1.2.3 is down", "IP_ADDRESS", "10.1.2.3"),
    ("host 2001:db8::1 is down", "IP_ADDRESS", "2001:db8::1"),
    ("mac 00:1A:2B:3C:4D:5E", "MAC_ADDRESS", "00:1A:2B:3C:4D:5E"),
    ("ssn 536-90-4399", "US_SSN", "536-90-4399"),
    ("NI number AB 12 34 56 C", "UK_NINO", "AB 12 34 56 C"),
    ("Steuer-ID 86095742719", "DE_TAX_ID", "86095742719"),
    ("codice fiscale RSSMRA85T10A562S", "IT_FISCAL_CODE", "RSSMRA85T10A562S"),
    ("DNI 12345678Z", "ES_NIF", "12345678Z"),
    ("NIE X1234567L", "ES_NIE", "X1234567L"),
    ("pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
]
CLEAN = [
    "What is the capital of our neighbour?",
    "npm install left-pad@1.3.0",
    "x = np.array([1, 2]); asyncio.run(main())",
    "order 47110012 of 2024-01-15 12:30:00",
    "GB82 WEST fails its check",
    "version 1.2.3, 1.234.567,89 EUR",
    "",
    "   \n",
]


class Search:
    """Finds ``joe@host.local``; does what ``conduct`` says when the text is "fault"."""

    version = "search/1"

    def __init__(self, conduct: Callable[[], object]) -> None:
        self._conduct = conduct

    def search(self, texts: Sequence[str], proceed: Proceed, tenant: str = "") -> list[Found]:
        if "fault" in texts:
            self._conduct()
        places = [text.find("joe@host.local") for text in texts]
        spans = [[Span(at, at + 14, "EMAIL_ADDRESS", 1.0, "test")] if at >= 0 else [] for at in places]
        return [Found(tuple(each)) for each in spans]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def detector() -> AsyncIterator[CascadeDetector]:
    detector = CascadeDetector(PrivacySettings(allow={"bodyshop": ("info@plant.example",)}))
    await detector.start()
    yield detector
    await detector.stop()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bar every socket, and make the one function that would fetch a list fail loudly."""

    def tripped(*_: object, **__: object) -> None:
        raise AssertionError("tldextract's global extractor was used")

    monkeypatch.setattr(tldextract, "extract", tripped)
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


async def find(detector: CascadeDetector | NoDetection, *texts: str) -> Detection:
    return await detector.detect([Segment((index,), text) for index, text in enumerate(texts)], CALLER)


async def with_fault(conduct: Callable[[], object], timeout_seconds: float = 20) -> CascadeDetector:
    detector = CascadeDetector(PrivacySettings(timeout_seconds=timeout_seconds), load=lambda: Search(conduct))
    await detector.start()
    return detector


async def becomes_ready(detector: CascadeDetector, within_seconds: float = 60) -> bool:
    for _ in range(int(within_seconds / 0.05)):
        if detector.ready():
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize(("text", "type", "value"), FOUND)
async def test_personal_data_are_found(detector: CascadeDetector, text: str, type: str, value: str) -> None:
    detection = await find(detector, text)

    assert (type, value) in [(each.type, text[each.start : each.end]) for each in detection.findings]


@pytest.mark.parametrize("text", CLEAN)
async def test_what_is_not_personal_is_left_alone(detector: CascadeDetector, text: str) -> None:
    assert (await find(detector, text)).findings == ()


async def test_findings_are_sorted_by_segment_and_start_and_do_not_overlap(detector: CascadeDetector) -> None:
    texts = [text for text, _, _ in FOUND] * 3

    findings = (await find(detector, "", *texts)).findings

    assert list(findings) == sorted(findings, key=lambda each: (each.segment, each.start))
    assert all(a.end <= b.start for a, b in pairwise(findings) if a.segment == b.segment)
    assert {each.segment for each in findings} == set(range(1, len(texts) + 1))


async def test_offsets_are_code_points(detector: CascadeDetector) -> None:
    text = "😀👩‍🏭 joe@host.local"

    finding = (await find(detector, text)).findings[0]

    assert text[finding.start : finding.end] == "joe@host.local"


@pytest.mark.slow
async def test_a_text_of_200_000_characters_is_searched_to_its_end(detector: CascadeDetector) -> None:
    filler = "The press was serviced on Monday and nothing was wrong with it. "
    text = (filler * 3200)[:199_900].ljust(199_985) + " joe@host.local"

    findings = (await find(detector, text, "joe@host.local")).findings

    mails = [(each.segment, each.start) for each in findings if each.type == "EMAIL_ADDRESS"]
    assert mails == [(0, 199_986), (1, 0)]


async def test_a_name_anywhere_in_a_long_text_is_found_whole(detector: CascadeDetector) -> None:
    for shift in range(0, 40, 8):
        text = "word " * 1590 + "x" * shift + " Please ask Robert Miller about it. " + "word " * 400

        findings = (await find(detector, text)).findings

        assert "Robert Miller" in [text[each.start : each.end] for each in findings]


async def test_an_error_in_a_step_is_a_refusal() -> None:
    detector = await with_fault(lambda: 1 / 0)

    with pytest.raises(DetectorUnavailable) as refusal:
        await find(detector, "joe@host.local", "fault")

    assert refusal.value.code == "privacy.detector_error"
    assert (await find(detector, "joe@host.local")).counts() == {"EMAIL_ADDRESS": 1}
    await detector.stop()


async def test_a_search_that_hangs_is_a_refusal_and_does_not_hold_up_others() -> None:
    release = threading.Event()
    detector = await with_fault(release.wait, timeout_seconds=0.5)

    hung = await asyncio.gather(find(detector, "fault"), find(detector, "fault"), return_exceptions=True)

    assert [getattr(each, "code", each) for each in hung] == ["privacy.detector_timeout"] * 2
    assert await becomes_ready(detector)
    assert (await find(detector, "joe@host.local")).counts() == {"EMAIL_ADDRESS": 1}
    release.set()
    await detector.stop()


async def test_lost_threads_are_not_replaced_without_end_but_return_when_they_end() -> None:
    release = threading.Event()
    detector = await with_fault(release.wait, timeout_seconds=0.3)
    codes: list[str] = []

    while codes.count("privacy.detector_timeout") < 4:
        refusal = await asyncio.gather(find(detector, "fault"), return_exceptions=True)
        codes.append(getattr(refusal[0], "code", ""))
        await asyncio.sleep(0.1)

    assert not await becomes_ready(detector, within_seconds=1.5)
    release.set()
    assert await becomes_ready(detector)
    assert (await find(detector, "joe@host.local")).counts() == {"EMAIL_ADDRESS": 1}
    await detector.stop()


async def test_a_detector_that_was_not_started_refuses() -> None:
    detector = CascadeDetector(PrivacySettings())

    with pytest.raises(DetectorUnavailable) as refusal:
        await find(detector, "joe@host.local")

    assert refusal.value.code == "privacy.detector_not_ready"
    assert not detector.ready()


async def test_a_detector_that_fails_its_self_test_does_not_start() -> None:
    detector = CascadeDetector(PrivacySettings(score_threshold=0.99))

    with pytest.raises(SetupError):
        await detector.start()

    assert not detector.ready()


async def test_a_stopped_detector_refuses(detector: CascadeDetector) -> None:
    stopped = await with_fault(int)
    await stopped.stop()

    with pytest.raises(DetectorUnavailable):
        await find(stopped, "joe@host.local")


async def test_a_caller_that_leaves_does_not_disturb_the_next(detector: CascadeDetector) -> None:
    leaving = asyncio.ensure_future(find(detector, "joe@host.local. " * 2000))
    await asyncio.sleep(0.05)
    leaving.cancel()

    assert (await find(detector, "joe@host.local")).counts() == {"EMAIL_ADDRESS": 1}


async def test_nothing_of_a_text_is_logged_or_told(
    detector: CascadeDetector, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError("canary4711@host.local")

    caplog.set_level(logging.DEBUG)
    faulty = await with_fault(fail)
    await find(detector, "iban canary4711@host.local DE89 3704 0044 0532 0130 01 canary 0841 123456")

    with pytest.raises(DetectorUnavailable) as refusal:
        await find(faulty, "fault")

    told = caplog.text + "".join(capfd.readouterr()) + str(refusal.value) + repr(refusal.value.__cause__)
    assert not any(word in told for word in ("canary", "4711", "0532", "0841"))
    await faulty.stop()


async def test_no_detection_says_so() -> None:
    assert await find(NoDetection(), "joe@host.local") == Detection((), "off")


async def test_the_detectors_name_says_its_version(detector: CascadeDetector) -> None:
    name = (await find(detector, "x")).detector

    assert name.startswith("cascade/")
    other = CascadeDetector(PrivacySettings(score_threshold=0.5))
    await other.start()
    assert (await find(other, "x")).detector not in ("", name)
    await other.stop()


async def test_what_a_project_allows_is_no_finding_for_it_alone(detector: CascadeDetector) -> None:
    text = "write to info@plant.example or joe@plant.example"
    segments = [Segment((0,), text)]

    own = await detector.detect(segments, CALLER)
    others = await detector.detect(segments, msgspec.structs.replace(CALLER, project="paint"))

    assert [text[each.start : each.end] for each in own.findings] == ["joe@plant.example"]
    assert len(others.findings) == 2


async def test_content_tells_jurisdictions_special_categories_languages_and_marks(detector: CascadeDetector) -> None:
    german = "STRENG VERTRAULICH\nDie Krankmeldung zur Steuer-ID 86095742719 liegt bei, und sie ist noch nicht geprüft."

    detection = await find(detector, german, "個人番号は別紙のとおりです。")

    assert detection.jurisdictions == ("DE",)
    assert detection.special == ("health",)
    assert detection.languages == ("de", "ja")
    assert detection.mark == "strict"
