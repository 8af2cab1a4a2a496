"""The table of parameters, held against openai-python's own types: none is missing, and each does what it says."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
import typing_extensions
from openai.types import completion_create_params, embedding_create_params, moderation_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

from gateway.errors import BadRequest
from gateway.http import chat, completions, embeddings, responses
from gateway.http.parameters import CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS, RESPONSES, Table

SPECIFIED: list[tuple[Table, tuple[type, ...]]] = [
    (CHAT, (chat_create_params.CompletionCreateParamsNonStreaming, chat_create_params.CompletionCreateParamsStreaming)),
    (
        COMPLETIONS,
        (
            completion_create_params.CompletionCreateParamsNonStreaming,
            completion_create_params.CompletionCreateParamsStreaming,
        ),
    ),
    (EMBEDDINGS, (embedding_create_params.EmbeddingCreateParams,)),
    (MODERATIONS, (moderation_create_params.ModerationCreateParams,)),
    (
        RESPONSES,
        (
            response_create_params.ResponseCreateParamsNonStreaming,
            response_create_params.ResponseCreateParamsStreaming,
        ),
    ),
]
TABLES = [table for table, _ in SPECIFIED]


def objects(kind: Any) -> Iterator[tuple[str, type]]:
    """Yield the typed dictionaries within a type, each with ``[]`` where it stands in a list."""
    if typing_extensions.is_typeddict(kind):
        yield "", kind
        return
    listed = "[]" if get_origin(kind) in {list, typing.get_origin(typing.Iterable[int])} else ""
    in_union = get_origin(kind) in {typing.Union, types.UnionType, typing.Required, typing.Annotated}
    for inner in get_args(kind) if listed or in_union else ():
        yield from ((listed + suffix, found) for suffix, found in objects(inner))


def paths(kind: type, prefix: str = "") -> Iterator[str]:
    """Yield the path of each field of a typed dictionary, at all depths."""
    for name, hint in typing_extensions.get_type_hints(kind).items():
        yield prefix + name
        for suffix, inner in objects(hint):
            yield from paths(inner, f"{prefix}{name}{suffix}.")


@pytest.mark.parametrize(("table", "kinds"), SPECIFIED, ids=[table.path for table in TABLES])
def test_no_parameter_of_the_specification_is_missing(table: Table, kinds: tuple[type, ...]) -> None:
    specified = {path for kind in kinds for path in paths(kind)}

    assert len(specified) >= 2
    assert sorted(path for path in specified if table.row(path) is None) == []
    assert sorted(row.name for row in table.rows if row.name not in specified) == []


def fields_of(kind: type) -> set[str]:
    return set(kind.__struct_fields__)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (CHAT, chat.ChatRequest),
        (COMPLETIONS, completions.CompletionRequest),
        (EMBEDDINGS, embeddings.EmbeddingRequest),
        (RESPONSES, responses.ResponsesRequest),
    ],
)
def test_the_typed_request_has_what_the_table_honours_and_nothing_that_it_refuses(table: Table, kind: type) -> None:
    above = {row.name.partition(".")[0].partition("[")[0] for row in table.rows if row.does != "refused"}
    refused = {row.name for row in table.rows if row.does == "refused" and "." not in row.name}

    assert above <= fields_of(kind)
    assert not refused & fields_of(kind)


@pytest.mark.parametrize("table", TABLES, ids=[table.path for table in TABLES])
def test_what_is_for_the_gateway_alone_goes_to_no_engine(table: Table) -> None:
    withheld = {CHAT: chat.API, COMPLETIONS: completions.API, EMBEDDINGS: embeddings.API, RESPONSES: responses.API}
    kept = {row.name.partition(".")[0] for row in table.rows if row.does == "kept"}

    assert table not in withheld or kept <= withheld[table].withheld


@pytest.mark.parametrize("name", ["conversation", "prompt"])
def test_what_would_change_the_question_is_never_dropped(name: str) -> None:
    tree = {"model": "m", "input": "x", name: {"id": "y"}, "moderation": {"model": "z"}}

    assert RESPONSES.drop(tree) == ("moderation",)
    assert name in tree
    with pytest.raises(BadRequest):
        RESPONSES.check(tree)


def test_each_row_is_there_once_and_says_how() -> None:
    for table in TABLES:
        assert len(table.by_name) == len(table.rows)
        for row in table.rows:
            assert row.how.endswith(".")


def test_a_row_that_honours_says_nothing_of_what_is_below_it() -> None:
    assert CHAT.row("tools[].function.invented") is None
    assert CHAT.row("tools[].custom.format.grammar") is CHAT.by_name["tools[].custom"]
