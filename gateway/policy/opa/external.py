"""An OPA of your own, by URL or socket: asked as ours is, but neither started nor locked in by us.

What can be checked from outside is little, and is checked every second: that ``/v1/status`` answers, and that one of
its bundles is the revision in force here. Which builtins it allows, who else may write to it, whether it verified the
bundle: only its operator knows. Rules:

1. No question is put to it unless its status was seen within :data:`STALE_SECONDS` and named the revision in force.
2. Facts are pushed to ``/v1/data/facts`` at first, when they change, and when another process answers. Where
   its API forbids that, it must have the same facts from elsewhere: every answer says under which it was made.
3. That it is lost, has another policy or is right again is told in this program's log, once each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec

from gateway.domain import PolicyInput
from gateway.errors import PolicyUnavailable, SetupError
from gateway.policy.answer import Refused
from gateway.policy.facts import revision_of
from gateway.policy.life.revisions import Standing
from gateway.policy.opa.local import PUSH_SECONDS, RETRY_AFTER_SECONDS
from gateway.policy.opa.session import UnixOpaClient
from gateway.policy.remembered import Remembered
from gateway.settings import Settings

_log = logging.getLogger("sekisho.policy")
LOOK_SECONDS = 1.0
STALE_SECONDS = 3.0
_SEEN = {"": "has the revision in force", "policy.bundle_unknown": "has another policy"}
_NOT_SEEN = "does not tell its status"
_NOT_ALLOWED = frozenset({401, 403, 404, 405})


class _Labels(msgspec.Struct, frozen=True):
    id: str = ""
    version: str = ""


class _Bundle(msgspec.Struct, frozen=True):
    active_revision: str = ""


class _Status(msgspec.Struct, frozen=True):
    labels: _Labels = _Labels()
    bundles: dict[str, _Bundle] = {}


class _StatusAnswer(msgspec.Struct, frozen=True):
    result: _Status


class AddressedOpaClient(UnixOpaClient):
    """The same client, at an address of any kind."""

    def __init__(self, address: SplitResult, token: str, timeout_seconds: float) -> None:
        super().__init__(Path(address.path), token, timeout_seconds)
        self._over_unix = address.scheme == "unix"
        if not self._over_unix:
            self.schema = f"{address.scheme}://"
            self.host = address.hostname or ""
            self.port = address.port or (443 if address.scheme == "https" else 80)
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.root_url = f"{self.schema}{host}:{self.port}/{self.version}"

    def _new_connector(self) -> aiohttp.BaseConnector:
        return super()._new_connector() if self._over_unix else aiohttp.TCPConnector(limit=0)


class ExternalOpa:
    """Your OPA with one revision, as :class:`gateway.policy.client.Decider`.

    Args:
        settings: reads ``policy``.
        standing: the revision that it must have.
        name: only to tell two apart.
    """

    def __init__(self, settings: Settings, standing: Standing, name: str) -> None:
        self.standing, self.name = standing, name
        self.engine = ""
        self.remembered = Remembered(settings.policy.remember_seconds)
        self.in_force: tuple[str, ...] = ()
        self._url = settings.policy.url
        address, token = address_of(settings.policy.url), _token(settings)
        self._asker = AddressedOpaClient(address, token, settings.policy.deadline_seconds)
        self._other = AddressedOpaClient(address, token, PUSH_SECONDS)
        self._facts: Mapping[str, Any] | None = None
        self._looker: asyncio.Task[None] | None = None
        self._seen_at = float("-inf")
        self._wrong = ""  # the code to refuse with, when what was seen last is not what must be
        self._process = ""

    async def start(self) -> None:
        """Look at it for the first time.

        Raises:
            SetupError: it does not answer, or does not have the revision.
        """
        await self._asker.open()
        await self._other.open()
        await self._look()
        if self._code():
            wanted = self.standing.bundle.revision
            raise SetupError(f"The OPA at {self._url} {self._what()}.", f"Give it the bundle of revision {wanted}.")
        self._looker = asyncio.get_running_loop().create_task(self._keep_looking(), name="opa-looker")

    async def stop(self) -> None:
        if self._looker:
            self._looker.cancel()
            await asyncio.gather(self._looker, return_exceptions=True)
            self._looker = None
        self.in_force = ()
        for client in (self._asker, self._other):
            await client.close_connection()

    async def drain(self) -> None:
        """Nothing ends here but connections; a question has until the deadline."""
        await asyncio.sleep(self._asker.timeout)

    def ready(self) -> bool:
        return bool(self.in_force) and not self._code()

    async def push(self, facts: Mapping[str, Any]) -> None:
        """Give it the facts, where it lets us. Raises PolicyUnavailable when it does not answer."""
        self._facts = facts
        revision = revision_of(facts)
        self.in_force = (*self.in_force[-1:], revision)
        try:
            await self._other.push({**facts, "revision": revision})
        except aiohttp.ClientResponseError as error:
            if error.status not in _NOT_ALLOWED:
                raise PolicyUnavailable(retry_after_seconds=RETRY_AFTER_SECONDS) from error
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            raise PolicyUnavailable(retry_after_seconds=RETRY_AFTER_SECONDS) from error
        self.in_force = (revision,)

    async def ask(self, question: PolicyInput) -> bytes:
        """Return its answer, undecoded.

        Raises:
            Refused: ``policy.timeout``, ``policy.unavailable``, ``policy.bundle_unknown``.
        """
        code = self._code() or ("" if self.in_force else "policy.unavailable")
        if code:
            raise Refused(code)
        try:
            return await self._asker.ask(question)
        except TimeoutError:
            raise Refused("policy.timeout") from None
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError, AttributeError):
            # RuntimeError, AttributeError: the session was closed meanwhile; ValueError: it cannot be said in JSON
            raise Refused("policy.unavailable") from None

    # --- looking at it

    def _code(self) -> str:
        """Return why it is not to be asked, empty when it is."""
        return "policy.unavailable" if monotonic() - self._seen_at > STALE_SECONDS else self._wrong

    def _what(self) -> str:
        return _SEEN.get(self._code(), _NOT_SEEN)

    async def _keep_looking(self) -> None:
        told = self._what()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()
            if self._what() != told:
                told = self._what()
                level = logging.INFO if not self._code() else logging.WARNING
                _log.log(level, "the OPA at %s %s", self._url, told, extra={"revision": self.standing.bundle.revision})

    async def _look(self) -> None:
        """See whether it is there with the right policy; remembered decisions end when it is not."""
        began = monotonic()
        try:
            status = msgspec.json.decode(await self._other.status(), type=_StatusAnswer).result
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError, msgspec.DecodeError):
            return  # what was seen last goes stale
        has_it = self.standing.bundle.revision in {bundle.active_revision for bundle in status.bundles.values()}
        self._seen_at, self._wrong = began, "" if has_it else "policy.bundle_unknown"
        self.engine = f"external-opa/{status.labels.version or 'unknown'}"
        if self._wrong or status.labels.id != self._process:
            self.remembered.clear()
        if status.labels.id != self._process:
            self._process = status.labels.id
            if self._facts is not None:  # another process, which knows nothing yet
                with contextlib.suppress(PolicyUnavailable):
                    await self.push(self._facts)


async def seen(settings: Settings, standing: Standing) -> str:
    """Look at your OPA once; return what it calls itself, as in ``external-opa/1.22.2``.

    Raises:
        SetupError: as :meth:`ExternalOpa.start`, or what the settings say of it is wrong.
    """
    yours = ExternalOpa(settings, standing, "look")
    try:
        await yours.start()
        return yours.engine
    finally:
        await yours.stop()


def address_of(url: str) -> SplitResult:
    """Return the parts of ``policy.url``.

    Raises:
        SetupError: neither https, nor plain HTTP on this machine's loopback, nor a Unix socket.
    """
    try:
        address = urlsplit(url)
        host = address.hostname or ""
        plain = address.path in ("", "/") and not address.query and not address.username
        fit = {
            "unix": address.path.startswith("/") and not address.netloc,
            "https": plain and bool(host),
            "http": plain and _is_loopback(host),
        }.get(address.scheme, False)
        _ = address.port
    except ValueError:
        fit = False
    if not fit:
        mend = "Use http://127.0.0.1:PORT, https://HOST:PORT or unix:/path/to.sock."
        raise SetupError("policy.url is no address of an OPA that may be used.", mend, exit_code=2)
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(settings: Settings) -> str:
    name = settings.policy.token_file
    if not name:
        return ""
    try:
        return (settings.base / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError("policy.token_file cannot be read.", "Check its path and mode.", exit_code=2) from error
