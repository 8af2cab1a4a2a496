"""The OPA process: started, watched, started again.

It listens on a Unix socket in ``run_dir`` and nowhere else, with its API closed by tokens that are new at every start
(:mod:`gateway.policy.opa.access`). It verifies the bundle's signature and ends at once where there is none that fits;
nobody is let in before its API is closed. It has no environment, prints errors only and never an input, leaves no core
file, and dies with the gateway. When it ends, or is frozen, or cannot be reached any more, it is killed and started
again: at once the first time, then later and later.

Where the program has ``opa decide`` (``engine/main.go``) that is what runs, else ``opa run --server``, which gets its
API's policy as a bundle of its own by its configuration. Both have the same five calls and decide the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import aiohttp

from gateway.errors import PolicyUnavailable, SetupError
from gateway.policy.life.build import ALGORITHM, CAPABILITIES, SCOPE, Bundle, VerifyingKey
from gateway.policy.opa.access import Access, write_authz
from gateway.policy.opa.health import Health, scheduled
from gateway.policy.opa.program import Opa
from gateway.policy.opa.session import UnixOpaClient

START_SECONDS = 15.0
HEALTH_INTERVAL_SECONDS = 0.25
HEALTH_HURRY_SECONDS = 0.05
HEALTH_TIMEOUT_SECONDS = 0.5
BACK_OFF_SECONDS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 10.0
SOCKET_BYTES = 100
_LAUNCH = Path(__file__).with_name("launch.py")

OnUp = Callable[[Access], Awaitable[None]]
OnDown = Callable[[], Awaitable[None]]


class OpaProcess:
    """One supervised ``opa decide``, or ``opa run --server``.

    Args:
        opa: the program.
        bundle: what it decides by.
        run_dir: folder for its socket, token hashes and error log; made 0700.
        on_up: awaited each time a fresh OPA is healthy, with the access to it; if it raises, OPA is started again.
        on_down: awaited as soon as OPA is known to be gone, before another is started.
        name: what its files in ``run_dir`` are called; two that run at once have two names.
    """

    def __init__(
        self, opa: Opa, bundle: Bundle, run_dir: Path, on_up: OnUp, on_down: OnDown, *, name: str = "opa"
    ) -> None:
        self.name = name
        self._opa = opa
        self._bundle = bundle
        self._run_dir = run_dir
        self._on_up = on_up
        self._on_down = on_down
        self._process: asyncio.subprocess.Process | None = None
        self._watch: UnixOpaClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.starts = 0

    @property
    def socket(self) -> Path:
        return self._run_dir / f"{self.name}.sock"

    @property
    def log(self) -> Path:
        """What OPA says on standard error: start-up faults and internal errors, never an input."""
        return self._run_dir / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start OPA and its keeper; returns when ``on_up`` has.

        Raises:
            SetupError: the socket's path is too long, or OPA did not come up; quotes the last line of its log.
        """
        if len(os.fsencode(self.socket)) >= SOCKET_BYTES:
            problem = f"The socket path {self.socket} is too long."
            raise SetupError(problem, "Set run_dir to a shorter path.", exit_code=2)
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_dir.chmod(0o700)
        self.log.unlink(missing_ok=True)
        try:
            await self._up()
        except BaseException:
            await self._down()
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="opa-keeper")

    async def stop(self) -> None:
        """End OPA and its keeper. Safe to call twice, or without a start."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        await self._down()
        self.socket.unlink(missing_ok=True)

    # --- one run of OPA

    async def _up(self) -> None:
        access = Access(self.socket)
        authz = self._run_dir / f"{self.name}-authz"
        write_authz(access, authz)
        self.socket.unlink(missing_ok=True)
        self._process = await self._spawn(self._command(authz))
        self.starts += 1
        self._watch = UnixOpaClient(self.socket, access.watch, HEALTH_TIMEOUT_SECONDS, keep_alive=False)
        await self._watch.open()
        await self._healthy()
        await self._on_up(access)

    def _command(self, authz: Path) -> tuple[str, ...]:
        bundle = ("--bundle", str(self._bundle.path), *self._verification())
        if self._opa.decides:
            tokens = ("--socket", str(self.socket), "--tokens", str(authz / "data.json"))
            return (str(self._opa.path), "decide", *tokens, "--capabilities", str(CAPABILITIES), *bundle)
        return (
            *(str(self._opa.path), "run", "--server", "--addr", f"unix://{self.socket}"),
            *("--unix-socket-perm", "600", "--authentication=token", "--authorization=basic"),
            *("--disable-telemetry", "--log-level", "error", "--optimize-store-for-read-speed"),
            *("--shutdown-grace-period", "1", "--config-file", str(self._configuration(authz)), *bundle),
        )

    def _configuration(self, authz: Path) -> Path:
        """Write OPA's configuration. Without ``prometheus`` its ``/v1/status`` is 500."""
        path = self._run_dir / f"{self.name}-config.json"
        bundles = {"authz": {"resource": f"file://{quote(str(authz))}"}}
        path.write_text(json.dumps({"bundles": bundles, "status": {"prometheus": True}}), encoding="utf-8")
        return path

    def _verification(self) -> tuple[str, ...]:
        key: VerifyingKey | None = self._bundle.key
        if key is None:  # no revision: a bundle that is only being checked
            return ()
        path = self._run_dir / f"{self.name}-key.pem"
        path.write_text(key.pem, encoding="ascii")
        options = ("--verification-key", str(path), "--verification-key-id", key.id)
        return (*options, "--signing-alg", ALGORITHM, "--scope", SCOPE)

    async def _spawn(self, command: tuple[str, ...]) -> asyncio.subprocess.Process:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=_environment(),
                cwd=self._run_dir,
            )
        finally:
            os.close(descriptor)

    async def _healthy(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if self._process and self._process.returncode is not None:
                        problem = f"OPA ended at once with status {self._process.returncode}: {self._last_words()}"
                        raise SetupError(problem, "Run: sekisho doctor")
                    await asyncio.sleep(0.005)
        except TimeoutError as error:
            raise SetupError(f"OPA did not answer: {self._last_words()}", "Run: sekisho doctor") from error

    async def _answers(self) -> bool:
        return bool(self._watch and await self._watch.check_health())

    async def _down(self) -> None:
        await self._on_down()
        if self._watch:
            await self._watch.close_connection()
            self._watch = None
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()  # it keeps nothing: there is nothing to end in order
            await self._process.wait()
            self._process = None

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:300] if lines else "no reason given."

    # --- keeping it

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._until_gone()
            if asyncio.get_running_loop().time() - began >= STEADY_SECONDS:
                failures = 0
            while not await self._again(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]):
                failures += 1
            failures += 1

    async def _until_gone(self) -> None:
        """Return when OPA has ended, or is to be ended because it no longer answers."""
        health = Health(asyncio.get_running_loop().time)
        while not health.lost and self._process and self._watch:
            if await self._ended(HEALTH_INTERVAL_SECONDS if health.well else HEALTH_HURRY_SECONDS):
                return
            try:
                health.asking(scheduled(self._process.pid))
                await self._watch.ping()
                health.answered()
            except TimeoutError:
                health.late(scheduled(self._process.pid))
            except (aiohttp.ClientError, OSError):
                health.refused()

    async def _ended(self, within_seconds: float) -> bool:
        assert self._process  # noqa: S101  for the type checker; the caller looked
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._process.wait()
                return True
        return False

    async def _again(self, pause_seconds: float) -> bool:
        await self._down()
        await asyncio.sleep(pause_seconds)
        try:
            await self._up()
        except (SetupError, PolicyUnavailable, OSError, TimeoutError):
            return False
        return True


def _environment() -> dict[str, str]:
    """Nothing of ours. At most four threads: decisions are short, and the engine wants the cores."""
    return {"GOMAXPROCS": str(max(2, min(4, os.cpu_count() or 2))), "GOGC": "400", "HOME": "/nonexistent"}
