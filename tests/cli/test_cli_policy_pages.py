"""The pages on break-glass and on one's own rules: their commands run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway import settings
from gateway.policy.life.signers import Signer, Signers, create_private

pytestmark = [pytest.mark.real, pytest.mark.slow]

FENCE = re.compile(r"^```(bash|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(repository: Path, page: str) -> list[tuple[str, str]]:
    return FENCE.findall((repository / "docs" / "how-to" / page).read_text(encoding="utf-8"))


def run(house: Path, source: str, **more: str) -> str:
    environment = {**os.environ, **more}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", source],
        cwd=house,
        env=environment,
        input="correct horse\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{source}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def installed(house: Path, repository: Path) -> Path:
    """The house with what the pages expect beside it: the virtual environment and the shipped policies."""
    (house / ".venv").symlink_to(Path(sys.executable).parent.parent)
    shutil.copytree(repository / "policies", house / "policies")
    return house


def test_the_page_on_break_glass_runs(installed: Path, repository: Path) -> None:
    signers = Signers(settings.load(str(installed / "sekisho.yaml")).keys)
    public = create_private(installed / "ana.pem", "correct horse")
    signers.add(Signer(name="ana", public_key=public, roles=("approver",)))
    request, *rest = (source for language, source in fences(repository, "break-glass.md") if language == "bash")
    grant = run(installed, request).strip()
    said = [run(installed, source, GRANT=grant) for source in rest]
    assert "signed by ana: waits" in said[0]
    assert "has ended" in said[1]
    assert grant in said[2]


def test_the_page_on_rules_runs(installed: Path, repository: Path) -> None:
    config = installed / "sekisho.yaml"
    said = []
    for language, source in fences(repository, "add-a-rule.md"):
        if language == "yaml":
            config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **yaml.safe_load(source)}))
        else:
            said.append(run(installed, source))
    assert "passes" in said[1]
    assert "0 failed" in said[1]
    assert (installed / "my-policies/export_control/rule.rego").is_file()
