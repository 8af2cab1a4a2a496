"""openai-python comes back to answers: kept, gone on from, listed, deleted, and seen by nobody else."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from running import Running

pytestmark = [pytest.mark.real, pytest.mark.slow]


def ask(client: openai.OpenAI, model: str, **options: Any) -> Any:
    asked = {"model": model, "input": "Say hello.", "max_output_tokens": 12, "temperature": 0, "store": True}
    return client.responses.create(**{**asked, **options})


def client_of(running: Running, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0, timeout=60)


def test_an_answer_is_kept_and_found_again(client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name, metadata={"order": "7"})

    again = client.responses.retrieve(answer.id)

    assert answer.store is True
    assert again.to_dict() == answer.to_dict()


def test_a_conversation_goes_on_without_being_sent_again(client: openai.OpenAI, model_name: str) -> None:
    first = ask(client, model_name, input="The code word is heron.", instructions="Be brief.")
    second = ask(client, model_name, input="And now?", previous_response_id=first.id)

    whole = [
        {"role": "user", "content": "The code word is heron."},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "And now?"},
    ]
    counted = client.responses.input_tokens.count(model=model_name, input=whole)  # type: ignore[arg-type]
    listed = list(client.responses.input_items.list(second.id, limit=2, order="asc"))

    assert second.previous_response_id == first.id
    assert second.usage.input_tokens == counted.input_tokens
    assert [item.role for item in listed] == ["user", "assistant", "user"]  # type: ignore[union-attr]
    assert [item.content[0].text for item in listed] == [turn["content"] for turn in whole]  # type: ignore[union-attr]


def test_a_stream_is_kept(client: openai.OpenAI, model_name: str) -> None:
    with client.responses.stream(model=model_name, input="Say hello.", max_output_tokens=12, store=True) as stream:
        events = list(stream)

    last: Any = events[-1]
    assert client.responses.retrieve(last.response.id).output_text == last.response.output_text != ""


def test_what_is_deleted_is_gone_and_cannot_be_gone_on_from(client: openai.OpenAI, model_name: str) -> None:
    first = ask(client, model_name)
    client.responses.delete(first.id)

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, model_name, previous_response_id=first.id)
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")


def test_nobody_else_sees_it(gateway: Running, client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name)

    for name, options in (("colleague", ()), ("stranger", ("--tenant", "other"))):
        other = client_of(gateway, gateway.key(name, *options))
        for look in (other.responses.retrieve, other.responses.delete, other.responses.input_items.list):
            with pytest.raises(openai.NotFoundError):
                look(answer.id)
        with pytest.raises(openai.BadRequestError) as refused:
            ask(other, model_name, previous_response_id=answer.id)
        assert refused.value.code == "previous_response_not_found"
    assert client.responses.retrieve(answer.id).id == answer.id
