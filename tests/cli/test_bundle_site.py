"""Whose installation it is: a user without a name is told so, in one line."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from gateway.cli import bundle_site
from gateway.errors import SetupError


def test_the_owner_of_the_data_serves(tmp_path: Path) -> None:
    assert bundle_site._owner_of(tmp_path / "not yet") == "sekisho"
    assert bundle_site._owner_of(tmp_path) == pwd.getpwuid(os.getuid()).pw_name


def test_an_owner_without_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> object:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)

    with pytest.raises(SetupError, match=f"user {os.getuid()}, who has no name"):
        bundle_site._owner_of(tmp_path)
