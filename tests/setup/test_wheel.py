"""An installed Sekisho carries its policies and models, and finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHERE = "import gateway.settings as s; print(s.__file__, s.Settings().policies, s.Settings().manifests, sep='\\n')"


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents as they would lie in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)
    (wheel,) = folder.glob("sekisho-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_it_finds_what_it_ships_with(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    done = subprocess.run(
        [sys.executable, "-c", WHERE], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )

    module, policies, manifests = map(Path, done.stdout.splitlines())
    assert module.is_relative_to(installed)
    assert (policies.is_relative_to(installed), (policies / "capabilities.json").is_file()) == (True, True)
    assert (manifests / "smollm2-135m-instruct.yaml").is_file()


def test_it_holds_the_package_and_nothing_else(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"gateway"}
    assert (installed / "gateway" / "py.typed").is_file()
    assert list((installed / "gateway" / "policy").rglob("*.rego"))
