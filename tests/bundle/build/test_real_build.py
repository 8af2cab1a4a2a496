"""The real bundle of this tree: what is in it, that a client believes it, that stage two runs from its wheels."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from gateway.bundle import bootstrap, release
from gateway.bundle.repository.client import Client, trust

pytestmark = [pytest.mark.real, pytest.mark.slow]

_MOST_BYTES = 700_000_000


@pytest.fixture(scope="module")
def unpacked(real_bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with tarfile.open(real_bundle.file) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def test_it_is_small_enough_and_has_a_part_of_every_kind(real_bundle: Any, unpacked: Path) -> None:
    (document,) = (unpacked / "targets").glob("*.release.json")
    found = release.decode(document.read_bytes())

    assert real_bundle.file.stat().st_size < _MOST_BYTES
    assert {part.kind for part in found.parts} >= {
        "program", "wheel", "opa", "redis", "model", "manifest", "detector", "policies", "docs", "installer",
        "sbom", "licences", "provenance", "advisories", "lock",
    }  # fmt: skip
    assert all(part.licence for part in found.of_kind("program", "wheel", "opa", "redis", "model", "detector"))


def test_a_client_believes_every_file_of_it(real_bundle: Any, unpacked: Path, tmp_path: Path) -> None:
    trust((real_bundle.maker / "roots" / "1.root.json").read_bytes(), tmp_path / "trusted")
    client = Client(tmp_path / "trusted", unpacked / "metadata", unpacked / "targets", datetime.now(UTC))
    client.refresh()
    found = release.decode(client.download(release.NAME, tmp_path / "got").read_bytes())

    for part in found.parts:
        client.download(part.name, tmp_path / "got").unlink()
    assert len(list((unpacked / "targets").iterdir())) == len(found.parts) + 1


def test_the_bill_is_strict_cyclonedx(unpacked: Path) -> None:
    (bill,) = (unpacked / "targets").glob("*.sbom.cdx.json")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.read_text(encoding="utf-8")) is None


def test_stage_two_runs_with_nothing_but_its_wheels(unpacked: Path, tmp_path: Path) -> None:
    import msgspec

    said = msgspec.json.decode((unpacked / bootstrap.NAME).read_bytes(), type=bootstrap.Bootstrap)
    for name in said.stage_two:
        with zipfile.ZipFile(unpacked / name) as wheel:
            wheel.extractall(tmp_path)  # noqa: S202  it was judged when it was built
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    code = f"{path}; import gateway.bundle.repository.client as client; print(client.__file__)"

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == str(tmp_path / "gateway/bundle/repository/client.py"), done.stderr
