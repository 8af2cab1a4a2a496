"""Who signs evidence that leaves the house, and in which language it speaks: for packs, and for what carries packs.

A manifest is on record before it is signed, by the running server where there is one, else here under the lock.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.server import Server, operator, running_server
from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.evidence.document import Language
    from gateway.audit.evidence.pack import PackKeys
    from gateway.settings import Settings


def report_language(wanted: str, site: str) -> Language:
    """Return the language of what is written for people: the one that was asked for, else the site's, else English.

    Raises:
        SetupError: there are no texts in the language that was asked for.
    """
    from gateway.audit.evidence.words import LANGUAGES
    from gateway.policy.words import language_of

    found = language_of(wanted or site)
    if wanted and not wanted.lower().startswith(found):
        mend = f"Give one of: {', '.join(LANGUAGES)}."
        raise SetupError(f"There are no texts in {wanted!r}.", mend, exit_code=USED_WRONGLY)
    return next(each for each in LANGUAGES if each == found)


def pack_keys(settings: Settings) -> PackKeys:
    """Return the keys of an evidence pack. Its manifest is put on record when it is signed.

    Raises:
        SetupError: the log's key cannot be opened.
    """
    from gateway.audit.evidence.pack import PackKeys
    from gateway.cli.audit_export import signing_keys

    return PackKeys(signing_keys(settings), lambda payload: _sealed(settings, payload))


def _sealed(settings: Settings, payload: bytes) -> bytes:
    """Return the envelope of a pack's manifest. That it is made is on record first."""
    server = running_server(settings.run)
    return _sealed_by_server(server, payload) if server else _sealed_here(settings, payload)


def _sealed_by_server(server: Server, payload: bytes) -> bytes:
    from gateway.audit.evidence.manifest import envelope
    from gateway.audit.export.manifest import to_bytes, to_text

    signed = server.post("audit/evidence", {"manifest": to_text(payload)})
    return envelope(payload, signed["keyid"], to_bytes(signed["sig"]))


def _sealed_here(settings: Settings, payload: bytes) -> bytes:
    from gateway.audit.evidence.manifest import envelope, signed_bytes
    from gateway.audit.evidence.office import EVENT, KEY_NAME, checked, summary
    from gateway.audit.log.note import Signer
    from gateway.audit.log.succession import verifiers
    from gateway.keys.opening import open_keyring

    keys = open_keyring(settings).log_keys()
    said = checked(payload, verifiers(KEY_NAME, keys))
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(EVENT, by=operator(), details=summary(said, payload))
        asyncio.run(book.durable())
        signer = Signer(KEY_NAME, keys.signing[0])
        return envelope(payload, signer.key_name, signer.sign_bytes(signed_bytes(payload)))
