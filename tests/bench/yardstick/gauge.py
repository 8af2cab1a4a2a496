"""The Go program at both ends: built from `tests/bench/gauge`, one process for the mock engine, one per load run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from yardstick.processes import CACHE, ROOT, NotStarted, Server, free_port
from yardstick.stats import Sample

SOURCE = ROOT / "tests" / "bench" / "gauge"
GO_OF_SETUP = str(ROOT / ".cache" / "go-toolchain" / "go" / "bin")
_seeds = count(1)


def build() -> Path:
    """Build the program, offline, and return its path.

    Raises:
        NotStarted: there is no Go, or it does not compile.
    """
    go = next(
        filter(None, (shutil.which("go", path=place) for place in (None, "/usr/local/go/bin", GO_OF_SETUP))), None
    )
    if go is None:
        raise NotStarted("the mock engine and the load generator need Go: apt-get install golang-go")
    CACHE.mkdir(parents=True, exist_ok=True)
    program = CACHE / "gauge"
    offline = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    environment = {"GOCACHE": str(CACHE / "go-build"), "GOPATH": str(CACHE / "go"), **os.environ, **offline}
    done = subprocess.run(
        [go, "build", "-o", program, "."], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotStarted(f"the load generator does not compile: {done.stderr.strip()[-300:]}")
    return program


class Mock:
    """The engine that costs nothing. One process serves both modes; :meth:`think` switches."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._server = Server([program, "mock", "--listen", self.address], folder / "mock.log")
        self._server.wait_for(f"http://{self.address}/v1/models", 10)

    def think(self, milliseconds: int) -> None:
        """Send the first byte of every answer after `milliseconds` from now on."""
        request = urllib.request.Request(f"http://{self.address}/delay/{milliseconds}", method="PUT")
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310

    def pace(self, milliseconds: int, pieces: int) -> None:
        """Let every stream from now on have so many further pieces of text, so far apart; 0: all at once."""
        request = urllib.request.Request(f"http://{self.address}/pace/{milliseconds}/{pieces}", method="PUT")
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310

    def stop(self) -> None:
        self._server.stop()


@dataclass(frozen=True)
class Load:
    """How to ask. Ends after `seconds` or `requests`, whichever comes first."""

    callers: int
    seconds: float
    stream: bool = False
    requests: int = 200_000
    warmup_seconds: float = 0.4
    max_tokens: int = 64
    people: bool = True
    expect: str = "Checked:"
    bias: str = ""
    ramp_seconds: float = 0.0
    """Over which the callers begin, one after the other."""
    gaps: bool = False
    """Whether to tell the time between pieces of text."""


def ask(program: Path, address: str, key: str, model: str, load: Load, seed: int | None = None) -> Sample:
    """Run one load and return what it saw. Texts are new in every run unless a `seed` repeats one."""
    command = [program, "load", "-address", address, "-model", model, "-expect", load.expect]
    command += ["-callers", load.callers, "-requests", load.requests, "-seconds", load.seconds]
    command += ["-warmup", load.warmup_seconds, "-max-tokens", load.max_tokens, "-seed", seed or next(_seeds)]
    command += ["-bias", load.bias] if load.bias else []
    command += ["-ramp", load.ramp_seconds, f"-gaps={str(load.gaps).lower()}"]
    command += [f"-stream={str(load.stream).lower()}", f"-people={str(load.people).lower()}"]
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "BENCH_KEY": key},
        capture_output=True,
        text=True,
        timeout=load.seconds + load.warmup_seconds + load.ramp_seconds + 150,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"the load generator stopped: {done.stderr.strip()[-300:]}")
    seen = json.loads(done.stdout)
    return Sample(
        latencies_us=seen["latencies_us"] or [],
        first_byte_us=seen["first_byte_us"] or [],
        seconds=seen["seconds"],
        completion_tokens=seen["completion_tokens"],
        errors=seen["errors"],
        first_error=seen["first_error"],
        first_text_us=seen["first_text_us"] or [],
        gaps_us=seen["gaps_us"] or [],
        most_open=seen["most_open"],
    )
