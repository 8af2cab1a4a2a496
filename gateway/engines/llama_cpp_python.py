"""llama-cpp-python in this process: the second engine, for machines where the first has no wheel, and for comparing.

One model, one thread, one prompt at a time; everything that arrives meanwhile waits for the thread. It has no locks
around it and no way to restart after a crash, which takes the gateway with it. A hang-up stops it at the next token,
not within the reading of the prompt. What it cannot do is refused: ``logprobs``, ``grammar``.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from gateway.domain import Capability, Chunk, Prompt, Usage
from gateway.engines.calls import Body, Count, numbered, single_calls
from gateway.engines.dialect import without
from gateway.engines.openai_wire import Assembler, chunk_from, rejected, too_long
from gateway.engines.plain_calls import Reader
from gateway.engines.plain_tools import named, told
from gateway.engines.spelling import READ_NOTHING, spelled, tokenizing
from gateway.errors import EngineUnavailable, SekishoError
from gateway.settings import EngineSettings

_WAITING_CHUNKS = 64
_STALL_SECONDS = 0.1
_PASSED_ON = (
    "stop temperature top_p top_k min_p seed presence_penalty frequency_penalty repeat_penalty logit_bias".split()
)
_CHAT_ONLY = ("messages",)
_REFUSED = ("logprobs", "top_logprobs", "grammar", "json_schema", "suffix", "echo")
_DEFAULTS = {"temperature": 0.8, "repeat_penalty": 1.0}  # as the first engine's
_SEED_LIMIT = 2**32 - 1


class _TooLong(Exception):
    """A prompt of so many tokens does not fit."""


def _arguments(body: Body, capability: Capability) -> dict[str, Any]:
    """Return a body as keyword arguments of the library. Raises BadRequest for what it cannot do."""
    if any(body.get(name) for name in _REFUSED):
        raise rejected()
    names = [*_PASSED_ON, *(_CHAT_ONLY if capability is Capability.CHAT else ("prompt",))]
    given = {name: body[name] for name in names if body.get(name) is not None}
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    given["max_tokens"] = limit or (None if capability is Capability.CHAT else 16)
    given.setdefault("seed", secrets.randbelow(_SEED_LIMIT))  # the library's own is the same each time
    if capability is Capability.COMPLETE and body.get("response_format"):
        raise rejected()
    return {**_DEFAULTS, **given, "stream": True}


class _Run:
    """One prompt on its way through the thread: chunks come out on the loop's side, in order."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Chunk | SekishoError | None] = asyncio.Queue()
        self._room = threading.Semaphore(_WAITING_CHUNKS)

    def put(self, item: Chunk | SekishoError | None) -> None:
        """Hand over one item; waits while the reader is far behind. Called in the thread."""
        while not self._room.acquire(timeout=_STALL_SECONDS):
            if self.stopping.is_set():
                return
        self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    async def next(self) -> Chunk | None:
        item = await self._queue.get()
        self._room.release()
        if isinstance(item, SekishoError):
            raise item
        return item


@contextmanager
def _plain_buffers(bindings: Any) -> Iterator[None]:
    """Load without repacked weights, inside this block: its tile kernels (AMX) end the process on some machines.

    Seen with 0.3.36 compiled for the machine itself: a general protection fault at ``ldtilecfg`` for any prompt longer
    than one token. The library's class has no argument for it, so the defaults that it starts from are exchanged.
    """
    defaults = bindings.llama_model_default_params

    def plain() -> Any:
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters

    bindings.llama_model_default_params = plain
    try:
        yield
    finally:
        bindings.llama_model_default_params = defaults


