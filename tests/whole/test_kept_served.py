"""A served gateway that keeps answers for their callers: sealed, over a kill, until a person or a project says no."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from left_behind import files_of
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
NAME = "Anna Lindqvist"
CANARY = "heliotrope-canary-4711"


def ask(client: openai.OpenAI, **options: Any) -> Any:
    asked = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 12, "temperature": 0, "store": True}
    return client.responses.create(**{**asked, **options})


def client_of(running: Running, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0, timeout=60)


@pytest.fixture
def fresh(installed: Callable[..., Running]) -> Running:
    return installed().start()


def test_it_outlives_a_kill_and_no_text_lies_open(fresh: Running) -> None:
    key = fresh.key()
    answer = ask(client_of(fresh, key), input=f"{CANARY} is the word. My name is {NAME}.")
    fresh.stop(signal.SIGKILL)
    fresh.start()

    again = client_of(fresh, key).responses.retrieve(answer.id)

    assert again.output_text == answer.output_text
    files = files_of(Path(fresh.folder))
    assert len(files) > 10
    assert [path for path, held in files.items() if CANARY.encode() in held or NAME.encode() in held] == []


def test_a_person_is_erased_with_what_was_kept(fresh: Running) -> None:
    client = client_of(fresh, fresh.key("portal", "--vouches-for-users"))
    mine, theirs = (ask(client, safety_identifier=user) for user in ("u-1", "u-2"))

    said = sekisho(fresh.folder, "audit", "erase", "--subject", "u-1", "--reason", "art. 17", "--json")

    assert json.loads(said)["items_in_all"] == 1
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(mine.id)
    assert client.responses.retrieve(theirs.id).id == theirs.id


def test_a_project_may_forbid_it(installed: Callable[..., Running]) -> None:
    running = installed()
    said = "projects: {acme/default: {keep_state_days: 0}}\n"
    (running.folder / "organisation.yaml").write_text(said, encoding="utf-8")
    client = client_of(running.start(), running.key())

    answer = ask(client)

    assert answer.store is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)
