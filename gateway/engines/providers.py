"""litellm in a process of its own: ``python -m gateway.engines.providers CONFIG_FD STATUS_FD``.

It speaks for one model of one provider, in OpenAI's words, on one Unix socket, to the holder of the secret. litellm
does the translation and nothing else. What it would do by itself (retries, fallbacks, callbacks, caches, telemetry,
fetching prices, tokenizers and news) is off: some of it by the environment that its parent gives it, the rest before
the first call. No text of a provider's error goes further than this process: an answer other than 200 has a type and a
code.

Files are locked as for every engine; the network is not, for the provider is there. It dies with its parent.
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.engines import landlock, sandbox
from gateway.engines.config import ProviderConfig, Status

_MAX_BODY_BYTES = 64 * 1024 * 1024
_CONTEXT = "context_length_exceeded"
_NO_PARAMETERS = frozenset({"model", "id_slot", "cache_prompt", "lora"})


def _quiet(library: Any, config: ProviderConfig) -> None:
    """Switch off all that litellm would do beside the one call."""
    library.telemetry = False
    library.suppress_debug_info = library.turn_off_message_logging = True
    library.callbacks, library.input_callback = [], []
    library.success_callback, library.failure_callback = [], []
    library._async_success_callback, library._async_failure_callback = [], []
    library.num_retries = library.num_retries_per_request = 0
    library.default_fallbacks = library.fallbacks = library.context_window_fallbacks = None
    library.cache = None
    library.drop_params = library.modify_params = False  # what a provider cannot do is refused, not left out
    library.disable_hf_tokenizer_download = library.disable_token_counter = True
    library.disable_aiohttp_trust_env = True
    if config.ca:
        library.ssl_verify = config.ca
    if config.certificate:
        library.ssl_certificate = config.certificate


def _error(status: int, kind: str, code: str = "") -> web.Response:
    return web.json_response({"error": {"type": kind, "code": code, "message": ""}}, status=status)


def _refused(library: Any, error: Exception) -> web.Response:
    """Return what a failure is in OpenAI's words, by its type."""
    if isinstance(error, library.ContextWindowExceededError):
        return _error(400, "invalid_request_error", _CONTEXT)
    if isinstance(error, library.BadRequestError | library.UnprocessableEntityError):
        return _error(400, "invalid_request_error")
    status = getattr(error, "status_code", 502)
    return _error(status if isinstance(status, int) and 500 <= status < 600 else 502, "server_error")


class Translator:
    """The handlers. One model, of one provider."""

    def __init__(self, library: Any, config: ProviderConfig) -> None:
        self._library = library
        self._config = config
        self._common = {
            "model": config.remote_model,
            "api_key": config.api_key or None,
            "api_base": config.url or None,
            "timeout": config.read_timeout_seconds,
            "num_retries": 0,
            "max_retries": 0,
        }

    def application(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[self._known])
        calls = self._library
        app.router.add_post("/v1/chat/completions", self._serving(calls.acompletion))
        app.router.add_post("/v1/completions", self._serving(calls.atext_completion))
        app.router.add_post("/v1/embeddings", self._serving(calls.aembedding))
        app.router.add_post("/v1/rerank", self._serving(calls.arerank))
        return app

    @web.middleware
    async def _known(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let in who has the secret."""
        wanted = f"Bearer {self._config.secret}".encode()
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted):
            return _error(401, "authentication_error")
        return await handler(request)

    def _serving(self, call: Callable[..., Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = {name: value for name, value in (await request.json()).items() if name not in _NO_PARAMETERS}
            try:
                answer = await call(**body, **self._common)
            except Exception as error:  # the process's outermost edge: litellm raises what it likes
                return _refused(self._library, error)
            if body.get("stream"):
                return await self._stream(request, answer)
            return web.Response(body=_json_of(answer), content_type="application/json")

        return handle

    async def _stream(self, request: web.Request, answer: AsyncIterator[Any]) -> web.StreamResponse:
        """Write the events. An answer that breaks off ends without ``[DONE]``."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            async for chunk in answer:
                await response.write(b"data: " + _event_of(chunk) + b"\n\n")
        except Exception:  # as above; the reader sees that the end is missing
            return response
        await response.write(b"data: [DONE]\n\n")
        return response


def _plain(answer: Any) -> dict[str, Any]:
    return dict(answer.model_dump(exclude_none=True) if hasattr(answer, "model_dump") else answer)


def _json_of(answer: Any) -> bytes:
    """Return an answer of litellm's as JSON, in OpenAI's form."""
    return json.dumps(_plain(answer), ensure_ascii=False, default=str).encode()


def _event_of(chunk: Any) -> bytes:
    """Return a part of an answer. With the usage, litellm sends a choice that says nothing, after its end."""
    plain = _plain(chunk)
    plain["choices"] = [each for each in plain["choices"] if each.get("delta") or each.get("finish_reason")]
    return _json_of(plain)


def lock_in(config: ProviderConfig) -> dict[str, str]:
    """Take the locks that leave the network open: files, privileges, core files."""
    rules = [
        *((Path(file).resolve(), landlock.READ) for file in (config.ca, config.certificate) if file),
        *((Path(file), landlock.READ) for file in sandbox.NETWORK_FACTS),
        (Path(config.socket).parent.resolve(), landlock.SCRATCH),  # its import looks for a place to write
    ]
    locks = sandbox.lock_in_files(rules)
    sandbox.die_with(config.parent)
    return locks


def _tell(descriptor: int, status: Status) -> None:
    os.write(descriptor, msgspec.json.encode(status) + b"\n")


async def _serve(config: ProviderConfig, status: int, library: Any) -> None:
    runner = web.AppRunner(
        Translator(library, config).application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
    )
    await runner.setup()
    await web.UnixSite(runner, config.socket).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    _tell(status, Status("listening", build=f"litellm/{metadata.version('litellm')}"))
    await ended.wait()


def run(config: ProviderConfig, status: int) -> int:
    """Lock in, serve until SIGTERM; return an exit code if that cannot be."""
    locks = lock_in(config)
    if config.sandbox == "required" and not locks["landlock"].startswith("on"):
        _tell(status, Status("refused", locks, "Without Landlock litellm could read keys and log."))
        return 3
    _tell(status, Status("locked", locks))
    try:
        litellm = importlib.import_module("litellm")  # only ever here, inside the locks, with its switches set
    except ImportError:
        _tell(status, Status("failed", problem="litellm is not installed there."))
        return 4
    _quiet(litellm, config)
    asyncio.run(_serve(config, status, litellm))
    return 0


def main() -> int:
    config_fd, status_fd = (int(word) for word in sys.argv[1:3])
    os.set_inheritable(status_fd, False)
    with os.fdopen(config_fd, "rb") as pipe:
        config = msgspec.json.decode(pipe.read(), type=ProviderConfig)
    return run(config, status_fd)


if __name__ == "__main__":
    sys.exit(main())
