"""What the state's folder knows of the logs: an audit folder that is gone, or put back alone, is no new beginning."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from patience import within

from gateway.audit.book import LogBook
from gateway.audit.log import copied_heads
from gateway.audit.log.copied_heads import CopiedHeads
from gateway.audit.log.note import Signer
from gateway.audit.log.site import SiteHeads
from gateway.audit.log.site import read as site_heads
from gateway.audit.log.succession import log_keys
from gateway.audit.log.trouble import TAMPERED
from gateway.audit.shelf import Shelf
from gateway.errors import AuditUnavailable, SetupError
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
    for name in ("site-heads", "site-checkpoint", "site-copied"):
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
    harm_all(tmp_path)
    shutil.copytree(backup, tmp_path / "audit")

    with pytest.raises(SetupError, match="state/audit-heads has 6"):
        run()


def test_an_end_that_was_cut_with_all_that_the_audit_folder_says_of_it_is_missed(
    run: Callable[..., None], tmp_path: Path
) -> None:
    """The last records before a stop: the copy is made again when a log is closed."""
    run()
    backup = shutil.copytree(tmp_path / "audit", tmp_path / "backup")
    run(1)
    harm_all(tmp_path)
    shutil.copytree(backup, tmp_path / "audit")

    with pytest.raises(SetupError, match="state/audit-heads has 4"):
        run()


def test_an_installation_of_an_earlier_release_is_taken_up_and_copied(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    as_before(tmp_path)
    shutil.rmtree(tmp_path / "state")

    run()

    assert sorted(copied_heads.all_of(tmp_path / "audit")) == list(NAMES)


def test_an_unsigned_copy_of_an_earlier_release_is_taken_and_signed(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    as_before(tmp_path)
    copy = copied_heads.place(tmp_path / "audit") / "berlin"
    copy.write_bytes(copy.read_bytes().partition(b"\n\n")[0] + b"\n")

    run()

    assert copied_heads.parse_copy(copy)[1].startswith(b"berlin\n2\n")


def as_before(data: Path) -> None:
    """Let the audit folder say nothing of copies, as that of an earlier release."""
    (data / "audit" / "berlin" / "site-copied").unlink()


# --- the copy itself is touched


def delete(copy: Path) -> None:
    copy.unlink()


def delete_the_folder(copy: Path) -> None:
    shutil.rmtree(copy.parent)


def lower_a_line(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().replace(b"/default 4 ", b"/default 2 "))


def raise_a_line(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().replace(b"/default 4 ", b"/default 9 "))


def change_a_root(copy: Path) -> None:
    name, size, encoded = copy.read_bytes().splitlines()[1].split(b" ")
    assert name.endswith(b"/default")
    other = encoded.replace(encoded[:2], b"AA" if encoded[:2] != b"AA" else b"BB", 1)
    copy.write_bytes(copy.read_bytes().replace(b" ".join((name, size, encoded)), b" ".join((name, size, other))))


def drop_a_line(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().partition(b"\n")[2])


def take_the_signature_off(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().partition(b"\n\n")[0] + b"\n")


def sign_with_another_key(copy: Path) -> None:
    heads, _ = copied_heads.parse_copy(copy)
    note = Signer("berlin", Ed25519PrivateKey.generate()).sign(len(heads), copied_heads.root(heads))
    copy.write_bytes(copied_heads.text(heads).encode() + b"\n" + note)


HARMS = [delete, delete_the_folder, lower_a_line, raise_a_line, change_a_root, drop_a_line]
AT_REST = [*HARMS, take_the_signature_off, sign_with_another_key]


@pytest.mark.parametrize("harm", AT_REST)
@pytest.mark.parametrize("origin", ["berlin/n1/w0", "berlin/n1/w1", "munich/n1/w0"])
def test_a_copy_that_was_touched_while_nobody_served_is_missed_at_the_start(
    run: Callable[..., None], tmp_path: Path, key: Ed25519PrivateKey, harm: Callable[[Path], None], origin: str
) -> None:
    opened(tmp_path, key).close()
    harm(copied_heads.place(tmp_path / "audit") / "berlin")

    with pytest.raises(SetupError, match=r"audit-heads, berlin is (gone|not what was signed)") as refused:
        run(origin=origin)
    assert "sekisho audit recover" in refused.value.mend


@pytest.mark.parametrize("harm", HARMS)
def test_a_copy_that_is_touched_while_it_serves_stops_every_log_within_a_second(
    tmp_path: Path, key: Ed25519PrivateKey, harm: Callable[[Path], None]
) -> None:
    with closing(opened(tmp_path, key)) as shelf:
        harm(copied_heads.place(tmp_path / "audit") / "berlin")

        assert within(2.0, lambda: not any(book.ready() for book in shelf.books.values()))
        with pytest.raises(AuditUnavailable) as refused:
            shelf.event("model.added", name="m9")

    assert (refused.value.code, refused.value.retryable) == (TAMPERED, False)
    with pytest.raises(SetupError, match="audit-heads, berlin is"):
        opened(tmp_path, key)


def test_what_a_log_had_when_it_was_closed_is_copied(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Not what it had within the minute before: the end of a log that nobody writes cannot be cut unseen."""
    with closing(opened(tmp_path, key)) as shelf:
        for number in range(5):
            shelf.event("model.added", name=f"n{number}")

    assert copied_heads.all_of(tmp_path / "audit") == site_heads(tmp_path / "audit", "berlin")
    assert copied_heads.all_of(tmp_path / "audit")["berlin/n1/w0/default"][0] == 9


