"""Who stands behind a token, and behind whatever else a caller shows.

Guarantees: no network, no file and no wait on the hot path; a changed file of keys counts within
:data:`WATCH_SECONDS` and is told to the book; while a file cannot be read, or was not looked at for
:data:`STALE_SECONDS`, no token of that issuer lets anybody in, since a key may have been withdrawn in it.

Example::

    callers = Callers(register, Issuers(settings.identity.issuers, settings.base, settings.site, pepper, tell))
    callers.identify("Bearer eyJhbGciOi…").key_id   # "jwt-…", a pseudonym
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain import Caller
from gateway.errors import AuditUnavailable, SetupError, Unavailable
from gateway.identity.claims import caller_of
from gateway.identity.door import Identity
from gateway.identity.jwks import Pinned, read_jwks
from gateway.identity.record import stamp_of
from gateway.identity.token import read_token, refuse, verified
from gateway.settings import IssuerSettings, SiteSettings

log = logging.getLogger("sekisho.identity")

WATCH_SECONDS = 0.5
STALE_SECONDS = 30.0

Tell = Callable[[str, list[str]], None]
"""Called with an issuer and the ids of its keys when they changed; none: they cannot be read."""


def _now() -> float:
    return datetime.now(UTC).timestamp()


class Issuers:
    """Those whose tokens are believed.

    Args:
        issuers: as the settings have them.
        base: the folder that paths of key files start from.
        site: where this process stands; part of every caller.
        pepper: returns the secret that pseudonyms are made with, the one in force.
        tell: see :data:`Tell`.
        now: wall clock in seconds since 1970, for the times in tokens.

    Raises:
        SetupError: a file of keys cannot be read or is not fit.
    """

    def __init__(
        self,
        issuers: Sequence[IssuerSettings],
        base: Path,
        site: SiteSettings,
        pepper: Callable[[], bytes],
        tell: Tell,
        now: Callable[[], float] = _now,
    ) -> None:
        self._site, self._pepper, self._tell, self._now = site, pepper, tell, now
        self._issuers = {one.issuer: _PinnedIssuer(one, base / one.keys) for one in issuers}
        self._fresh_until = float("inf")  # finite once somebody watches the files
        self._untold: dict[str, list[str]] = {}  # by issuer: ids of keys that the book has yet to hear of

    def identify(self, token: str) -> Caller:
        """Return who stands behind a token. Synchronous, no I/O.

        Raises:
            Unauthenticated: not believed (``identity.token``), or over (``identity.token_expired``).
            Forbidden: believed, and the settings cannot read it (``identity.token_unmapped``).
            Unavailable: the issuer's keys cannot be known.
        """
        read = read_token(token)
        issuer = self._issuers.get(read.issuer)
        if issuer is None:
            refuse("iss: no issuer of that name is in the settings")
        if issuer.keys is None or time.monotonic() > self._fresh_until:
            raise Unavailable(code="identity.unavailable", retry_after_seconds=5)
        claims = verified(read, issuer.settings, issuer.keys, self._now())
        return caller_of(claims, issuer.settings, self._site, self._pepper())

    async def watch(self) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.to_thread(self.refresh)
            self._fresh_until = time.monotonic() + STALE_SECONDS
            self.tell()
            await asyncio.sleep(WATCH_SECONDS)

    def refresh(self) -> None:
        """Read again the files that changed. Blocks for the disk."""
        for name, issuer in self._issuers.items():
            before = issuer.ids
            issuer.refresh()
            if issuer.ids != before:
                self._untold[name] = issuer.ids

    def tell(self) -> None:
        """Tell the book what changed; what it cannot take now, it is told again."""
        for name in list(self._untold):
            try:
                self._tell(name, self._untold[name])
            except AuditUnavailable:
                return
            del self._untold[name]


class Callers:
    """Everybody who may call: by key or by token. Implements :class:`gateway.identity.door.Identity`."""

    def __init__(self, keys: Identity, issuers: Issuers) -> None:
        self._keys, self._issuers = keys, issuers

    def identify(self, authorization: str | None) -> Caller:
        """As the door says. A token has dots, and no key of ours has one. Raises as :meth:`Issuers.identify` too."""
        scheme, _, shown = (authorization or "").partition(" ")
        if "." in shown and scheme.lower() == "bearer":
            return self._issuers.identify(shown.strip())
        return self._keys.identify(authorization)


class _PinnedIssuer:
    """One issuer and its file. ``keys`` is ``None`` while the file cannot be read."""

    def __init__(self, settings: IssuerSettings, path: Path) -> None:
        self.settings, self._path = settings, path
        self._stamp = stamp_of(path)
        self.keys: Pinned | None = read_jwks(path, settings.algorithms)

    @property
    def ids(self) -> list[str]:
        return sorted(kid for kid, key in (self.keys or {}).items() if key.algorithms)

    def refresh(self) -> None:
        try:
            stamp = stamp_of(self._path)
            if stamp == self._stamp and self.keys is not None:
                return
            self.keys = read_jwks(self._path, self.settings.algorithms)
            self._stamp = stamp
        except SetupError as error:
            if self.keys is not None:
                log.error("%s No token of %s is believed until it can be read.", error.problem, self.settings.issuer)
            self.keys = None
