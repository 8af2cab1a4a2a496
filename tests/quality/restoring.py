"""What a real model does to tags: 500 invented prompts with redaction on and off, and what came back.

    python tests/quality/restoring.py
    python tests/quality/restoring.py --limit 60
    python tests/quality/restoring.py --weights other.gguf --model other

Each prompt goes to the model twice, as it is and redacted; values are known by their places, so no detector has a part
in this. Of each value that a good answer holds it is said what became of its tag:

- *exact*: written as it was given; *bent*: written otherwise, and restored nevertheless;
- *lost*: a part of it stands in the answer, unrestored; *unsaid*: nothing of it does.

The score is the share of those values that the answer holds in the end, letter by letter, redaction on against off.
Every prompt's outcome is written at once to ``--out``, so a run that was ended goes on where it was; no answer's text
is kept unless ``--keep`` says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import msgspec  # noqa: E402
from restoring_prompts import Trial, Value, trials  # noqa: E402

from gateway.domain import Capability, Choice, Chunk, Finding, Prompt  # noqa: E402
from gateway.engines.xllamacpp import ManagedWorker  # noqa: E402
from gateway.privacy.bends import fold  # noqa: E402
from gateway.privacy.redact import Redaction, redact  # noqa: E402
from gateway.privacy.restore import WayBack  # noqa: E402
from gateway.registry.manifest import Manifest  # noqa: E402
from gateway.settings import EngineSettings  # noqa: E402

SEED = 20260
SLOTS = 4
MOST_TOKENS = 48
FRAGMENT = 4  # so many characters of a core in a row are a part of a tag


def findings(trial: Trial) -> list[Finding]:
    """Return where the values stand."""
    spans = sorted({(trial.text.index(value.text), value) for value in trial.values})
    return [Finding(0, at, at + len(value.text), value.type, 1.0, "known") for at, value in spans]


def fate(value: Value, redaction: Redaction, answer: str) -> str:
    """Return what became of a value's tag in the engine's answer: exact, bent, lost or unsaid."""
    tag = redaction.book.tag(value.type, value.text)
    core = tag[-16:]
    spots = [spot for spot in redaction.book.finder().find(answer) if spot.core == core]
    if spots:
        return "exact" if any(answer[spot.start : spot.end] == tag for spot in spots) else "bent"
    folded = fold(answer)
    fragments = {core[at : at + FRAGMENT] for at in range(len(core) - FRAGMENT + 1)}
    return "lost" if any(fragment in folded for fragment in fragments) else "unsaid"


def restored(redaction: Redaction, answer: str) -> str:
    """Return the answer as the caller gets it."""
    back = WayBack(redaction.book.values, ("text",)).restorer()
    chunk = back.feed(Chunk((Choice(0, content=answer, finish_reason="stop"),)))
    return (chunk.choices[0].content or "") if chunk else ""


class Model:
    """One engine, asked with the least chance: temperature 0."""

    def __init__(self, worker: ManagedWorker) -> None:
        self._worker = worker
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for slot in range(SLOTS):
            self._free.put_nowait(slot)

    async def say(self, text: str) -> str:
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": MOST_TOKENS, "temperature": 0}
        slot = await self._free.get()
        try:
            prompt = Prompt("trial", Capability.CHAT, body, stream=False, slot=slot)
            async with aclosing(self._worker.answer(prompt)) as chunks:
                return "".join([choice.content or "" async for chunk in chunks for choice in chunk.choices])
        finally:
            self._free.put_nowait(slot)


async def measure(model: Model, trial: Trial, keep: bool) -> dict[str, Any]:
    """Return one prompt's outcome."""
    redaction = redact([trial.text], findings(trial), {"*": "pseudonymise"}, b"restoring".ljust(32, b"."))
    off, raw = await asyncio.gather(model.say(trial.text), model.say(redaction.texts[0]))
    on = restored(redaction, raw)
    row = {
        "id": trial.id,
        "fates": [fate(value, redaction, raw) for value in trial.wanted],
        "off": sum(value.text in off for value in trial.wanted),
        "on": sum(value.text in on for value in trial.wanted),
        "wanted": len(trial.wanted),
    }
    return {**row, "prompt": redaction.texts[0], "raw": raw, "answer_off": off} if keep else row


def table(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return the outcome of all prompts as Markdown."""
    fates = Counter(fate for row in rows for fate in row["fates"])
    wanted = sum(row["wanted"] for row in rows) or 1
    said = wanted - fates["unsaid"] or 1
    on, off = (sum(row[way] for row in rows) / wanted for way in ("on", "off"))
    cells = {"model": name, "prompts": len(rows), "values": wanted}
    cells |= {part: fates[part] for part in ("exact", "bent", "lost", "unsaid")}
    cells["restored of said"] = f"{(fates['exact'] + fates['bent']) / said:.3f}"
    cells |= {"score on": f"{on:.3f}", "score off": f"{off:.3f}"}
    lines = (cells, dict.fromkeys(cells, "---"), {cell: cell for cell in cells})
    return "".join(f"| {' | '.join(map(str, line.values()))} |\n" for line in (lines[2], lines[1], lines[0]))


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Ask whatever was not asked yet; return all outcomes."""
    rows = {row["id"]: row for row in _read(options.out)}
    asked = list(trials(options.limit, options.seed))
    left = [trial for trial in asked if trial.id not in rows]
    if left:
        folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))  # a socket's path must be short
        settings = EngineSettings(slots=SLOTS, context_tokens=1024, sandbox="best-effort")
        worker = ManagedWorker(settings, weights=options.weights, model=options.model, run_dir=folder)
        try:
            await worker.start()
            await _ask(Model(worker), left, rows, options)
        finally:
            await worker.stop()
            shutil.rmtree(folder, ignore_errors=True)
    return [rows[trial.id] for trial in asked if trial.id in rows]


async def _ask(model: Model, left: Iterable[Trial], rows: dict[str, Any], options: argparse.Namespace) -> None:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    waiting = iter(left)
    with options.out.open("a", encoding="utf-8") as out:

        async def one_after_the_other() -> None:
            for trial in waiting:
                row = rows[trial.id] = await measure(model, trial, options.keep)
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                out.flush()
                sys.stderr.write(f"\r{len(rows)} ")

        async with asyncio.TaskGroup() as tasks:
            for _ in range(SLOTS // 2):
                tasks.create_task(one_after_the_other())
    sys.stderr.write("\n")


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    manifest = msgspec.yaml.decode((ROOT / "models" / "smollm2-135m-instruct.yaml").read_bytes(), type=Manifest)
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--limit", type=int, default=500, help="how many prompts (default 500)")
    parser.add_argument("--seed", type=int, default=SEED, help="makes other prompts")
    parser.add_argument("--weights", type=Path, default=ROOT / ".sekisho" / "store" / "sha256" / manifest.sha256)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="its name in the table")
    parser.add_argument("--out", type=Path, help="outcomes, JSONL; those that are there are not asked again")
    parser.add_argument("--keep", action="store_true", help="write prompts and answers too")
    options = parser.parse_args(arguments)
    options.out = options.out or ROOT / ".cache" / "bench" / f"restoring-{options.model}.jsonl"
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if not options.weights.is_file():
        sys.stderr.write(f"There are no weights at {options.weights}. Run: make deps\n")
        return 3
    sys.stdout.write(table(options.model, asyncio.run(run(options))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