def test_that_there_is_a_copy_is_watched_too(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    with closing(opened(tmp_path, key)) as shelf:
        (tmp_path / "audit" / "berlin" / "site-copied").unlink()

        assert within(2.0, lambda: not shelf.ready())


def opened(data: Path, key: Ed25519PrivateKey) -> Shelf:
    """Return an open shelf with four records in its ``default``, all of them in the copy."""
    shelf = Shelf(data / "audit", origin="berlin/n1/w0", log_key=key, settings=AuditSettings())
    shelf.open()
    for number in range(4):
        shelf.event("model.added", name=f"m{number}")
    shelf.close()
    again = Shelf(data / "audit", origin="berlin/n1/w0", log_key=key, settings=AuditSettings())
    again.open()
    copy = copied_heads.place(data / "audit") / "berlin"
    assert within(3.0, lambda: b"/default 4 " in copy.read_bytes() and bool(again._site._copy._seen))
    return again


def test_a_copy_of_another_worker_that_goes_on_is_no_harm(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Each worker copies for all of them: what one has seen there may be newer, and never older."""
    with closing(opened(tmp_path, key)) as one:
        other = Shelf(tmp_path / "audit", origin="berlin/n1/w1", log_key=key, settings=AuditSettings())
        other.open()
        with closing(other):
            for number in range(40):
                other.event("model.added", name=f"m{number}")
                one.event("model.added", name=f"n{number}")
            one._site._copy._due = other._site._copy._due = 0.0
            time.sleep(1.5)

            assert (one.ready(), other.ready()) == (True, True)


def test_a_crash_between_the_heads_and_their_signature_is_mended(run: Callable[..., None], tmp_path: Path) -> None:
    run()
    heads = SiteHeads(tmp_path / "audit", "berlin", log_keys(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
    stale = Signer("berlin", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).sign(1, ROOT)
    (tmp_path / "audit" / "berlin" / "site-checkpoint").write_bytes(stale)

    heads.update()

    run(0)


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
    (tmp_path / "audit" / "berlin").mkdir(parents=True)

    copy.keep({"a": (1, ROOT)}, bytes)
    copy.keep({"a": (2, ROOT)}, bytes)
    assert copy.read() == {"a": (1, ROOT)}
    copy.keep({"a": (3, ROOT), "b": (1, ROOT)}, bytes)
    assert copy.read() == {"a": (3, ROOT), "b": (1, ROOT)}
    now[0] += copied_heads.EVERY_SECONDS
    copy.keep({"a": (4, ROOT), "b": (1, ROOT)}, bytes)

    assert copy.read() == {"a": (4, ROOT), "b": (1, ROOT)}
