"""An OPA of one's own, for questions that decide nothing: what a policy says, said, or would say.

It has any bundle and any facts, listens in a folder that is made for it and gone with it, lets in one token, gives way
to others on the machine, and is not started again when it ends. Bundles are not verified here: a revision was when it
was opened, and nothing is sent anywhere for what this OPA says.

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
import tempfile
from collections.abc import Awaitable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import aiohttp
import msgspec

from gateway.domain import PolicyInput
from gateway.errors import SetupError
from gateway.policy.answer import Answer, read_answer
from gateway.policy.facts import revision_of
from gateway.policy.opa.access import Access, write_authz
from gateway.policy.opa.program import Opa
from gateway.policy.opa.session import UnixOpaClient

START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
NICE = 10
_LAUNCH = Path(__file__).parent.with_name("opa") / "launch.py"
_AUTHZ = """package system.authz

default allow := false

allow if crypto.sha256(input.identity) == data.system.authz.tokens.query
"""

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
        self._client: UnixOpaClient | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Start OPA. Raises SetupError with OPA's own last line when it does not come up."""
        self._folder = Path(tempfile.mkdtemp(prefix="sekisho-", dir="/tmp"))
        try:
            access = Access(self._folder / "opa.sock")
            write_authz(access, self._folder / "authz")
            (self._folder / "authz" / "authz.rego").write_text(_AUTHZ, encoding="utf-8")
            self._process = await self._spawn(access.socket)
            self._client = UnixOpaClient(access.socket, access.query, ANSWER_SECONDS)
            await self._client.open()
            await self._healthy(self._client)
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
        if self._client:
            await self._client.close_connection()
            self._client = None
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)

    async def push(self, facts: Mapping[str, Any]) -> str:
        """Replace the facts; return their revision once they are in force. Raises SetupError: OPA is gone."""
        revision = revision_of(facts)
        await self._said(self._open().push({**facts, "revision": revision}))
        self.facts = revision
        return revision

    async def ask(self, question: PolicyInput) -> Answer:
        """Return the decision under the facts pushed last, read as strictly as in service.

        Raises:
            Refused: the answer is no decision, or there are no facts yet.
            SetupError: OPA is gone.
        """
        facts = (self.facts,) if self.facts else ()
        return read_answer(await self._said(self._open().ask(question)), question, facts)

    async def internals(self, question: PolicyInput) -> dict[str, Any]:
        """Return every value of ``data.sekisho`` for the question: what rules said of places, what the table has.

        What these are called is the bundle's own affair: an older one may lack some.

        Raises:
            SetupError: OPA is gone.
        """
        raw = await self._said(self._open().query_rule(question, "sekisho"))
        return cast(dict[str, Any], msgspec.json.decode(raw).get("result", {}))

    # --- how

    def _open(self) -> UnixOpaClient:
        if self._client is None:
            raise _gone()
        return self._client

    async def _said(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            raise _gone() from error

    async def _spawn(self, socket: Path) -> asyncio.subprocess.Process:
        with (self._folder / "opa.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),
                *(str(self._opa.path), "run", "--server", "--addr", f"unix://{socket}"),
                *("--unix-socket-perm", "600", "--authentication=token", "--authorization=basic"),
                *("--disable-telemetry", "--log-level", "error", "--skip-verify"),
                *("--bundle", str(self._bundle), str(self._folder / "authz")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": "/nonexistent", "GOGC": "400"},
                cwd=self._folder,
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)  # before it has threads; they inherit it
        return process

    async def _healthy(self, client: UnixOpaClient) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await client.check_health():
                    if self._process and self._process.returncode is not None:
                        raise SetupError(f"OPA does not take {self._bundle}: {self._last_words()}", "Build it anew.")
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            raise SetupError(f"OPA did not answer: {self._last_words()}", "Run: sekisho doctor") from error

    def _last_words(self) -> str:
        lines = (self._folder / "opa.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "no reason given."


def _gone() -> SetupError:
    return SetupError("The OPA of this rehearsal ended or does not answer.", "Try again; see: sekisho doctor")
