"""A provider that does not speak OpenAI's API, behind the same door: litellm translates, in a process of its own.

litellm is in no environment of the gateway's: ``fleet.providers_python`` names the Python of one that has it. ::

    engine = ProviderEngine(wanted, base=settings.base, run_dir=settings.run, python="/opt/providers/bin/python")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from gateway.domain import Prompt
from gateway.engines.client import open_session
from gateway.engines.config import ProviderConfig
from gateway.engines.dialect import OpenAIDialect
from gateway.engines.openai_http import Exchange
from gateway.engines.remote import key_in
from gateway.engines.supervised import Supervised
from gateway.errors import SetupError
from gateway.settings import RemoteEngineSettings

OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env file
    "LITELLM_LOG": "ERROR",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "*",
}
"""The switches that litellm reads at its import. Its process has an environment of ours, so it finds no others."""

_START_SECONDS = 300.0  # its import alone takes five seconds of a processor, and on a loaded machine minutes


class ProviderEngine(Supervised):
    """One model of one provider. A :class:`gateway.engines.door.Engine`.

    Args:
        wanted: ``remote_model`` is litellm's name for it, ``provider/model``.
        base: the folder that relative paths in the settings start from.
        run_dir: folder for sockets.
        python: the interpreter of an environment with litellm.
        sandbox: as ``engine.sandbox``.
        on_change: called whenever :meth:`ready` may have changed.

    Raises:
        SetupError: no such interpreter, or a file that cannot be read.
    """

    _program = "gateway.engines.providers"

    def __init__(
        self,
        wanted: RemoteEngineSettings,
        *,
        base: Path,
        run_dir: Path,
        python: str,
        sandbox: Literal["required", "best-effort"] = "required",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(f"provider {wanted.name}", run_dir, _START_SECONDS, on_change)
        self._environment = {**OFFLINE, "TMPDIR": str(self._socket.parent)}
        self._wanted = wanted
        self._base = base
        self._sandbox = sandbox
        self._python = str(base / python)
        if not python or not Path(self._python).is_file():
            mend = "Set it to the Python of an environment made from offline-bundle/locks/providers.txt."
            raise SetupError("fleet.providers_python names no Python.", mend)
        self._api_key = key_in(base / wanted.api_key_file) if wanted.api_key_file else ""

    @property
    def slots(self) -> int:
        return self._wanted.slots

    @property
    def context_tokens(self) -> int:
        return self._wanted.context_tokens

    @property
    def device(self) -> str:
        return ""  # nobody can see from here what computes there

    async def start(self) -> None:
        """Begin to start it; it is ready once litellm is loaded. What is wrong there keeps no house from opening.

        Raises:
            SetupError: the socket's path would be too long.
        """
        self._prepare_folder()
        self._exchange = self._opened()
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    def _opened(self) -> Exchange:
        session = open_session(self._socket, self._secret, self._wanted.read_timeout_seconds)
        return Exchange(session, "http://engine", self._wanted.remote_model or self._wanted.model, OpenAIDialect())

    def _first_prompt(self) -> Prompt | None:
        return None  # a provider counts each prompt

    def _configuration(self, parent: int) -> ProviderConfig:
        wanted = self._wanted
        return ProviderConfig(
            parent=parent,
            remote_model=wanted.remote_model or wanted.model,
            url=wanted.url,
            api_key=self._api_key,
            socket=str(self._socket),
            secret=self._secret,
            read_timeout_seconds=wanted.read_timeout_seconds,
            sandbox=self._sandbox,
            ca=str(self._base / wanted.ca) if wanted.ca else "",
            certificate=str(self._base / wanted.certificate) if wanted.certificate else "",
        )
