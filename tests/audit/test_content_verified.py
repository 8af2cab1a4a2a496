"""The verifier holds what is kept against the records, in the log of each retention class."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from gateway.audit.content.door import About
from gateway.audit.content.room import ContentRoom
from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.audit.shelf import CLASSES, Shelf
from gateway.audit.verify import check, verify
from gateway.domain import Outcome
from gateway.settings import AuditSettings
from tests.audit.conftest import CALLER, DECISION, ORIGIN, TARGET, question

REQUEST = "01J" + "0" * 23


async def test_with_the_keys_what_is_kept_is_opened_below_a_folder_of_logs_too(
    tmp_path: Path, key: Ed25519PrivateKey
) -> None:
    keys = PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,))
    side = SideStore(tmp_path / "content", keys, tmp_path / "audit")
    room = ContentRoom(side, ORIGIN)
    shelf = Shelf(tmp_path / "audit", origin=ORIGIN, log_key=key, settings=AuditSettings())
    shelf.open()
    keeping = await room.keep(About(REQUEST, "acme", "support", 30), ["user:ana"], b"prompt")
    shelf.intent(CALLER, question(REQUEST), DECISION, TARGET, {}, keeping.prompt).close(Outcome("done"))
    room.close()
    vkey = shelf.verifier_key()
    shelf.close()
    opened: list[Path] = []

    def digest(path: Path) -> str:
        opened.append(path)
        return side.open(path)[2]

    right = check(tmp_path / "audit", [vkey], opener=digest)
    wrong = check(tmp_path / "audit", [vkey], opener=lambda path: "0" * 64)

    assert opened == [side.find(keeping.prompt.item)]
    assert [problem.kind for report in right for problem in report.problems] == []
    assert [problem.kind for report in wrong for problem in report.problems] == ["side-store"]


@pytest.mark.parametrize("retention_class", CLASSES)
async def test_what_is_kept_is_that_of_its_records(
    tmp_path: Path, key: Ed25519PrivateKey, retention_class: str
) -> None:
    keys = PersonKeys(tmp_path / "persons", lambda tenant: (b"s" * 32,))
    side = SideStore(tmp_path / "content", keys, tmp_path / "audit")
    room = ContentRoom(side, ORIGIN)
    shelf = Shelf(tmp_path / "audit", origin=ORIGIN, log_key=key, settings=AuditSettings())
    shelf.open()
    target = TARGET if retention_class == "default" else replace(TARGET, jurisdiction="US")

    keeping = await room.keep(About(REQUEST, "acme", "support", 30), ["user:ana"], b"prompt")
    entry = shelf.intent(CALLER, question(REQUEST), DECISION, target, {}, keeping.prompt)
    entry.close(Outcome("done", content=keeping.answer(b"answer")))
    room.close()
    vkey = shelf.verifier_key()
    shelf.close()

    folder = tmp_path / "audit" / ORIGIN / retention_class
    report = verify(folder, vkey)
    assert (report.problems, report.records >= 2) == ([], True)
    path = side.find(keeping.prompt.item)
    assert path is not None
    path.write_bytes(path.read_bytes().replace(REQUEST.encode(), ("01K" + "0" * 23).encode()))
    assert [problem.kind for problem in verify(folder, vkey).problems] == ["side-store"]
