"""What the state's folder knows of the logs: an audit folder that is gone, or put back alone, is no new beginning."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.book import LogBook
from gateway.audit.log import copied_heads
from gateway.audit.log.copied_heads import CopiedHeads
from gateway.audit.shelf import Shelf
from gateway.errors import SetupError
from gateway.settings import AuditSettings

ROOT = bytes(32)
NAMES = ("berlin/n1/w0/cross-border", "berlin/n1/w0/default")


@pytest.fixture
def run(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[Callable[..., None]]:
    """Open the logs of an installation as a start does, write a few records, and close them."""
    with ExitStack() as opened:

        def once(records: int = 3, origin: str = "berlin/n1/w0") -> None:
            shelf = Shelf(tmp_path / "audit", origin=origin, log_key=key, settings=AuditSettings())
            opened.callback(shelf.close)
            shelf.open()
            for number in range(records):
                shelf.event("model.added", name=f"m{number}")
            shelf.close()

        yield once


def harm_all(data: Path) -> None:
    shutil.rmtree(data / "audit")


def harm_the_site(data: Path) -> None:
    shutil.rmtree(data / "audit" / "berlin")


def harm_the_worker_and_its_lines(data: Path) -> None:
    shutil.rmtree(data / "audit" / "berlin" / "n1")
    for name in ("site-heads", "site-checkpoint"):
        (data / "audit" / "berlin" / name).unlink()


@pytest.mark.parametrize("harm", [harm_all, harm_the_site, harm_the_worker_and_its_lines])
def test_a_log_that_once_was_is_not_begun_anew(
    run: Callable[..., None], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    run()
    harm(tmp_path)

    with pytest.raises(SetupError, match="berlin/n1/w0/cross-border is gone, and 1 more") as refused:
        run()

    assert "sekisho audit recover" in refused.value.mend
    assert not (tmp_path / "audit" / "berlin" / "n1").exists()


@pytest.mark.parametrize("origin", ["berlin/n1/w1", "munich/n1/w0"])
def test_nor_under_another_name(run: Callable[..., None], tmp_path: Path, origin: str) -> None:
    """A site or a worker that is called otherwise now does not make what was forgotten."""
    run()
    harm_all(tmp_path)

    with pytest.raises(SetupError, match="is gone"):
        run(origin=origin)


def test_a_log_by_itself_knows_of_itself(run: Callable[..., None], tmp_path: Path, key: Ed25519PrivateKey) -> None:
    run()
    harm_all(tmp_path)

    with pytest.raises(SetupError, match="berlin/n1/w0/default is gone; it had"):
        LogBook(tmp_path / "audit", origin="berlin/n1/w0", log_key=key, settings=AuditSettings()).open()


def test_an_audit_folder_put_back_alone_is_older_than_what_was_seen(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    backup = shutil.copytree(tmp_path / "audit", tmp_path / "backup")
    run()
    run(0)  # a start copies what there is by then
    harm_all(tmp_path)
    shutil.copytree(backup, tmp_path / "audit")

    with pytest.raises(SetupError, match="state/audit-heads has 6"):
        run()


def test_an_installation_of_an_earlier_release_is_taken_up_and_copied(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    shutil.rmtree(tmp_path / "state")

    run()

    assert sorted(copied_heads.all_of(tmp_path / "audit")) == list(NAMES)


def test_a_new_installation_begins(run: Callable[..., None], tmp_path: Path) -> None:
    run()

    assert sorted(copied_heads.all_of(tmp_path / "audit")) == list(NAMES)
    assert (copied_heads.place(tmp_path / "audit") / "berlin").stat().st_mode & 0o777 == 0o600


def test_a_damaged_copy_is_refused_by_name(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    (tmp_path / "state" / "audit-heads" / "berlin").write_text("berlin/n1/w0/default many\n")

    with pytest.raises(SetupError, match="audit-heads, berlin is damaged"):
        run()


def test_it_is_copied_when_a_log_is_new_and_then_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(copied_heads, "monotonic", lambda: now[0])
    copy = CopiedHeads(tmp_path / "audit", "berlin")

    copy.keep({"a": (1, ROOT)})
    copy.keep({"a": (2, ROOT)})
    assert copy.read() == {"a": (1, ROOT)}
    copy.keep({"a": (3, ROOT), "b": (1, ROOT)})
    assert copy.read() == {"a": (3, ROOT), "b": (1, ROOT)}
    now[0] += copied_heads.EVERY_SECONDS
    copy.keep({"a": (4, ROOT), "b": (1, ROOT)})

    assert copy.read() == {"a": (4, ROOT), "b": (1, ROOT)}
