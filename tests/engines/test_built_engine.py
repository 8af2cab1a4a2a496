"""An engine that was built here, in the locked process: a small one always, llama.cpp's own where one was built."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain import Capability, Prompt
from gateway.engines import trial
from gateway.engines.config import Extras, WorkerConfig
from gateway.engines.library import SERVER_LIBRARY, arguments_of
from gateway.engines.selection import choose
from gateway.engines.shelf import MANIFEST, BuiltEngine, EngineShelf
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import EngineUnavailable, SetupError
from gateway.settings import EngineSettings

SOURCE = Path(__file__).with_name("small_server.cpp")
CANARY = "zqxCANARYzqx"
SMALL = EngineSettings(threads=2, context_tokens=512, slots=2)


def configuration(**changed: Any) -> WorkerConfig:
    fields: dict[str, Any] = {
        "parent": 1,
        "weights": "/w.gguf",
        "model": "m",
        "socket": "/run/e.sock",
        "secret": "s",
        "threads": 2,
        "gpu_layers": 0,
        "context_tokens": 512,
        "slots": 2,
        "sandbox": "required",
    }
    return WorkerConfig(**(fields | changed))


def words_after(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


@pytest.mark.parametrize(
    "word", ["--offline", "--no-ui", "--no-slots", "--no-kv-unified", "--no-context-shift", "--no-prefill-assistant"]
)
def test_every_door_is_shut_by_a_word_of_its_own(word: str) -> None:
    assert word in arguments_of(configuration(), has_gpu=False)


@pytest.mark.parametrize(
    ("changed", "name", "value"),
    [
        ({}, "--cache-ram", "0"),
        ({}, "--ctx-size", "1024"),
        ({}, "--batch-size", "10"),
        ({"mode": "embed"}, "--ubatch-size", "512"),
        ({"mode": "embed", "pooling": "mean"}, "--pooling", "mean"),
        ({"flash_attention": "on"}, "--flash-attn", "on"),
        ({"cache_type": "q8_0"}, "--cache-type-v", "q8_0"),
        ({"draft": "/d.gguf"}, "--spec-draft-model", "/d.gguf"),
        ({"draft": "/d.gguf", "draft_tokens": 3}, "--spec-draft-n-max", "3"),
        ({"adapters": ("/a,b.gguf", "/c.gguf")}, "--lora", '"/a,b.gguf","/c.gguf"'),
        ({"gpu_layers": 7}, "--gpu-layers", "7"),
        ({"chat_template": "{{ x }}"}, "--chat-template", "{{ x }}"),
    ],
)
def test_a_wish_becomes_a_word(changed: dict[str, Any], name: str, value: str) -> None:
    assert words_after(arguments_of(configuration(**changed), has_gpu=False), name) == value


def test_weights_are_not_repacked_where_that_ended_the_process() -> None:
    assert "--no-repack" in arguments_of(configuration(), has_gpu=False, repack=False)
    assert "--no-repack" not in arguments_of(configuration(), has_gpu=False)


def test_only_its_files_can_be_read() -> None:
    extras = configuration(draft="/d", adapters=("/a",), engine="/e")

    assert extras.readable == [Path("/w.gguf"), Path("/a"), Path("/d"), Path("/e")]


@pytest.fixture(scope="module")
def small_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small engine, compiled here."""
    folder = tmp_path_factory.mktemp("engine")
    command = ["c++", "-O1", "-shared", "-fPIC", "-o", str(folder / SERVER_LIBRARY), str(SOURCE), "-lpthread"]
    subprocess.run(command, check=True)
    built = BuiltEngine("0" * 16, "llama-server", "small 1", "", (), "c++", "x86_64", ())
    (folder / MANIFEST).write_bytes(msgspec.json.encode(built))
    return folder


@pytest.fixture
def small_worker(small_engine: Path, short_dir: Path) -> Callable[..., ManagedWorker]:
    """Makes a worker with the small engine."""
    (short_dir / "w.gguf").touch()

    def make(model: str = "m") -> ManagedWorker:
        extras = Extras(engine=small_engine)
        return ManagedWorker(SMALL, weights=short_dir / "w.gguf", model=model, run_dir=short_dir, extras=extras)

    return make


