"""``sekisho bench`` on the own running server: a key for the run alone, on record, and worthless when it is over."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from gguf_files import model
from speaking import KNOWN, Speaking

from gateway import settings
from gateway.cli.benching.ends import end_tokens
from gateway.cli.models import shelf
from gateway.http.admin import admin_app, admin_socket
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring

SHORT = ("--rounds", "1", "--seconds", "0", "--callers", "1,2", "--output-tokens", "4")


class Notes:
    """A book that remembers the types of events."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.types.append(type)

    async def durable(self) -> None:
        pass


class Running:
    """The admin side of an installation, whose public side is a server that speaks."""

    def __init__(self, house: Path, public: Speaking) -> None:
        file = house / "sekisho.yaml"
        said = yaml.safe_load(file.read_text())
        said["server"]["listen"] = public.url.removeprefix("http://")
        file.write_text(yaml.safe_dump(said))
        its = settings.load(str(file))
        self.public, self.notes = public, Notes()
        self.register = KeyRegister(its.state / "keys.json", FileKeyring(its.keys).pepper(), its.site)
        self.listener = Listener.on_socket(
            admin_app(self.register, self.notes, lambda: {}, shelf(its)), admin_socket(its.run)
        )


@pytest.fixture
def running(house: Path) -> Iterator[Running]:
    with Speaking(models=("smollm2-135m-instruct",)) as public:
        server = Running(house, public)
        thread = threading.Thread(target=asyncio.run, args=(server.listener.run_sockets(),))
        thread.start()
        while not server.listener.started:
            thread.join(0.01)
        yield server
        server.listener.should_exit = True
        thread.join()


def test_the_own_gateway_makes_a_key_for_the_run_and_takes_it_back(sekisho: Any, running: Running) -> None:
    said = sekisho("bench", *SHORT, "--json")

    (record,) = running.register.records()
    keys = {each["authorization"].removeprefix("Bearer ") for each in running.public.headers}
    assert (said.code, len(keys)) == (0, 1)
    assert record.revoked is not None
    assert record.wish.tenant == "bench"
    assert record.wish.expires is not None
    assert record.wish.expires < datetime.now(UTC) + timedelta(hours=1)
    assert running.notes.types == ["key.created", "key.revoked"]
    assert keys.isdisjoint((said.out + said.err).split('"'))
    assert (said.json["own_gateway"], said.json["model"]) == (True, "smollm2-135m-instruct")


def test_the_key_is_taken_back_when_the_run_fails(sekisho: Any, running: Running) -> None:
    running.public.refuses = (503, "engine.unavailable")

    said = sekisho("bench", *SHORT)

    assert said.code == 3
    assert [record.revoked is None for record in running.register.records()] == [False]


def test_the_key_is_taken_back_when_the_run_is_ended(sekisho: Any, running: Running) -> None:
    running.public.then = lambda: os.kill(os.getpid(), signal.SIGTERM)
    before = signal.getsignal(signal.SIGTERM)

    said = sekisho("bench", *SHORT)

    assert said.code == 143
    assert [record.revoked is None for record in running.register.records()] == [False]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_key_that_was_given_is_used_in_place_of_a_new_one(sekisho: Any, running: Running, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-given\n")

    said = sekisho("bench", *SHORT, "--key-file", str(tmp_path / "key"))

    assert said.code == 0
    assert {each["authorization"] for each in running.public.headers} == {"Bearer sk-given"}
    assert running.register.records() == ()


def test_tokens_that_end_an_answer_are_forbidden_as_the_models_own_file_names_them(
    sekisho: Any, running: Running, tmp_path: Path
) -> None:
    words = ["<|endoftext|>", "one", "two", "three", "<|im_end|>", "six"]
    named = {"tokenizer__ggml__eos_token_id": 5, "tokenizer__ggml__tokens": words}
    (tmp_path / "own.gguf").write_bytes(model(**named))
    added = sekisho("models", "add", str(tmp_path / "own.gguf"), "--licence", "MIT")
    running.public.knows = {*KNOWN, "logit_bias"}

    said = sekisho("bench", *SHORT, "--json", "--model", "own")

    assert (added.code, said.code) == (0, 0), added.err + said.err
    assert said.json["asked"]["equal_length"] == "end tokens forbidden"
    assert running.public.asked[-1]["logit_bias"] == {"0": -100, "4": -100, "5": -100}


@pytest.mark.real
def test_the_demonstration_models_ends_are_known(model_file: Path) -> None:
    assert end_tokens(model_file) == [0, 2]
