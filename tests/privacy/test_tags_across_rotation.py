"""The tenants' key is rotated while requests are under way: their tags go back, later ones are of the new key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.domain import Caller, Finding, Grant, Segment
from gateway.keys.files import FileKeyring
from gateway.privacy.detector import NoDetection
from gateway.privacy.door import Redacted
from gateway.privacy.service import PrivacyRoom

TEXT = "Please call Ana Ruiz."
FOUND = [Finding(0, 12, 20, "PERSON", 1.0, "test")]
GRANT = Grant("t", {"*": "pseudonymise"}, restore=("text",))


def test_a_tag_of_the_old_key_goes_back_and_a_later_one_is_of_the_new_key(
    tmp_path: Path, caller: Caller, answer: Callable[..., str]
) -> None:
    keyring = FileKeyring(tmp_path)
    keyring.create()
    room = PrivacyRoom(NoDetection(), keyring.tag_key)

    def redact() -> Redacted:
        return room.redact([Segment((0,), TEXT)], FOUND, GRANT, caller, "r")

    before = redact()
    now = keyring._clock()
    keyring.decide(keyring.draft("tenants", "mia", now, now))
    keyring.carry_out()
    after = redact()

    assert before.texts[0] != after.texts[0] != TEXT
    assert answer(before.restorer(), [before.texts[0]]) == TEXT
    assert answer(after.restorer(), [after.texts[0]]) == TEXT
    assert answer(after.restorer(), [before.texts[0]]) == before.texts[0]  # nobody else's tag is opened
