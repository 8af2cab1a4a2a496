"""llama-cpp-python, the second engine: it has no wheel, so its source (by hash) is compiled once and the wheel kept.

What the compiling takes comes from a lock too (build.txt), in an environment of its own; ``CMAKE_ARGS`` of the user are
added to ours.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import environment
import layout
from progress import Board, StepFailed

ONLY = Path(__file__).with_name("llama-only.cmake")
PORTABLE = "-DGGML_NATIVE=OFF"  # AVX2 at most: the wheel may move, and AMX that a machine announces may not work there
OURS = f"-DLLAVA_BUILD=OFF {PORTABLE} -DCMAKE_PROJECT_llama.cpp_INCLUDE={ONLY}"
LOCK = layout.LOCKS / "llama-cpp-python.txt"
LOG = layout.LOGS / "llama-cpp-python.log"
MEND = "A C++ compiler is needed (on Debian: apt-get install g++), about 2 GB of memory, and the package index."


def build(board: Board) -> None:
    """Compile the wheel unless it is in the cache. Raises StepFailed."""
    if _wheel() is not None:
        return
    LOG.unlink(missing_ok=True)
    tools = layout.CACHE / "build-venv"
    environment.install(board, tools, "build")
    fresh = _folder().with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    options = ["--require-hashes", "--no-deps", "--no-build-isolation", "--no-binary", "llama-cpp-python"]
    options += ["--no-cache-dir"]  # pip's own cache does not know how a wheel was compiled
    command = [*environment.pip(tools), "wheel", *options, "-w", str(fresh), "-r", str(LOCK)]
    with board.job("llama-cpp-python, compiled (about 4 minutes)"):
        board.run(command, LOG, MEND, env=_compiler_environment(tools))
    shutil.rmtree(_folder(), ignore_errors=True)
    fresh.rename(_folder())


def install(board: Board) -> None:
    """Install the compiled wheel; what it depends on is in the lock ``dev``. Raises StepFailed."""
    wheel = _wheel()
    if wheel is None:
        raise StepFailed("The compiled llama-cpp-python is gone.", "Run: make deps")
    stamp = layout.VENV / ".sekisho-llama-cpp-python"
    if layout.is_done(stamp, _key()):
        return
    command = [*environment.pip(layout.VENV), "install", "--no-deps", "--no-index", "--force-reinstall", str(wheel)]
    board.run(command, LOG, MEND, env=environment.pip_environment())
    layout.mark_done(stamp, _key())


def _compiler_environment(tools: Path) -> dict[str, str]:
    variables = environment.pip_environment()
    variables["PATH"] = f"{tools / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
    variables["CMAKE_ARGS"] = f"{OURS} {os.environ.get('CMAKE_ARGS', '')}".strip()
    variables.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    return variables


def _key() -> str:
    arguments = f"{PORTABLE} {os.environ.get('CMAKE_ARGS', '')}"
    return layout.key_of(LOCK, layout.LOCKS / "build.txt", ONLY, arguments, os.uname().machine)


def _folder() -> Path:
    return layout.CACHE / "wheels" / _key()


def _wheel() -> Path | None:
    return next(iter(_folder().glob("llama_cpp_python-*.whl")), None)
