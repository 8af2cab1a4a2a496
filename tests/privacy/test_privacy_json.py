"""Values that are restored inside JSON: it stays valid, however deep and however it comes in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, ToolCallDelta
from gateway.privacy.door import Restorer
from gateway.privacy.jsontext import JsonText, escaped
from gateway.privacy.redact import Value
from gateway.privacy.restore import WayBack

TAG = "PERSON_7K3M9QX2T4VWB6HD"
WILD = 'Ada "the\tfirst" \\ Byron\n'
VALUES = {"7K3M9QX2T4VWB6HD": Value("PERSON", WILD)}
Answer = Callable[..., str]


def restorer() -> Restorer:
    return WayBack(VALUES, ("text", "arguments")).restorer()


def depth_after(text: str) -> int:
    follower = JsonText()
    follower.advance(text)
    return follower.depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ('"', 0),
        ('She said "', 0),
        ('{"', 1),
        (' \n{"a": "', 1),
        ('{"a": "b", "', 1),
        ('{"a": "b"', 0),
        ('{"a": "\\"', 1),
        ('{"a": "\\\\"', 0),
        ('[-1.5e3, true, null, {"a": ["', 1),
        ('[TAG] said "', 0),
        ('{"a": "{\\"b\\": \\"', 2),
        ('{"a": "{\\"b\\": \\"c\\"', 1),
        ('{"a": "see {\\"b\\": \\"', 1),
        ('{"a": "[\\u0022', 2),
        ('{"a": "[\\"{\\\\\\"', 3),
        ('Here it is:\n```json\n{"a": "', 1),
        ('```JSON\n[\n  "', 1),
        ('```python\n{"a": "', 0),
        ('```json\n{"a": 1}\n```\nHe said "', 0),
        ('```json\n{"a": 1}\n```\nor\n  ~~~ json\n{"', 1),
    ],
)
def test_how_deep_the_next_character_stands_in_json_strings(text: str, depth: int) -> None:
    assert depth_after(text) == depth


@given(text=st.lists(st.sampled_from(['{"', '": "', '\\"', "\\\\", "[", "]", "}", '"', "a", "\n", "```json\n", ", "])),
       at=st.integers(0, 60))  # fmt: skip
def test_the_depth_does_not_depend_on_where_a_text_was_cut(text: list[str], at: int) -> None:
    follower = JsonText()
    follower.advance("".join(text[:at]))
    follower.advance("".join(text[at:]))

    assert follower.depth == depth_after("".join(text))


documents = st.recursive(
    st.sampled_from([TAG, f"to {TAG}s", "x", 1, None, f'"{TAG}\\']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", TAG]), inner, max_size=3),
        st.lists(inner, max_size=2).map(json.dumps),
    ),
    max_leaves=6,
).filter(lambda document: isinstance(document, dict | list))


def expected(node: Any, deep: int = 1) -> Any:
    """Return what a document must read as: tags replaced in every string, also inside JSON in strings."""
    if isinstance(node, dict):
        return {expected(key, deep): expected(value, deep) for key, value in node.items()}
    if isinstance(node, list):
        return [expected(value, deep) for value in node]
    if not isinstance(node, str):
        return node
    if node[:1] in {"[", "{"} and deep < 3:
        return json.dumps(expected(json.loads(node), deep + 1), ensure_ascii=False)
    return node.replace(TAG, WILD)


def said(document: str, pieces: list[str], channel: str) -> str:
    one = restorer()
    if channel == "content":
        chunks = [one.feed(Chunk((Choice(0, content=piece),))) for piece in pieces]
        return "".join(choice.content or "" for chunk in [*chunks, one.flush()] if chunk for choice in chunk.choices)
    calls = [one.feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(0, arguments=piece),)),))) for piece in pieces]
    choices = [choice for chunk in [*calls, one.flush()] if chunk for choice in chunk.choices]
    return "".join(call.arguments or "" for choice in choices for call in choice.tool_calls)


def normal(document: Any) -> Any:
    """Return a document with JSON in its strings written one way."""
    if isinstance(document, dict):
        return {key: normal(value) for key, value in document.items()}
    if isinstance(document, list):
        return [normal(value) for value in document]
    if isinstance(document, str) and document[:1] in {"[", "{"}:
        return json.dumps(json.loads(document))
    return document


@pytest.mark.parametrize("channel", ["content", "arguments"])
@given(document=documents, ascii=st.booleans(), at=st.integers(0, 200))
def test_json_stays_valid_and_says_the_value(channel: str, document: Any, ascii: bool, at: int) -> None:
    text = json.dumps(document, ensure_ascii=ascii)

    for pieces in ([text], list(text), [text[:at], text[at:]]):
        assert normal(json.loads(said(text, pieces, channel))) == normal(expected(document))


def test_every_split_of_a_json_answer_gives_the_same(answer: Answer) -> None:
    text = json.dumps({"to": TAG, "note": f"for {TAG}: {json.dumps({'cc': TAG})}", "x": json.dumps([TAG])})
    whole = answer(restorer(), [text])

    assert json.loads(whole)["to"] == WILD
    assert json.loads(json.loads(whole)["x"]) == [WILD]
    for at in range(len(text) + 1):
        assert answer(restorer(), [text[:at], text[at:]]) == whole


def test_a_value_in_prose_is_not_escaped(answer: Answer) -> None:
    assert answer(restorer(), [f'He wrote "{TAG}".']) == f'He wrote "{WILD}".'


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_what_is_escaped_reads_as_before(depth: int) -> None:
    text = escaped(WILD, depth)
    for _ in range(depth):
        text = json.loads(f'"{text}"')

    assert text == WILD
