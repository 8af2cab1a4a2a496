"""Arguments of tool calls: values are read with their keys and their neighbours, numbers too, and go back as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from gateway.domain import Caller, Segment
from gateway.http.walk import JSON, SCHEMA, replace, walk
from gateway.privacy.cascade import Cascade, Parts
from gateway.privacy.detector import CascadeDetector
from gateway.privacy.objects import readings
from gateway.privacy.redact import redact
from gateway.privacy.span import Span
from gateway.settings import PrivacySettings

CALLER = Caller(
    key_id="k",
    tenant="t",
    project="p",
    roles=(),
    purpose="",
    site="s",
    jurisdiction="",
    collected_in="",
    access_from="",
)


def segments_of(tree: dict[str, Any], shape: Any) -> list[Segment]:
    found: list[Segment] = []

    def visit(path: Any, text: str) -> str:
        found.append(Segment(path, text, "assistant"))
        return text

    walk(tree, shape, visit)
    return found


def arguments(value: Any) -> list[Segment]:
    return segments_of({"arguments": orjson.dumps(value).decode()}, {"arguments": JSON})


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(Parts.load(PrivacySettings(names=False, timeout_seconds=30)))


@pytest.fixture
async def detector(cascade: Cascade) -> AsyncIterator[CascadeDetector]:
    detector = CascadeDetector(PrivacySettings(names=False, timeout_seconds=30), load=lambda: cascade)
    await detector.start()
    yield detector
    await detector.stop()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"password": "Sommer2024!"}, ["Sommer2024!"]),
        ({"employee_id": "4711234"}, ["4711234"]),
        ({"employee_id": 4711234}, ["4711234"]),
        ({"card": 4111111111111111}, ["4111111111111111"]),
        ({"position": {"lat": 48.7665, "lon": 11.4257}}, ["48.7665", "11.4257"]),
        ({"cards": [40, "4111 1111 1111 1111"]}, ["4111 1111 1111 1111"]),
        ({"date_of_birth": "1985-03-12"}, ["1985-03-12"]),
        ({"社員番号": "A123456"}, ["A123456"]),
        ({"part_no": "4711234", "qty": 400000, "station": "ST110"}, []),
    ],
)
async def test_a_value_is_read_with_its_key(detector: CascadeDetector, value: Any, wanted: list[str]) -> None:
    segments = arguments(value)

    found = (await detector.detect(segments, CALLER)).findings

    assert [segments[each.segment].text[each.start : each.end] for each in found] == wanted


async def test_what_replaces_a_number_leaves_json(detector: CascadeDetector) -> None:
    tree = {"arguments": '{"card":4111111111111111,"qty":40000,"ok":true}'}
    segments = segments_of(tree, {"arguments": JSON})
    found = (await detector.detect(segments, CALLER)).findings

    texts = redact([segment.text for segment in segments], found, {"*": "mask"}, b"").texts
    written = walk(tree, {"arguments": JSON}, replace(iter(texts)))

    assert orjson.loads(written["arguments"]) == {"card": "<CREDIT_CARD>", "qty": 40000, "ok": True}


def test_a_tool_s_schema_is_no_object() -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string", "description": "Xk9#mQ2$vL7p"}}}
    segments = segments_of({"tools": schema}, {"tools": SCHEMA})

    assert readings(segments) == []


def test_a_card_in_a_schema_s_default_is_visited() -> None:
    schema = {"properties": {"card": {"type": "integer", "default": 4111111111111111, "maximum": 9999999999999999}}}

    assert [each.text for each in segments_of(schema, SCHEMA)] == ["card", "4111111111111111"]


def test_what_lies_over_two_values_is_each_one_s_part() -> None:
    [reading] = readings(arguments({"lat": 48.7665, "lon": 11.4257}))
    assert reading.text == '"lat": 48.7665, "lon": 11.4257, '

    parts = list(reading.spans([Span(7, 30, "GPS_COORDINATE", 1.0, "pattern:x")]))

    assert [(segment, span.start, span.end) for segment, span in parts] == [(1, 0, 7), (3, 0, 7)]


def test_messages_are_no_objects() -> None:
    segments = [
        Segment(("messages", 0, "content"), "content", "user"),
        Segment(("messages", 1, "content"), "lat: 1", "user"),
    ]
    assert readings(segments) == []


def test_each_call_has_a_reading_of_its_own() -> None:
    shape = {"calls": [{"arguments": JSON}]}
    segments = segments_of({"calls": [{"arguments": '{"a":"x"}'}, {"arguments": '{"b":"y"}'}]}, shape)

    assert [reading.text for reading in readings(segments)] == ['"a": "x", ', '"b": "y", ']


def test_who_speaks_is_read_with_blanks() -> None:
    [reading] = readings([Segment(("messages", 0, "name"), "Anna_Schmidt-Moser", "user")])

    assert reading.text == "Name: Anna Schmidt Moser\n"
    [(segment, span)] = reading.spans([Span(6, 18, "PERSON", 0.85, "cue:labelled")])
    assert (segment, span.start, span.end) == (0, 0, 12)
