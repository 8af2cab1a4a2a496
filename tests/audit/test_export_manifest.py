"""A manifest has one form, the form that its schema says, and is nobody's without a signature."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator

from gateway.audit.canonical import canonical
from gateway.audit.export.manifest import ManifestError, opened, sealed
from gateway.audit.export.office import ExportOffice, checked, summary
from gateway.audit.export.run import Keys, export
from gateway.audit.export.schema import ENVELOPE, SCHEMA
from gateway.audit.log.note import Signer
from gateway.audit.log.reader import Filter
from gateway.audit.log.succession import log_keys, verifiers
from gateway.audit.verify import check
from gateway.domain import Outcome
from gateway.errors import AuditUnavailable
from tests.audit.exports import make, manifest_of, wish
from tests.audit.rotations import Chain

Log = Any  # conftest.OpenLog


@pytest.fixture
def raw(open_log: Callable[..., Log], tmp_path: Path) -> bytes:
    log = open_log()
    for number in range(20):
        log.intent(number).close(Outcome("done"))
    log.book.close()
    return make(log, tmp_path / "out", wanted=Filter(type="outcome")).manifest.read_bytes()


def test_a_manifest_is_as_its_schema_says(raw: bytes) -> None:
    Draft202012Validator(ENVELOPE).validate(json.loads(raw))
    Draft202012Validator(SCHEMA).validate(opened(raw).said)


def test_the_schema_knows_every_field(raw: bytes) -> None:
    validator = Draft202012Validator(SCHEMA)
    said = dict(opened(raw).said)

    for name in said:
        assert not validator.is_valid({each: value for each, value in said.items() if each != name})
    for name in said["logs"][0]:
        log = {each: value for each, value in said["logs"][0].items() if each != name}
        assert not validator.is_valid({**said, "logs": [log]})
    assert not validator.is_valid({**said, "more": 1})


def test_a_manifest_is_canonical_throughout(raw: bytes) -> None:
    assert canonical(json.loads(raw)) + b"\n" == raw
    assert canonical(opened(raw).said) == opened(raw).payload


def test_any_changed_byte_is_noticed(raw: bytes, open_log: Callable[..., Log]) -> None:
    vkey = open_log().vkey
    from gateway.audit.log.note import parse_verifier_key

    for at in range(0, len(raw) - 1, 97):
        broken = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            found = opened(broken)
        except ManifestError:
            continue
        holds = parse_verifier_key(vkey).signed(found.signature, found.signed_bytes)
        assert not holds or found.key_name != opened(raw).key_name


@pytest.mark.parametrize(
    "broken",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b'{"payload":"","payloadType":"x","signatures":[]}',
        b'{"payload":"e30=","payloadType":"application/vnd.sekisho.export+json","signatures":[]}',
        b'{"payload":"e30=","payloadType":"application/vnd.sekisho.export+json","signatures":[{"keyid":"k","sig":"!"}]}',
        b'{"payload":"e30=","payloadType":"application/vnd.sekisho.export+json","signatures":[{"keyid":"k","sig":""}]}',
        b"[" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_said_in_one_line(broken: bytes) -> None:
    with pytest.raises(ManifestError) as told:
        opened(broken)
    assert "\n" not in str(told.value)


def test_the_record_of_an_export_says_what_it_was(raw: bytes) -> None:
    told = summary(opened(raw).payload)

    assert (told["filter"], told["rows"], told["logs"]) == (
        {"type": "outcome"}, 20, [["berlin/node1/w0/default", 1, 40, 20]],
    )  # fmt: skip
    assert canonical(told)


class Book:
    """A book that cannot be written."""

    def event(self, type: str, **details: Any) -> None:
        raise AuditUnavailable

    async def durable(self) -> None: ...


async def test_what_cannot_be_put_on_record_is_not_signed(raw: bytes, key: Any) -> None:
    office = ExportOffice(Book(), lambda: log_keys(key))

    with pytest.raises(AuditUnavailable):
        await office.sign(base64.b64encode(opened(raw).payload).decode(), "mia")


@pytest.mark.parametrize("wrong", ["", "!", "e30=", base64.b64encode(b"[" * 4000).decode()])
async def test_what_is_no_manifest_is_not_signed(wrong: str, key: Any) -> None:
    office = ExportOffice(Book(), lambda: log_keys(key))

    with pytest.raises(ManifestError):
        await office.sign(wrong, "mia")


def test_fields_that_are_not_known_are_refused(raw: bytes) -> None:
    said = {**opened(raw).said, "more": 1}

    with pytest.raises(ManifestError):
        checked(canonical(said))


@pytest.mark.parametrize("filtered", [True, False])
def test_whoever_trusts_one_key_of_the_chain_can_check_an_export(
    tmp_path: Path, key: Ed25519PrivateKey, new_log: Callable[..., Log], filtered: bool
) -> None:
    log = new_log(tmp_path / "audit")
    log.intent(1).close(Outcome("done"))
    chain = Chain.of(key).rotated(Ed25519PrivateKey.generate())
    log.book.change_key(chain)
    log.book.change_key(chain := chain.alone())
    log.intent(2).close(Outcome("done"))
    log.book.close()
    newest = Signer("sekisho-log", chain.signing[0])
    keys = Keys(verifiers(log.folder.as_posix(), chain), newest.verifier_key(), lambda payload: sealed(payload, newest))

    done = export(wish(log, tmp_path / "out", wanted=Filter(type="intent") if filtered else None), keys)
    said = manifest_of(done.out, newest.verifier_key()).said

    assert [one["new"] for one in said["logs"][0]["keys"]] == chain.vkeys()[1:]
    Draft202012Validator(SCHEMA).validate(said)
    for vkey in chain.vkeys():
        (report,) = check(done.out, [vkey])
        assert report.ok, report.problems
    stranger = Signer("sekisho-log", Ed25519PrivateKey.generate()).verifier_key()
    assert not all(report.ok for report in check(done.out, [stranger]))