class _Model:
    """The loaded model. Everything here runs in the one thread."""

    def __init__(self, settings: EngineSettings, weights: Path, chat_template: str) -> None:
        import jinja2  # noqa: PLC0415 - comes with the next
        import llama_cpp  # noqa: PLC0415 - an extra: only where it is the chosen engine

        self._library = llama_cpp
        self._template_error = jinja2.TemplateError
        self._context_tokens = settings.context_tokens
        with _plain_buffers(llama_cpp.llama_cpp):
            self._llama = llama_cpp.Llama(
                str(weights),
                n_ctx=settings.context_tokens,
                n_threads=settings.threads or None,
                n_threads_batch=settings.threads or None,
                n_gpu_layers=settings.gpu_layers,
                verbose=False,
            )
        if chat_template:
            self._llama.chat_handler = self._handler(chat_template)
        self._generate, self._tokenize = self._llama.generate, self._llama.tokenize
        self._llama.generate, self._llama.tokenize = self._counted, self._measured
        self._stopping = threading.Event()
        self._usage = Usage(0, 0)

    def close(self) -> None:
        self._llama.close()

    def _handler(self, chat_template: str) -> Any:
        """Return what writes prompts by a template of ours; the library runs it in Jinja's sandbox."""
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415 - as above

        model, end = self._llama._model, self._llama.token_eos()
        formatter = Jinja2ChatFormatter(
            chat_template,
            eos_token=model.token_get_text(end) if end >= 0 else "",
            bos_token=model.token_get_text(self._llama.token_bos()) if self._llama.token_bos() >= 0 else "",
            stop_token_ids=[end],
        )
        return formatter.to_chat_handler()

    def _measured(self, *args: Any, **kw: Any) -> list[int]:
        tokens: list[int] = self._tokenize(*args, **kw)
        if len(tokens) >= self._context_tokens:
            raise _TooLong(len(tokens))
        return tokens

    def _counted(self, tokens: list[int], **kw: Any) -> Iterator[int]:
        """The library's own generator of tokens, counted, and ended where nobody waits any more."""
        known = self._llama._input_ids[: self._llama.n_tokens].tolist()
        cached = min(self._library.Llama.longest_token_prefix(known, tokens), max(0, len(tokens) - 1))
        self._usage = Usage(len(tokens), 0, cached)
        for token in self._generate(tokens, **kw):
            self._usage = Usage(len(tokens), self._usage.completion_tokens + 1, cached)
            yield token
            if self._stopping.is_set():
                return

    def _grammar(self, response_format: dict[str, Any] | None) -> dict[str, Any]:
        """Return what holds an answer to its format. A schema handed over as such is dropped if it does not compile."""
        kind = (response_format or {}).get("type")
        if response_format is None or kind not in ("json_schema", "json_object"):
            return {}
        if kind == "json_object":
            return {"response_format": {"type": "json_object"}}
        schema = json.dumps(response_format["json_schema"]["schema"])
        try:
            return {"grammar": self._library.LlamaGrammar.from_json_schema(schema, verbose=False)}
        except AssertionError as error:  # its way to say that it does not know a type
            raise rejected() from error

    def _parts(self, body: Body, capability: Capability) -> Iterator[object]:
        arguments = _arguments(body, capability)
        if capability is Capability.COMPLETE:
            return iter(self._llama.create_completion(**arguments))
        arguments |= self._grammar(body.get("response_format"))
        try:
            return iter(self._llama.create_chat_completion(**arguments))
        except self._template_error as error:
            raise rejected() from error

    def spell(self, body: Body) -> Chunk:
        """Return a text's tokens, or what tokens spell: :mod:`gateway.engines.spelling`. The prompt's cache stays."""
        asked = tokenizing(body)
        content, tokens = asked["content"].encode(), body.get("tokens")
        if tokens is None:
            marks = {"add_bos": asked.get("add_special", False), "special": asked.get("parse_special", True)}
            tokens = self._tokenize(content, **marks) if content else []
        if body.get("spell"):
            return spelled(b"".join(map(self._piece, tokens)).decode("utf-8", "replace"))
        pieces = tuple(self._piece(token) for token in tokens if asked.get("with_pieces"))
        return Chunk((), READ_NOTHING, tokens=tuple(tokens), pieces=pieces)

    def _piece(self, token: int) -> bytes:
        """Return what one token spells, marks too. The library's own way loses what is longer than 32 bytes."""
        bindings, vocabulary = self._library.llama_cpp, self._llama._model.vocab
        for size in (32, 4096):
            buffer = ctypes.create_string_buffer(size)
            length = bindings.llama_token_to_piece(vocabulary, token, buffer, size, 0, True)
            if length >= 0:
                return bytes(buffer.raw[:length])
        raise ValueError("a token of more than 4,096 bytes")

    def run(self, body: Body, capability: Capability, reuse_cache: bool, stopping: threading.Event) -> Iterator[Chunk]:
        """Yield one answer; its usage is in the last chunk."""
        self._stopping = stopping
        reader = None
        if capability is Capability.CHAT:  # the library reads no calls of tools out of an answer, and forces none
            body, form = told(named(body))
            reader = Reader(form) if form is not None else None
        if not reuse_cache:
            self._llama.reset()
        for part in self._parts(body, capability):
            if stopping.is_set():
                return
            chunk = chunk_from(part)
            if chunk is not None:
                yield reader.read(chunk) if reader is not None else chunk
        yield Chunk((), self._usage)


