"""A server whose secrets are sealed: it starts with what opens them, as a systemd unit does, and not without."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from running import SEKISHO, Running, sekisho

from gateway.keys import seal

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.mark.timeout(400)
def test_it_starts_with_its_credential_and_not_without(
    installed: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = installed()
    (tmp_path / "sekisho-keys").write_bytes(bytes(range(32)))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    sekisho(served.folder, "keys", "protect", "--by", "systemd")
    served.start()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")  # whoever calls the running server needs no credential

    assert served.key().startswith("sk-sekisho-")
    for purpose in ("log", "pepper"):
        sekisho(served.folder, "keys", "rotate", purpose)
    checks = json.loads(_run(served, "doctor", "--json").stdout)["checks"]
    (secrets,) = [check for check in checks if check["name"] == "secrets"]
    served.stop()
    done = _run(served, "serve")

    assert secrets["state"] == "ok"
    assert "sealed by systemd" in secrets["said"]
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("sekisho: There is no systemd credential sekisho-keys.")
    keys = [path for path in (served.folder / ".sekisho/keys").iterdir() if path.name.startswith(("pepper", "log-"))]
    sealed = [path for path in keys if path.name != "log-vkeys"]
    assert len(sealed) == 3
    assert all(path.read_bytes().startswith(seal.MAGIC) for path in sealed)


def _run(served: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(SEKISHO), *arguments]
    return subprocess.run(command, cwd=served.folder, capture_output=True, text=True, timeout=60, check=False)
