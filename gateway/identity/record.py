"""What is known of a key: the request for one, the stored record, and the file that holds them.

The file ``state/keys.json`` is a contract between releases (``sekisho.keys/1``): unknown fields refuse. It is replaced
as a whole, so that a reader sees the old one or the new one and a power cut leaves one of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway import durable
from gateway.domain import Caller, DataClass, Priority, Role
from gateway.errors import SetupError
from gateway.settings import SiteSettings

Label = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,63}$")]
KeyName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Country = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$")]
Subject = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9.]+=.+)?$", max_length=512)]
"""A certificate's subject as RFC 4514 writes it, the most specific part first: ``CN=press-shop,O=Beispiel AG,C=DE``."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator asks for. Empty countries mean the site's own jurisdiction; no models means all."""

    name: KeyName
    tenant: Label
    project: Label = "default"
    purpose: Label = "general"
    purposes: Annotated[tuple[Label, ...], msgspec.Meta(max_length=64)] = ()  # others that a request may name
    roles: Annotated[tuple[Role, ...], msgspec.Meta(min_length=1)] = (Role.APP,)
    class_floor: DataClass = "internal"
    models: tuple[str, ...] = ()
    sites: Annotated[tuple[Label, ...], msgspec.Meta(max_length=64)] = ()  # where its prompts may be worked on
    collected_in: Country = ""
    access_from: Country = ""
    expires: Instant | None = None
    vouches_for_users: bool = False  # the end users that its requests name are who they are said to be
    priority: Priority = "normal"
    certificate: Subject = ""  # the account of a client certificate, which has no key


class Former(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The text that a key had before it was rotated, and until when that works too."""

    seal: str
    last4: str
    until: Instant
    pepper: str = ""  # as in :class:`KeyRecord`


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One key as it is kept: ``seal`` is ``HMAC-SHA256(pepper, key)`` in hex, ``last4`` the end of the key.

    ``pepper`` is the id of an older pepper that sealed it; empty: the file's own.
    """

    id: str  # ULID
    seal: str
    last4: str
    created: Instant
    wish: NewKey
    revoked: Instant | None = None
    pepper: str = ""
    rotated: Instant | None = None
    former: Former | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the key opens the door at ``now``."""
        return self.revoked is None and (self.wish.expires is None or now < self.wish.expires)

    def caller(self, site: SiteSettings) -> Caller:
        """Return the caller that stands behind this key at that site."""
        wish = self.wish
        return Caller(
            key_id=self.id,
            tenant=wish.tenant,
            project=wish.project,
            roles=wish.roles,
            purpose=wish.purpose,
            site=site.name,
            jurisdiction=site.jurisdiction,
            collected_in=wish.collected_in or site.jurisdiction,
            access_from=wish.access_from or site.jurisdiction,
            class_floor=wish.class_floor,
            models=wish.models,
            vouches_for_users=wish.vouches_for_users,
            priority=wish.priority,
            purposes=wish.purposes,
            sites=wish.sites,
        )


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``keys.json``. ``pepper`` is the id of the pepper that sealed the keys."""

    pepper: str
    keys: tuple[KeyRecord, ...] = ()
    version: Literal["sekisho.keys/1"] = "sekisho.keys/1"


def public_view(record: KeyRecord, now: datetime, used: Mapping[str, datetime] | None = None) -> dict[str, object]:
    """Return what people and the audit log may see of a key: everything but its seals.

    Args:
        used: the last use by mark, as :mod:`gateway.identity.uses` has them; ``None``: that is not told.
    """
    wish: dict[str, object] = msgspec.to_builtins(record.wish)
    state = "revoked" if record.revoked else "live" if record.is_live(now) else "expired"
    stamps = {"created": record.created, "revoked": record.revoked, "rotated": record.rotated}
    former = record.former
    beside = (
        {"last4": former.last4, "until": former.until} if former and state == "live" and now < former.until else None
    )
    if used is not None:
        stamps["last_used"] = used.get(record.id)
        if beside:
            beside["last_used"] = used.get(f"{record.id}/former")
    more: dict[str, object] = msgspec.to_builtins({**stamps, "former": beside})
    return {"id": record.id, **wish, "state": state, "last4": record.last4, **more}


def read_file(path: Path, *peppers: str) -> KeyFile:
    """Return the stored keys; an absent file holds none.

    Args:
        peppers: ids of those that may have sealed keys, the one in force first; none: that is not looked at.

    Raises:
        SetupError: unreadable, not what we wrote, or sealed with another pepper.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return KeyFile(pepper=peppers[0] if peppers else "")
    except OSError as error:
        raise SetupError(f"The key register {path} cannot be read.", "Check its owner and mode (0600).") from error
    try:
        stored = msgspec.json.decode(raw, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"The key register {path} is damaged.", "Restore it from a backup.") from error
    if not peppers:
        return stored
    if stored.pepper not in peppers:
        mend = "Restore keys/ and state/ from the same backup, or remove the register and make new keys."
        raise SetupError(f"The key register {path} was written with another pepper.", mend)
    return under(stored, peppers[0])


def under(content: KeyFile, pepper: str) -> KeyFile:
    """Return the keys as a file of the pepper in force has them: a key that another one sealed says so."""

    def told(record: KeyRecord) -> KeyRecord:
        former = record.former
        if former is not None:
            former = msgspec.structs.replace(former, pepper=told_by(former.pepper))
        return msgspec.structs.replace(record, pepper=told_by(record.pepper), former=former)

    def told_by(sealed_by: str) -> str:
        sealed_by = sealed_by or content.pepper
        return "" if sealed_by == pepper else sealed_by

    return KeyFile(pepper=pepper, keys=tuple(map(told, content.keys)))


def write_file(path: Path, content: KeyFile) -> None:
    """Replace the file, mode 0600. MUST NOT return before the new content is on stable storage.

    Raises:
        SetupError: it could not be written; the old content still stands.
    """
    write_state(path, content, what="The key register ")


def write_state(path: Path, content: msgspec.Struct, what: str = "") -> None:
    """As :func:`write_file`, for any file of state."""
    try:
        durable.replace(path, msgspec.json.format(msgspec.json.encode(content), indent=1))
    except OSError as error:
        mend = "Check free space and the owner of the data folder."
        raise SetupError(f"{what}{path} cannot be written.", mend) from error


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or written; ``None`` where there is none. Raises SetupError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"{path} cannot be read.", "Check its owner and mode (0600).") from error
    return status.st_ino, status.st_mtime_ns, status.st_size
