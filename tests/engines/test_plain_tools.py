"""Tools for a model whose template knows none: what it is told, and what is read of its JSON however that is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Capability, Choice, Chunk, Prompt
from gateway.engines.dialect import LlamaDialect
from gateway.engines.openai_wire import Assembler
from gateway.engines.plain_calls import Reader
from gateway.engines.plain_tools import Form, named, told
from gateway.errors import BadRequest, EngineUnavailable

WEIGH = {
    "name": "weigh",
    "description": "Weigh a part.",
    "parameters": {
        "type": "object",
        "properties": {"part": {"$ref": "#/$defs/Part"}},
        "required": ["part"],
        "$defs": {"Part": {"enum": ["A-1", {"$ref": "#/x"}]}},
    },
}
ASK = {"role": "user", "content": "What does A-1 weigh?"}
CALLED = {"id": "c1", "type": "function", "function": {"name": "weigh", "arguments": '{"part": "A-1"}'}}


def body(**more: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": WEIGH}, {"type": "function", "function": {"name": "ping"}}]
    return {"messages": [ASK], "tools": tools, **more}


def schema_of(told_body: dict[str, Any]) -> Any:
    return told_body["response_format"]["json_schema"]["schema"]


def test_nothing_of_the_body_speaks_of_tools_but_the_system_message() -> None:
    said, form = told(body(tool_choice="required", parallel_tool_calls=True, seed=1))

    assert (set(said), form) == ({"messages", "response_format", "seed"}, Form())
    system, user = said["messages"]
    assert (system["role"], user) == ("system", ASK)
    assert all(word in system["content"] for word in ("Weigh a part.", '"ping"', "You must call."))


def test_a_system_message_keeps_its_own_words_first() -> None:
    said, _ = told(body(messages=[{"role": "system", "content": "Be brief."}, ASK]))
    parts, _ = told(body(messages=[{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, ASK]))

    assert said["messages"][0]["content"].startswith("Be brief.\n\nYou can call functions.")
    assert [part["text"][:9] for part in parts["messages"][0]["content"]] == ["Be brief.", "You can c"]


def test_a_required_call_leaves_no_other_answer_and_its_references_hold() -> None:
    said, _ = told(body(tool_choice="required", parallel_tool_calls=False))
    schema = schema_of(said)

    [answer] = schema["anyOf"]
    calls = answer["properties"]["tool_calls"]
    assert (calls["minItems"], calls["maxItems"]) == (1, 1)
    moved = schema["$defs"]["tool0"]
    assert moved["properties"]["part"] == {"$ref": "#/$defs/tool0/$defs/Part"}
    assert moved["$defs"]["Part"] == {"enum": ["A-1", {"$ref": "#/x"}]}
    assert schema["$defs"]["tool1"] == {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("wanted", "content", "form"),
    [
        (None, {"type": "string"}, Form()),
        ({"type": "json_object"}, {"type": "object"}, Form(json_content=True)),
        ({"type": "json_schema", "json_schema": {"schema": {"enum": [1]}}}, {"enum": [1]}, Form(json_content=True)),
    ],
)
def test_where_no_call_is_required_an_answer_has_the_form_that_was_asked_for(
    wanted: Any, content: Any, form: Form
) -> None:
    said, found = told(body(response_format=wanted) if wanted else body())

    calls, answer = schema_of(said)["anyOf"]
    assert ("tool_calls" in calls["properties"], "maxItems" in calls["properties"]["tool_calls"]) == (True, False)
    assert answer["properties"]["content"] == {"$ref": "#/$defs/content"}
    assert (schema_of(said)["$defs"]["content"], found) == (content, form)


def test_without_a_choice_of_tools_only_the_history_is_put_in_words() -> None:
    turns = [
        ASK,
        {"role": "assistant", "content": "Well.", "tool_calls": [CALLED, {**CALLED, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "31 kg"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "32 kg"}]},
    ]
    said, form = told(body(messages=turns, tool_choice="none", stop="x"))

    assert (form, said["stop"], "response_format" in said) == (None, "x", False)
    _, assistant, results = said["messages"]
    text, calls = assistant["content"].split("\n")
    assert (text, set(assistant)) == ("Well.", {"role", "content"})
    assert json.loads(calls)["tool_calls"][1] == {"name": "weigh", "arguments": {"part": "A-1"}}
    assert results == {"role": "user", "content": "Result of weigh:\n31 kg\n\nResult of weigh:\n32 kg"}


def test_stop_beside_tools_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        told(body(stop=["x"]))

    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "stop")


@pytest.mark.parametrize(
    "bent", [{"tools": [{"type": "x"}]}, {"tool_choice": {"type": "function", "function": {"name": "other"}}}]
)
def test_what_is_no_function_or_is_not_there_is_refused(bent: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        told(named(body(**bent)))

    assert refused.value.code == "engine.rejected"


def test_the_dialect_speaks_in_words_only_where_the_template_does_not() -> None:
    dialect, prompt = LlamaDialect(), Prompt("r", Capability.CHAT, body(), stream=False)
    [knowing] = dialect.calls(prompt, "m")
    dialect.knows_tools = False
    [not_knowing] = dialect.calls(prompt, "m")

    assert ("tools" in knowing.body, knowing.form) == (True, None)
    assert ("tools" in not_knowing.body, not_knowing.form) == (False, Form())


# --- reading ---------------------------------------------------------------------------------------------------------


def read(answer: str, cuts: list[int], form: Form = Form(), reason: str = "stop") -> Choice:  # noqa: B008 - frozen
    """Return what a reader makes of an answer that comes in parts, joined."""
    reader, whole, begin = Reader(form), Assembler(), 0
    for end in [*sorted({cut % (len(answer) + 1) for cut in cuts}), len(answer)]:
        whole.add(reader.read(Chunk((Choice(0, content=answer[begin:end]),))))
        begin = end
    whole.add(reader.read(Chunk((Choice(0, finish_reason=reason),))))
    return whole.chunk().choices[0]


CUTS = st.lists(st.integers(0, 400), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(text=st.text(), ascii_only=st.booleans(), cuts=CUTS)
def test_a_text_is_read_however_it_is_cut(text: str, ascii_only: bool, cuts: list[int]) -> None:
    choice = read(json.dumps({"content": text}, ensure_ascii=ascii_only), cuts)

    assert (choice.content or "", choice.tool_calls, choice.finish_reason) == (text, (), "stop")


@given(arguments=st.lists(st.dictionaries(st.text(), JSON), min_size=1, max_size=3), cuts=CUTS, wide=st.booleans())
def test_calls_are_read_however_they_are_cut(arguments: list[Any], cuts: list[int], wide: bool) -> None:
    calls = [{"name": f"f{number}", "arguments": each} for number, each in enumerate(arguments)]
    choice = read(json.dumps({"tool_calls": calls}, indent=1 if wide else None), cuts)

    assert (choice.content, choice.finish_reason) == (None, "tool_calls")
    assert [(call.name, json.loads(call.arguments or "")) for call in choice.tool_calls] == [
        (call["name"], call["arguments"]) for call in calls
    ]
    assert len({call.id for call in choice.tool_calls}) == len(calls)


@given(value=JSON, cuts=CUTS)
def test_json_content_is_passed_on_as_it_is(value: Any, cuts: list[int]) -> None:
    choice = read(json.dumps({"content": value}, indent=2), cuts, Form(json_content=True))

    assert json.loads(choice.content or "") == value


@pytest.mark.parametrize(
    ("raw", "text"),
    [(r"a\ud83d", "a\ufffd"), (r"\ude00b", "\ufffdb"), (r"\\ud83d", r"\ud83d"), (r"\ud83d\n", "\ufffd\n")],
)
def test_half_a_pair_of_surrogates_is_no_text(raw: str, text: str) -> None:
    answer = '{"content": "' + raw + '"}'

    assert read(answer, []).content == read(answer, list(range(40))).content == text


def test_an_answer_that_is_cut_short_is_told_as_far_as_it_came() -> None:
    choice = read('{"tool_calls": [{"name": "f", "arguments": {"a": "b', [20], reason="length")

    assert (choice.finish_reason, choice.tool_calls[0].arguments) == ("length", '{"a": "b')


@pytest.mark.parametrize("answer", ['{"tool_calls": [{"name": "f", "arguments": {', "Hello", '{"content": "a', ""])
def test_an_end_amid_the_json_is_the_engines_fault(answer: str) -> None:
    with pytest.raises(EngineUnavailable):
        read(answer, [])
