"""Every string is found, in one order, and written back to its own place."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Path
from gateway.http import chat
from gateway.http.walk import FIXED, JSON, SCHEMA, TEXT, depth_exceeds, dotted, replace, walk

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def texts_of(node: Any, shape: Any = TEXT) -> list[str]:
    found: list[str] = []

    def visit(path: Path, text: str) -> str:
        found.append(text)
        return text

    walk(node, shape, visit)
    return found


def all_strings(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, list):
        return [text for item in node for text in all_strings(item)]
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in (key, *all_strings(value))]
    return []


@given(json_values)
def test_in_free_form_every_string_and_every_key_is_visited(value: Any) -> None:
    assert sorted(texts_of(value)) == sorted(all_strings(value))


@given(json_values)
def test_writing_back_what_was_read_changes_nothing(value: Any) -> None:
    assert walk(value, TEXT, replace(iter(texts_of(value)))) == value


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=3))
def test_a_schema_written_back_is_the_same_schema(value: dict[str, Any]) -> None:
    assert walk(value, SCHEMA, replace(iter(texts_of(value, SCHEMA)))) == value


def test_a_field_that_a_shape_forgot_is_searched() -> None:
    assert texts_of({"known": "enum", "forgotten": "text"}, {"known": FIXED}) == ["text"]


def test_json_inside_a_string_is_decoded_so_that_escapes_cannot_hide_a_value() -> None:
    hidden = '{"mail":"\\u0068ans@example.com"}'

    assert texts_of({"arguments": hidden}, {"arguments": JSON}) == ["mail", "hans@example.com"]


def test_numbers_inside_json_are_visited_and_stay_numbers() -> None:
    arguments = '{"card":4111111111111111,"lat":48.7665,"n":40,"ok":true,"none":null}'

    assert texts_of({"arguments": arguments}, {"arguments": JSON}) == [
        *("card", "4111111111111111", "lat", "48.7665", "n", "ok", "none")
    ]
    same = replace(iter(texts_of({"arguments": arguments}, {"arguments": JSON})))
    assert walk({"arguments": arguments}, {"arguments": JSON}, same) == {"arguments": arguments}


def test_json_inside_a_string_is_written_back_as_valid_json() -> None:
    arguments = '{"to":"hans@example.com","n":3}'

    written = walk({"arguments": arguments}, {"arguments": JSON}, replace(iter(["to", 'a "tag" \\ here', "n"])))

    assert orjson.loads(written["arguments"]) == {"to": 'a "tag" \\ here', "n": 3}


def test_a_string_that_only_looks_like_json_is_searched_as_text() -> None:
    assert texts_of({"arguments": "{not json"}, {"arguments": JSON}) == ["{not json"]


def test_schema_keywords_stay_and_everything_a_person_wrote_is_text() -> None:
    schema = {
        "type": "object",
        "title": "Order",
        "properties": {"customer": {"type": "string", "description": "full name", "enum": ["Anna", "Bert"]}},
        "required": ["customer"],
        "x-note": "free",
    }

    assert texts_of(schema, SCHEMA) == ["Order", "customer", "full name", "Anna", "Bert", "customer", "x-note", "free"]


CANARY = "Kanarienvogel"

BODY: dict[str, Any] = {
    "model": "smollm2-135m-instruct",
    "messages": [
        {"role": "system", "content": f"{CANARY} 0", "name": f"{CANARY} 1"},
        {"role": "user", "content": [{"type": "text", "text": f"{CANARY} 2"}]},
        {
            "role": "assistant",
            "content": f"{CANARY} 3",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": f'{{"a":"{CANARY} 4"}}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": f"{CANARY} 5"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": f"{CANARY} 6",
                "parameters": {"type": "object", "properties": {f"{CANARY} 7": {"const": f"{CANARY} 8"}}},
            },
        }
    ],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "description": f"{CANARY} 9", "schema": {"pattern": f"{CANARY} 10"}},
    },
    "stop": [f"{CANARY} 11"],
    "user": f"{CANARY} 12",
    "metadata": {f"{CANARY} 13": f"{CANARY} 14"},
}


def test_every_text_field_of_a_chat_request_is_a_segment() -> None:
    chat.parse(orjson.loads(orjson.dumps(BODY)))

    found = [text for text in texts_of(BODY, chat.SHAPE) if text.startswith(CANARY)]

    assert sorted(found, key=lambda text: int(text.split()[1])) == [f"{CANARY} {n}" for n in range(15)]


@pytest.mark.parametrize(
    ("node", "limit", "deeper"),
    [({}, 1, False), ({"a": []}, 1, True), ({"a": {}}, 2, False), ({"a": {"b": {}}}, 2, True), ([[[]]], 3, False)],
)
def test_depth_counts_containers_inside_containers(node: Any, limit: int, deeper: bool) -> None:
    assert depth_exceeds(node, limit) is deeper


def test_paths_are_written_as_openai_writes_them() -> None:
    assert dotted(("messages", 0, "content", 2, "text")) == "messages[0].content[2].text"
