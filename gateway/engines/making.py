"""Makes ``llama-server`` from llama.cpp's sources, for this machine: configure, compile, take what it needs.

The compilers' output is kept as ``build.log`` in the engine's folder. Nothing is fetched: the web page is left out (its
build asks a hub), and so is everything that starts programs or speaks TLS. ::

    wish = Wish(native=True)
    built = make(sources, place, log, wish, tools(cuda=False), told=lambda done, of: ...)
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.engines import machine
from gateway.engines.shelf import LOG, BuiltEngine, digest_of, hashes_of
from gateway.engines.sources import SOURCE
from gateway.errors import SetupError
from gateway.settings import tool_environment

TARGET = "llama-server"
_STEP = re.compile(rb"^\[\s*(\d+)(?:/(\d+)|%)\]")  # ninja: [12/212], make: [ 12%]
_LONGEST_REASON = 300
_NICE = 10
_TOOLS = {"cmake": "cmake", "c++": "g++"}
_FIXED = (
    "CMAKE_BUILD_TYPE=Release", "BUILD_SHARED_LIBS=ON", "CMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "LLAMA_BUILD_UI=OFF", "LLAMA_USE_PREBUILT_UI=OFF", "LLAMA_OPENSSL=OFF", "LLAMA_SUBPROCESS=OFF",
    "LLAMA_BUILD_TESTS=OFF", "LLAMA_BUILD_EXAMPLES=OFF", "LLAMA_BUILD_APP=OFF",
    "LLAMA_BUILD_NUMBER=1", "LLAMA_BUILD_COMMIT=unknown", "GGML_CCACHE=OFF", "GGML_OPENMP_FETCH=OFF",
)  # fmt: skip

Told = Callable[[int, int], None]
"""How far it is: steps done, of all."""


class Wish(msgspec.Struct, frozen=True):
    """What to build. ``cuda`` and ``native`` are for this machine's GPU and processor; ``jobs`` of 0: one a core."""

    native: bool = True
    cuda: bool = False
    jobs: int = 0


class Tools(msgspec.Struct, frozen=True):
    """What builds."""

    compiler: str  # path of c++
    compiler_line: str
    nvcc: str = ""
    cuda: str = ""  # the toolkit's version


def tools(*, cuda: bool) -> Tools:
    """Find what a build takes. Raises SetupError, with what to install, when something is not there."""
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if shutil.which("ninja") is None and shutil.which("make") is None:
        missing.append("make")
    if missing:
        raise SetupError(f"To build an engine takes {', '.join(missing)}.", f"Run: apt-get install {' '.join(missing)}")
    nvcc, version = machine.cuda_compiler() if cuda else ("", "")
    if cuda and not nvcc:
        raise SetupError(
            "There is no CUDA compiler (nvcc) here.", "Install NVIDIA's CUDA toolkit, or leave out --cuda."
        )
    compiler = shutil.which("c++") or "c++"
    return Tools(compiler, machine.first_line(compiler, "--version"), nvcc, version)


def options_of(wish: Wish, found: Tools) -> tuple[str, ...]:
    """Return what CMake is told, without ``-D``."""
    runtime = "$ORIGIN"
    options = [*_FIXED, f"GGML_NATIVE={'ON' if wish.native else 'OFF'}"]
    if wish.cuda:
        architectures = ";".join(machine.cuda_architectures(found.cuda))
        runtime += f";{Path(found.nvcc).resolve().parent.parent / 'lib64'}"
        options += ["GGML_CUDA=ON", "GGML_CUDA_NCCL=OFF", f"CMAKE_CUDA_COMPILER={found.nvcc}"]
        options.append(f"CMAKE_CUDA_ARCHITECTURES={architectures}")
    return (*options, f"CMAKE_INSTALL_RPATH={runtime}")


def needs_of(wish: Wish, found: Tools) -> tuple[str, ...]:
    """Return what a processor must have to run the result."""
    if wish.native:
        return machine.needs_of(found.compiler, ["-march=native"])
    if platform.machine() == "x86_64":  # what GGML's build takes without GGML_NATIVE
        return ("avx", "avx2", "bmi2", "f16c", "fma", "sse4_2")
    return ()


def make(sources: Path, place: Path, log: Path, wish: Wish, found: Tools, told: Told) -> BuiltEngine:
    """Build into ``place``, an empty folder that gets program, libraries and log; return the manifest to be.

    Objects go into ``build`` beside the sources.

    Takes ten minutes and more on two cores. Ends its compilers when it is interrupted.

    Raises:
        SetupError: it did not compile; what the log says of it is in the message, and the log stays.
    """
    began, workshop = time.monotonic(), sources.parent / "build"
    options = options_of(wish, found)
    configure = ["cmake", "-S", str(sources), "-B", str(workshop), *(f"-D{option}" for option in options)]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    jobs = wish.jobs or len(os.sched_getaffinity(0))
    with log.open("wb") as kept:
        _run(configure, kept, log, lambda done, of: None)
        _run(["cmake", "--build", str(workshop), "--target", TARGET, "-j", str(jobs)], kept, log, told)
    _collect(workshop / "bin", place)
    shutil.copyfile(log, place / LOG)
    files = hashes_of(place)
    return BuiltEngine(
        digest=digest_of(files),
        program=TARGET,
        source=SOURCE.name,
        source_sha256=SOURCE.sha256,
        options=options,
        compiler=found.compiler_line,
        architecture=platform.machine(),
        needs=needs_of(wish, found),
        cuda=found.cuda,
        cuda_architectures=machine.cuda_architectures(found.cuda) if wish.cuda else (),
        built_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        build_seconds=round(time.monotonic() - began, 1),
        files=files,
    )


def _environment() -> dict[str, str]:
    """Compilers get paths and a language; no proxies, no settings of ours, no repository above the sources."""
    return {**tool_environment(), "LC_ALL": "C.UTF-8", "GIT_DIR": os.devnull}


def _run(command: Sequence[str], kept: BinaryIO, log: Path, told: Told) -> None:
    """Run one step with its output in the log. Raises SetupError when it fails."""
    process = subprocess.Popen(  # noqa: S603 - tools that the operator has installed
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )
    with process:
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
            _follow(process, kept, told)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode != 0:
        kept.flush()
        raise SetupError(f"llama.cpp did not build: {_end_of(log)}", f"Read {log}; it stays there.")


def _follow(process: subprocess.Popen[bytes], kept: BinaryIO, told: Told) -> None:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    for line in process.stdout:
        kept.write(line)
        step = _STEP.match(line)
        if step is not None:
            kept.flush()  # who waits for a long build reads how far it is
            told(int(step[1]), int(step[2] or 100))


def _end_of(log: Path) -> str:
    """Return the line that tells most of a failed build."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines or ["no output"])[0].strip()[:_LONGEST_REASON]


def _collect(built: Path, place: Path) -> None:
    """Copy program and libraries into ``place``, each under the name that the others call it by."""
    found = {_wanted_name(library): library.resolve() for library in built.glob("lib*.so*")}
    versioned = {name.partition(".so")[0] for name in found if not name.endswith(".so")}
    names = {name: file for name, file in found.items() if name.removesuffix(".so") not in versioned}
    for name, file in {**names, TARGET: built / TARGET}.items():
        shutil.copyfile(file, place / name)


def _wanted_name(library: Path) -> str:
    """Return ``libllama.so.0`` for ``libllama.so.0.1.2``: the name in its header."""
    stem, _, version = library.name.partition(".so")
    return f"{stem}.so{'.' + version.split('.')[1] if version else ''}"
