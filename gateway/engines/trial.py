"""Does an engine that was just built compute on this machine? One prompt of many tokens, in the locked process.

Seen with llama.cpp compiled for a processor with AMX: it loads, answers one token, and a general protection fault at
``ldtilecfg`` ends it at the first longer prompt, on some virtual machines. Without repacked weights it does not.
"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import msgspec

from gateway.domain import Capability, Prompt
from gateway.engines.config import Extras
from gateway.engines.shelf import BuiltEngine, EngineShelf
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import EngineUnavailable, SetupError
from gateway.settings import EngineSettings

_PROMPT = {"prompt": " ".join(str(number) for number in range(64)), "max_tokens": 4, "temperature": 0}
_FAULTY = "amx_tile"


def cautious(built: BuiltEngine) -> BuiltEngine:
    """Return the engine as it may be used untried: without what ended processes on some machines."""
    return msgspec.structs.replace(built, repack=built.repack and _FAULTY not in built.needs)


async def computes(folder: Path, settings: EngineSettings, weights: Path, run_dir: Path) -> bool:
    """Whether the engine in ``folder`` loads these weights, and reads and answers a prompt of many tokens."""
    small = msgspec.structs.replace(settings, context_tokens=512, slots=1, draft="")
    worker = ManagedWorker(small, weights=weights, model="trial", run_dir=run_dir, extras=Extras(engine=folder))
    try:
        await worker.start()
        async with aclosing(worker.answer(Prompt("trial", Capability.COMPLETE, _PROMPT, stream=True, slot=0))) as said:
            async for _ in said:
                pass
    except EngineUnavailable:
        return False
    finally:
        await worker.stop()
    return True


async def tried(
    shelf: EngineShelf, place: Path, built: BuiltEngine, settings: EngineSettings, weights: Path, run_dir: Path
) -> BuiltEngine:
    """Write the manifest of what computes here, with repacked weights or without; return it.

    Raises:
        SetupError: neither does.
    """
    for repack in dict.fromkeys((built.repack, False)):
        built = msgspec.structs.replace(built, repack=repack)
        shelf.stage(place, built)
        if await computes(place, settings, weights, run_dir):
            return built
    raise SetupError(
        "What was built ends, or does not answer, on this machine.", "Try: sekisho engines build --portable"
    )
