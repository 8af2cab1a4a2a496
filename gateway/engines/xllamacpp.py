"""llama.cpp's native server in a child process, locked in and supervised: the wheel's that ships, or one built here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from gateway.domain import Capability, Prompt
from gateway.engines.client import open_session
from gateway.engines.config import Extras, WorkerConfig
from gateway.engines.dialect import LlamaDialect
from gateway.engines.openai_http import Exchange
from gateway.engines.plain_tools import FORCED, PROBE, PROBE_MARKS
from gateway.engines.supervised import Supervised
from gateway.errors import BadRequest
from gateway.settings import EngineSettings

_FIRST_PROMPTS = {
    "chat": Prompt(
        "warm-up", Capability.COMPLETE, {"prompt": "1", "max_tokens": 1, "temperature": 0}, stream=True, slot=0
    ),
    "embed": Prompt("warm-up", Capability.EMBED, {"input": "1"}, stream=False),
    "rerank": Prompt("warm-up", Capability.RERANK, {"query": "1", "documents": ["1"]}, stream=False),
}


class ManagedWorker(Supervised):
    """One model in one child process. A :class:`gateway.engines.door.Engine`.

    Args:
        settings: threads, slots, context and time limits.
        weights: the verified GGUF file.
        model: the name it answers to.
        run_dir: folder for sockets; the child may write to a folder of its own inside, and nowhere else.
        on_change: called whenever :meth:`ready` may have changed.
        chat_template: Jinja, in place of the model's own.
        extras: how it is used: for vectors or scores, with adapters, with a model that guesses ahead.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        weights: Path,
        model: str,
        run_dir: Path,
        on_change: Callable[[], None] | None = None,
        chat_template: str = "",
        extras: Extras = Extras(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(model, run_dir, settings.start_timeout_seconds, on_change)
        self._settings = settings
        self._weights = weights
        self._model = model
        self._chat_template = chat_template
        self._extras = extras
        self._knows_tools: bool | None = None  # until it was asked

    @property
    def slots(self) -> int:
        return self._settings.slots

    @property
    def context_tokens(self) -> int:
        return self._settings.context_tokens

    def _opened(self) -> Exchange:
        session = open_session(self._socket, self._secret, self._settings.read_timeout_seconds, reuse=False)
        self._dialect = LlamaDialect([adapter.name for adapter in self._extras.adapters])
        self._exchange = Exchange(session, "http://engine", self._model, self._dialect)
        return self._exchange

    async def _prove(self) -> None:
        """It answers. The first time it is also asked whether it knows tools; the same files say the same again."""
        await super()._prove()
        if self._extras.mode != "chat":
            return
        if self._knows_tools is None:
            assert self._exchange is not None  # noqa: S101 - set by start
            self._dialect.knows_tools = True  # or the question itself would be told in words
            self._knows_tools = await self._asked(self._exchange)
        self._dialect.knows_tools = self._knows_tools

    async def _asked(self, exchange: Exchange) -> bool:
        """Whether its chat template says tools, calls and results, and a call that must be is made."""
        return await exchange.renders(PROBE, PROBE_MARKS, self._explain) and await self._calls(exchange)

    async def _calls(self, exchange: Exchange) -> bool:
        """Whether a call that is required is made, and not words: llama.cpp knows no calls of some templates."""
        try:
            async with aclosing(exchange.answer(FORCED, self._explain)) as chunks:
                async for choice in (choice async for chunk in chunks for choice in chunk.choices):
                    if choice.tool_calls or (choice.content or "").strip():
                        return bool(choice.tool_calls)
        except BadRequest:
            return False
        return True  # it thought, and came no further

    def _first_prompt(self) -> Prompt:
        return _FIRST_PROMPTS[self._extras.mode]

    def _configuration(self, parent: int) -> WorkerConfig:
        settings = self._settings
        return WorkerConfig(
            parent=parent,
            weights=str(self._weights),
            model=self._model,
            socket=str(self._socket),
            secret=self._secret,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            context_tokens=settings.context_tokens,
            slots=settings.slots,
            sandbox=settings.sandbox,
            show_slots=self._extras.show_slots,
            chat_template=self._chat_template,
            batch_tokens=settings.batch_tokens,
            mode=self._extras.mode,
            pooling=self._extras.pooling,
            adapters=tuple(str(adapter.file) for adapter in self._extras.adapters),
            draft=str(self._extras.draft or ""),
            draft_tokens=settings.draft_tokens,
            flash_attention=settings.flash_attention,
            cache_type=settings.kv_type,
            engine=str(self._extras.engine or ""),
        )