def complete(text: str) -> Prompt:
    return Prompt("r", Capability.COMPLETE, {"prompt": text}, stream=False, slot=0)


def shown_of(pid: int | None) -> bytes:
    """What anybody on this machine may read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.real
@pytest.mark.slow
async def test_it_serves_locked_in_and_silent(small_worker: Any, collect: Any, text_of: Any) -> None:
    worker = small_worker()
    await worker.start()
    try:
        answer = await collect(worker, complete(CANARY))
        printed = worker._child.log_tail()
        seen = shown_of(worker.pid)
    finally:
        await worker.stop()

    assert text_of(answer) == "small"
    assert (worker.device, worker.build) == ("cpu: Small 1", f"llama-server/{'0' * 16} small/1")
    assert all(state.startswith("on") for state in worker.locks.values())
    assert "loading" in printed
    assert CANARY not in printed
    assert "prompt" not in printed  # nor that of the warm-up
    assert worker._secret.encode() not in seen


@pytest.mark.real
@pytest.mark.slow
async def test_a_model_that_it_cannot_load_is_told(small_worker: Any) -> None:
    worker = small_worker("unloadable")

    with pytest.raises(EngineUnavailable) as caught:
        await worker.start()

    assert caught.value.code == "engine.start_failed"


@pytest.mark.real
@pytest.mark.slow
async def test_one_that_aborts_takes_nobody_along_and_comes_back(small_worker: Any, collect: Any, text_of: Any) -> None:
    worker = small_worker()
    await worker.start()
    try:
        before = worker.pid
        with pytest.raises(EngineUnavailable) as caught:
            await collect(worker, complete("die now"))
        while not (worker.ready() and worker.pid != before):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)
        answer = await collect(worker, complete("hello"))
    finally:
        await worker.stop()

    assert caught.value.code == "engine.crashed"
    assert text_of(answer) == "small"


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("needs", ["amx_tile", "avx2"])
async def test_what_answers_a_long_prompt_may_be_used(
    small_engine: Path, short_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: str
) -> None:
    shelf, tries = EngineShelf(tmp_path), []
    place = shelf.staging()
    (place / SERVER_LIBRARY).write_bytes((small_engine / SERVER_LIBRARY).read_bytes())
    built = BuiltEngine("0" * 16, "llama-server", "small 1", "", (), "c++", "x86_64", (needs,))
    (short_dir / "w.gguf").touch()
    true_trial = trial.computes

    async def computes(folder: Path, *more: Any) -> bool:
        """As it is where repacked weights end the process."""
        repack = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=BuiltEngine).repack
        tries.append(repack)
        return not repack and await true_trial(folder, *more)

    monkeypatch.setattr(trial, "computes", computes)
    used = await trial.tried(shelf, place, built, SMALL, short_dir / "w.gguf", short_dir)

    assert (used.repack, tries) == (False, [True, False])
    assert trial.cautious(built).repack is (needs == "avx2")


@pytest.fixture
def native_engine(repository: Path) -> Path:
    """The newest of llama.cpp's own, built by `sekisho engines build` in this checkout."""
    try:
        folder = choose("llama-server", EngineShelf(repository / ".sekisho/engines")).folder
    except SetupError:
        pytest.skip("no engine was built in this checkout that can run here")
    assert folder is not None
    return folder


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["Hi", "word " * 200])
async def test_llama_cpp_built_here_answers_as_the_wheel_does(
    native_engine: Path, worker_on: Any, model_file: Path, chat: Any, collect: Any, prompt: str
) -> None:
    counts = []
    for extras in (Extras(), Extras(engine=native_engine)):
        async with worker_on(model_file, extras=extras) as worker:
            chunks = await collect(worker, chat(prompt))
            counts.append(chunks[-1].usage)
            assert all(state.startswith("on") for state in worker.locks.values())

    assert counts[0] == counts[1]
    assert worker.build.startswith("llama-server/")
