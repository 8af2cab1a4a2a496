"""The Go of ``opa decide`` by itself: its tests lie in ``engine/`` here, and run beside its sources as it is built.

They need the Go that built ``.cache/bin/opa``, and what that left in Go's caches: a few seconds. Where set-up took an
OPA that was there already, nothing of ours was built, and there is nothing to test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath", "-vet=off")  # as offline-bundle/deps/opa.py builds it


@pytest.fixture(scope="module")
def go(repository: Path) -> Path:
    """The Go that set-up builds with."""
    if (repository / ".cache" / "bin" / "opa").is_symlink():
        pytest.skip("set-up took an opa that was there already")
    own = repository / ".cache" / "go-toolchain" / "go" / "bin"
    found = shutil.which("go") or shutil.which("go", path=f"/usr/local/go/bin:{own}")
    assert found, "opa was built here, and the Go that built it is gone: make deps"
    return Path(found)


@pytest.fixture(scope="module")
def sources(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine, its lock and its tests in one folder, as Go wants a package."""
    folder = tmp_path_factory.mktemp("engine")
    lock, engine = repository / "offline-bundle" / "locks" / "opa", repository / "gateway" / "policy" / "opa" / "engine"
    tests = (repository / "tests" / "policy" / "engine").glob("*_test.go")
    for path in (lock / "go.mod", lock / "go.sum", *engine.glob("*.go"), *tests):
        shutil.copyfile(path, folder / path.name)
    return folder


def ran(program: Path, *arguments: str, folder: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_engine_passes_its_own_tests(go: Path, sources: Path) -> None:
    assert ran(go, "test", *FLAGS, ".", folder=sources).startswith("ok")


def test_its_sources_are_as_gofmt_writes_them(go: Path, sources: Path) -> None:
    assert ran(go.with_name("gofmt"), "-l", ".", folder=sources) == ""
