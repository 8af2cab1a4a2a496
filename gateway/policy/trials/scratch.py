"""An OPA of one's own, for questions that decide nothing: what a policy says, said, or would say.

It is the engine that decides in service (``opa decide`` where the program has it, else ``opa run``), behind the same
three tokens. It has any bundle and any facts, listens in a folder that is made for it and gone with it, gives way to
others on the machine, and is not started again when it ends. Signatures of bundles are not looked at here: a revision
was verified when it was opened, and nothing is sent anywhere for what this OPA says.

Example::

    async with Rehearsal(find_opa(settings), bundle.path) as rehearsal:
        await rehearsal.push(facts)
        answer = await rehearsal.ask(question)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Awaitable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec

from gateway.domain import PolicyInput
from gateway.errors import SetupError
from gateway.policy.answer import Answer, read_answer
from gateway.policy.facts import revision_of
from gateway.policy.life.build import CAPABILITIES
from gateway.policy.opa.access import ROLES, Access, write_authz
from gateway.policy.opa.program import Opa
from gateway.policy.opa.session import UnixOpaClient

START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
NICE = 10
_LAUNCH = Path(__file__).parent.with_name("opa") / "launch.py"
_SIGNATURES = ".signatures.json"

T = TypeVar("T")


class Rehearsal:
    """One run of OPA. An asynchronous context manager; afterwards its process and its folder are gone.

    Args:
        opa: the program.
        bundle: what it answers by.
    """

    def __init__(self, opa: Opa, bundle: Path) -> None:
        self.engine = f"opa/{opa.version}"
        self.facts = ""  # the revision of those that were pushed last
        self._opa = opa
        self._bundle = bundle
        self._folder = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._clients: dict[str, UnixOpaClient] = {}  # by role

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Start OPA. Raises SetupError with OPA's own last line when it does not come up."""
        self._folder = Path(tempfile.mkdtemp(prefix="sekisho-", dir="/tmp"))
        try:
            access = Access(self._folder / "opa.sock")
            write_authz(access, self._folder / "authz")
            self._process = await self._spawn(await asyncio.to_thread(self._command, access.socket))
            for role in ROLES:
                self._clients[role] = UnixOpaClient(access.socket, getattr(access, role), ANSWER_SECONDS)
                await self._clients[role].open()
            await self._healthy()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End it. Safe to call twice."""
        for client in self._clients.values():
            await client.close_connection()
        self._clients = {}
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)

    async def push(self, facts: Mapping[str, Any], at: str = "") -> str:
        """Replace the facts; return their revision once they are in force.

        Args:
            at: RFC 3339 in UTC, a day of the questions to come: what the rules derive from the facts for that day is
                put beside them, as in service. Nothing hangs on it but time.

        Raises:
            SetupError: OPA is gone.
        """
        revision = revision_of(facts)
        derived = {"derived": await self._derived(facts, at)} if at else {}
        await self._said(self._client("push").push({**facts, **derived, "revision": revision}))
        self.facts = revision
        return revision

    async def ask(self, question: PolicyInput) -> Answer:
        """Return the decision under the facts pushed last, read as strictly as in service.

        Raises:
            Refused: the answer is no decision, or there are no facts yet.
            SetupError: OPA is gone.
        """
        facts = (self.facts,) if self.facts else ()
        return read_answer(await self._said(self._client("query").ask(question)), question, facts)

    # --- how

    def _client(self, role: str) -> UnixOpaClient:
        if role not in self._clients:
            raise _gone()
        return self._clients[role]

    async def _derived(self, facts: Mapping[str, Any], at: str) -> Mapping[str, Any]:
        """Return what the rules derive; nothing where they cannot: an older bundle has no such rule."""
        try:
            return await self._client("push").derive(facts, at)
        except (aiohttp.ClientResponseError, TimeoutError, msgspec.DecodeError):
            return {}
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise _gone() from error

    async def _said(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            raise _gone() from error

    def _command(self, socket: Path) -> tuple[str, ...]:
        authz, bundle = self._folder / "authz", str(self._bundle)
        if self._opa.decides:
            bundle = str(unsigned(self._bundle, self._folder / "bundle.tar.gz"))
            tokens = ("--socket", str(socket), "--tokens", str(authz / "data.json"))
            return ("decide", *tokens, "--capabilities", str(CAPABILITIES), "--bundle", bundle)
        return (
            *("run", "--server", "--addr", f"unix://{socket}", "--unix-socket-perm", "600"),
            *("--authentication=token", "--authorization=basic", "--disable-telemetry", "--log-level", "error"),
            *("--skip-verify", "--bundle", bundle, str(authz)),
        )

    async def _spawn(self, command: tuple[str, ...]) -> asyncio.subprocess.Process:
        with (self._folder / "opa.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(self._opa.path)),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": "/nonexistent", "GOGC": "400"},
                cwd=self._folder,
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)  # before it has threads; they inherit it
        return process

    async def _healthy(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._client("watch").check_health():
                    if self._process and self._process.returncode is not None:
                        raise SetupError(f"OPA does not take {self._bundle}: {self._last_words()}", "Build it anew.")
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            raise SetupError(f"OPA did not answer: {self._last_words()}", "Run: sekisho doctor") from error

    def _last_words(self) -> str:
        lines = (self._folder / "opa.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "no reason given."


def unsigned(bundle: Path, copy: Path) -> Path:
    """Write the bundle without its signature to ``copy``, and return that; itself, where it is no archive.

    ``opa decide`` refuses a signature that it was given no key for, and a bundle by itself does not tell whose it is.
    """
    try:
        with tarfile.open(bundle) as signed, tarfile.open(copy, "w:gz", compresslevel=1) as plain:
            for member in signed:
                if member.name.lstrip("/") != _SIGNATURES:
                    plain.addfile(member, signed.extractfile(member) if member.isfile() else None)
    except (OSError, tarfile.TarError, EOFError, zlib.error):
        return bundle  # OPA says in its own words what is wrong with it
    return copy


def _gone() -> SetupError:
    return SetupError("The OPA of this rehearsal ended or does not answer.", "Try again; see: sekisho doctor")
