"""What an engine's process is told, and what it tells: the words between :mod:`child` and :mod:`worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Mode = Literal["chat", "embed", "rerank"]
"""``chat`` generates (chat and completions alike), ``embed`` answers with vectors, ``rerank`` with scores."""

Pooling = Literal["", "mean", "cls", "last"]
"""How an embedding model joins its tokens' vectors; "" leaves that to the model's own header."""

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
"""How keys and values of past tokens are kept; the quantised ones need flash attention."""

FlashAttention = Literal["auto", "on", "off"]


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA adapter that an engine loads beside its model; requests choose it by ``name``."""

    name: str
    file: Path


class Extras(msgspec.Struct, frozen=True):
    """What an engine does with a model, beyond generating with it alone."""

    mode: Mode = "chat"
    pooling: Pooling = ""
    adapters: tuple[Adapter, ...] = ()
    draft: Path | None = None  # a small model of the same vocabulary, that guesses tokens ahead
    engine: Path | None = None  # folder of an engine that was built here; None: the wheel's
    show_slots: bool = False  # opens llama.cpp's `/slots` to the holder of the secret: for tests of cancelling


class WorkerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the child must know."""

    parent: int  # process id
    weights: str
    model: str
    socket: str
    secret: str
    threads: int
    gpu_layers: int
    context_tokens: int
    slots: int
    sandbox: Literal["required", "best-effort"]
    show_slots: bool = False
    chat_template: str = ""  # Jinja; empty: the model's own
    batch_tokens: int = 0  # 0: by what the machine has
    mode: Mode = "chat"
    pooling: Pooling = ""
    adapters: tuple[str, ...] = ()  # files; a request names one by its place here
    draft: str = ""  # a model's file
    draft_tokens: int = 8  # guessed ahead at most
    flash_attention: FlashAttention = "auto"
    cache_type: CacheType = "f16"
    engine: str = ""  # folder of an engine that was built here; empty: the wheel's

    @property
    def readable(self) -> list[Path]:
        """The files and folders that it must read, links followed."""
        files = [self.weights, *self.adapters, *filter(None, (self.draft, self.engine))]
        return [Path(file).resolve() for file in files]


class ProviderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a child that translates for a provider must know."""

    parent: int  # process id
    remote_model: str  # provider/model
    url: str  # empty: the provider's own
    api_key: str
    socket: str
    secret: str
    read_timeout_seconds: float
    sandbox: Literal["required", "best-effort"]
    ca: str = ""
    certificate: str = ""  # ours, with its key, in one PEM file


class Status(msgspec.Struct, frozen=True):
    """One line to the parent."""

    state: Literal["locked", "loading", "listening", "refused", "failed"]
    locks: dict[str, str] = {}
    problem: str = ""
    device: str = ""  # what computes: "cpu: …" or "gpu: …"
    build: str = ""  # which program, with its version
