"""What every test may need: short folders, free ports, and the real parts that ``make deps`` set up.

Real parts are tried by several processes at once where there are processors for them (``make test``). What judges time,
measures memory, or stops processes to see what others do meanwhile is marked ``alone`` by its file (:data:`ALONE`), and
has the machine for itself.

Sockets beyond loopback are blocked by pytest-socket (``addopts`` in pyproject.toml); Unix sockets are allowed. The
fixtures that hand out a real part fail, and do not skip, when it is missing: a test that cannot run has not passed.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from gateway.registry.manifest import Manifest

REPOSITORY = Path(__file__).resolve().parent.parent

settings.register_profile("short", deadline=None)  # other programs share the cores: an example may wait for its turn
settings.register_profile("soak", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("SEKISHO_TEST_PROFILE", "short"))


ALONE = (
    *("airgap/", "bench/", "soak/", "engines/", "fleet/", "whole/", "cli/test_cli_bench"),
    *("clients/test_openai_python", "policy/test_policy_faults", "policy/test_shadow"),
)
"""Beginnings of the paths of real tests that run one after the other, with nothing of ours beside them."""

BESIDE_OTHERS = (
    *("engines/test_engine_making", "engines/test_engine_sandbox", "engines/test_providers"),
    *(
        "whole/test_backup",
        "whole/test_break_glass",
        "whole/test_canar",
        "whole/test_content",
        "whole/test_keys_rotated",
    ),
    *("whole/test_models_orders", "whole/test_policy_changes", "whole/test_registry", "whole/test_sealed"),
    "whole/test_transfers",
)
"""Of those, the ones that look at what is done and not at when."""


@pytest.hookimpl(tryfirst=True)  # before ``-m`` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs alone."""
    for item in items:
        name = item.path.relative_to(REPOSITORY / "tests").as_posix()
        if name.startswith(ALONE) and not name.startswith(BESIDE_OTHERS):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A fresh folder with a short path, mode 0700: a Unix socket's path must stay under 100 bytes."""
    path = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def opa_binary() -> Path:
    """The real OPA: the one that set-up built, else ``OPA_BIN``, else the one in PATH."""
    found = [REPOSITORY / ".cache" / "bin" / "opa", Path(os.environ.get("OPA_BIN") or "/nonexistent")]
    found.append(Path(shutil.which("opa") or "/nonexistent"))
    for path in found:
        if path.is_file():
            return path
    return pytest.fail("There is no opa program. Run: make deps")


@pytest.fixture(scope="session")
def model_manifest() -> Manifest:
    """The manifest of the small demonstration model."""
    return msgspec.yaml.decode((REPOSITORY / "models" / "smollm2-135m-instruct.yaml").read_bytes(), type=Manifest)


@pytest.fixture(scope="session")
def model_file(model_manifest: Manifest) -> Path:
    """The weights of the demonstration model, as set-up put them into the content store of the checkout."""
    path = REPOSITORY / ".sekisho" / "store" / "sha256" / model_manifest.sha256
    if not path.is_file():
        pytest.fail("The demonstration model is not in the store. Run: make deps")
    return path


@pytest.fixture(scope="session")
def embedding_file() -> Path:
    """The weights of the embedding model, as set-up converted them."""
    manifest = msgspec.yaml.decode((REPOSITORY / "models" / "all-minilm-l6-v2.yaml").read_bytes(), type=Manifest)
    path = REPOSITORY / ".sekisho" / "store" / "sha256" / manifest.sha256
    if not path.is_file():
        pytest.fail("The embedding model is not in the store. Run: make deps")
    return path
