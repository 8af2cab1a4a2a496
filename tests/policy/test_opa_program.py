"""The opa program's limit: what takes longer is ended, and says which setting gives it more."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.policy.opa.program import Opa, find_opa
from gateway.settings import PolicySettings, Settings

SLOW = """#!/bin/sh
[ "$1" = version ] && { echo "Version: 1.22.2"; exit 0; }
exec sleep 60
"""


@pytest.fixture
def slow(tmp_path: Path) -> Opa:
    path = tmp_path / "opa"
    path.write_text(SLOW, encoding="ascii")
    path.chmod(0o700)
    return find_opa(Settings(policy=PolicySettings(opa_binary=str(path), command_seconds=0.05)))


def test_a_run_that_takes_longer_than_its_limit_is_ended_and_names_the_setting(slow: Opa) -> None:
    with pytest.raises(SetupError, match=r"^`opa test` took longer than 0.05 s and was ended") as error:
        slow.run("test", ".")

    assert "policy.command_seconds" in error.value.mend
    assert slow.version == "1.22.2"  # asking for the version has a limit of its own


@pytest.mark.parametrize(("line", "decides"), [("Sekisho: decide/1", True), ("Sekisho: decide/2", False), ("", False)])
def test_whether_a_program_has_our_subcommand_is_what_it_says(tmp_path: Path, line: str, decides: bool) -> None:
    path = tmp_path / "opa"
    path.write_text(f"#!/bin/sh\nprintf 'Version: 1.22.2\\n{line}\\n'\n", encoding="ascii")
    path.chmod(0o700)

    assert find_opa(Settings(policy=PolicySettings(opa_binary=str(path)))).decides is decides