class InProcess:
    """A :class:`gateway.engines.door.Engine` with one slot, whatever ``settings.slots`` says.

    Args:
        chat_template: Jinja, in place of the model's own; empty: the model's.
    """

    def __init__(self, settings: EngineSettings, *, weights: Path, model: str, chat_template: str = "") -> None:
        self._settings = settings
        self._chat_template = chat_template
        self._weights = weights
        self._name = model
        self._thread: ThreadPoolExecutor | None = None
        self._model: _Model | None = None
        self._runs: set[_Run] = set()

    device = build = ""  # its library does not tell what computes

    @property
    def slots(self) -> int:
        return 1

    @property
    def context_tokens(self) -> int:
        return self._settings.context_tokens

    def ready(self) -> bool:
        return self._model is not None

    async def start(self) -> None:
        """Load the model.

        Raises:
            EngineUnavailable: the library is not installed (``engine.not_installed``), or cannot load the model
                (``engine.start_failed``).
        """
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")
        try:
            self._model = await self._in_thread(lambda: _Model(self._settings, self._weights, self._chat_template))
            self.build = f"llama-cpp-python/{metadata.version('llama-cpp-python')}"
        except ImportError as error:
            message = "llama-cpp-python is not installed. Run: pip install 'sekisho[llama-cpp-python]'"
            raise EngineUnavailable(message, code="engine.not_installed") from error
        except (ValueError, OSError, RuntimeError) as error:
            raise EngineUnavailable("The model could not be loaded.", code="engine.start_failed") from error

    async def stop(self) -> None:
        """Stop at the next token, unload, and end the thread. Safe to call twice."""
        model, self._model = self._model, None
        for run in self._runs:
            run.stopping.set()
        if model is not None:
            await self._in_thread(model.close)
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`."""
        model, thread = self._model, self._thread
        if model is None or thread is None:
            raise EngineUnavailable
        if prompt.adapter:
            raise without(prompt.adapter)
        run = _Run()
        self._runs.add(run)
        thread.submit(self._produce, model, prompt, run)
        whole, as_it_comes = Assembler(), prompt.stream or prompt.capability is Capability.TOKENIZE
        try:
            while (chunk := await run.next()) is not None:
                if as_it_comes:
                    yield chunk
                else:
                    whole.add(chunk)
            if not as_it_comes:
                yield whole.chunk()
        finally:
            run.stopping.set()
            self._runs.discard(run)

    def _produce(self, model: _Model, prompt: Prompt, run: _Run) -> None:
        """Put the whole answer, or what went wrong, into the run; then ``None``. Called in the thread; never raises."""
        try:
            if not run.stopping.is_set():
                for chunk in _answers(model, prompt, run.stopping):
                    run.put(chunk)
            run.put(EngineUnavailable() if self._model is None else None)
        except SekishoError as error:
            run.put(error)
        except _TooLong as error:
            run.put(too_long(error.args[0], self._settings.context_tokens))
        except (ValueError, TypeError, LookupError):  # the library's words for arguments it cannot work with
            run.put(rejected())
        except Exception:  # the thread's outermost edge: whatever the library raises, the waiting caller must be told
            run.put(EngineUnavailable())


def _answers(model: _Model, prompt: Prompt, stopping: threading.Event) -> Iterator[Chunk]:
    """Yield the answers to all choices that were asked for, numbered, and one usage at the end."""
    if prompt.capability is Capability.TOKENIZE:
        yield model.spell(prompt.body)
        return
    count = Count()
    for number, call in enumerate(single_calls(prompt)):
        for chunk in model.run(call.body, prompt.capability, prompt.reuse_cache or call.repeats, stopping):
            count.add(chunk.usage, call.repeats)
            if chunk.choices:
                yield numbered(chunk, number)
    yield Chunk((), count.usage)
