"""What a search shows, and what it can search for, has no pseudonyms of persons; the log has them as before."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec.structs import replace

from gateway.audit.index.query import Query
from gateway.audit.index.search import AuditSearch
from gateway.audit.log.reader import raw_records
from gateway.audit.persons.hidden import HIDDEN, hidden, hidden_in
from tests.audit.conftest import CALLER, DECISION, TARGET, OpenLog, question

PERSON = "0123456789abcdef" * 2


def test_pseudonyms_are_neither_shown_nor_searched_for(log: OpenLog, tmp_path: Path) -> None:
    caller = replace(CALLER, person=PERSON)
    log.book.intent(caller, question("01J" + "0" * 23), DECISION, TARGET, {"PERSON": 1})
    log.book.close()
    search = AuditSearch(log.base, tmp_path / "index")

    (shown,) = search.page(Query({"type": ("intent",)}), 10).records

    assert json.loads(shown)["caller"]["person"] == HIDDEN
    assert search.page(Query({}, text=PERSON), 10).records == []
    assert len(search.page(Query({}, text="PERSON"), 10).records) == 1
    assert any(PERSON.encode() in data for data in raw_records(log.folder))


def test_only_the_pseudonym_is_hidden() -> None:
    record = {"caller": {"key_id": "k", "person": PERSON}, "note": '"person":"x"', "type": "intent"}
    plain = {"caller": {"key_id": "k"}, "type": "intent"}

    for known in (record, plain, {"caller": None}, {}):
        data = json.dumps(known, separators=(",", ":")).encode()
        assert json.loads(hidden(data)) == hidden_in(known)
    assert hidden_in(record)["note"] == '"person":"x"'
    assert hidden_in(plain) is plain
