"""Which llama.cpp an engine's process runs: one that was built here, where the machine can run it, else the wheel's.

``engine.kind: auto`` decides at each start, and says why; ``llama-server`` and ``xllamacpp`` name one of the two. ::

    chosen = choose("auto", shelf)
    chosen.why  # "It was built for this processor (avx512_vnni, amx_int8)."
"""

from __future__ import annotations

from importlib import metadata, util
from pathlib import Path

import msgspec

from gateway.engines import machine
from gateway.engines.shelf import BuiltEngine, EngineShelf
from gateway.errors import SetupError

WHEEL, BUILT = "xllamacpp", "llama-server"


class Program(msgspec.Struct, frozen=True):
    """One llama.cpp that this machine has. ``obstacle`` says why it cannot run here, "" when it can."""

    kind: str
    name: str  # as records name it
    built: BuiltEngine | None = None
    obstacle: str = ""


class Chosen(msgspec.Struct, frozen=True):
    """What is taken. ``folder`` is ``None`` for the wheel."""

    program: Program
    folder: Path | None
    why: str


def wheel() -> Program:
    """Return the wheel, installed or not."""
    if util.find_spec("xllamacpp") is None:
        return Program(WHEEL, WHEEL, obstacle="The wheel is not installed.")
    return Program(WHEEL, f"{WHEEL}/{metadata.version('xllamacpp')}")


def programs(shelf: EngineShelf) -> list[Program]:
    """Return all that is there, in the order in which ``auto`` would take them. Files are not hashed."""
    features, gpu = machine.processor_features(), machine.has_gpu()
    built = [Program(BUILT, each.build, each, _obstacle(each, features, gpu)) for each in shelf.all()]
    built.sort(key=lambda program: not (program.built and program.built.cuda))  # stable: the newest first within each
    return [*built, wheel()]


def _obstacle(built: BuiltEngine, features: frozenset[str], gpu: bool) -> str:
    """A build for CUDA needs the driver's library to load at all, so it is none for a machine without a GPU."""
    if built.cuda and not gpu:
        return "It was built for a GPU; this machine shows none."
    return machine.why_not(built, features)


def choose(kind: str, shelf: EngineShelf) -> Chosen:
    """Return what ``kind`` (``auto``, ``llama-server``, ``xllamacpp``) means on this machine now. Hashes its files.

    Raises:
        SetupError: nothing of that kind can run here.
    """
    passed_over: list[str] = []
    for program in programs(shelf):
        if kind not in ("auto", program.kind):
            continue
        obstacle = program.obstacle or (shelf.problem(program.built) if program.built else "")
        if not obstacle:
            folder = shelf.path(program.built) if program.built else None
            return Chosen(program, folder, " ".join([_reason(program, kind), *passed_over]))
        passed_over.append(f"{program.name} cannot: {obstacle}")
    if kind == BUILT:
        mend = "Run: sekisho engines build, or set engine.kind to auto."
        raise SetupError(" ".join(["No engine that was built here can run.", *passed_over]), mend)
    raise SetupError(" ".join(passed_over) or "No engine can run here.", "Install xllamacpp, or: sekisho engines build")


def _reason(program: Program, kind: str) -> str:
    if kind != "auto":
        return "engine.kind says so."
    if program.built is None:
        return "It came with Sekisho, and is taken where none was built that can run here."
    if program.built.cuda:
        return f"It was built here, with CUDA {program.built.cuda}, and there is a GPU."
    return f"It was built here, for {machine.shown_features(program.built.needs) or program.built.architecture}."
