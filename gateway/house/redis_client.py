"""The connection to Redis, as the settings say: TLS 1.2 and later, a password from a file, no retries of its own."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.errors import SetupError
from gateway.settings import RedisSettings, Settings


def client(settings: Settings) -> Redis:
    """Return a client; it connects when it is first asked. Raises SetupError: a file cannot be read."""
    said = settings.limits.redis
    common: dict[str, Any] = {
        "username": said.username or None,
        "password": _password(settings) or None,
        "socket_timeout": said.timeout_seconds,
        "retry": Retry(NoBackoff(), 0),  # the limits decide what follows from a failure
        "protocol": 2,
    }
    kind, where = _where(settings, said)
    return Redis.from_pool(ConnectionPool(connection_class=kind, **where, **common))


def _where(settings: Settings, said: RedisSettings) -> tuple[type[AbstractConnection], dict[str, Any]]:
    if said.url.startswith("unix:"):
        return UnixDomainSocketConnection, {"path": str(settings.base / said.url.removeprefix("unix:"))}
    parts = urlsplit(said.url)
    where: dict[str, Any] = {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 6379,
        "db": int(parts.path.strip("/") or 0),
        "socket_connect_timeout": said.timeout_seconds,
    }
    if parts.scheme != "rediss":
        return Connection, where
    files = {"ssl_ca_certs": said.ca, "ssl_certfile": said.certificate, "ssl_keyfile": said.certificate_key}
    where |= {name: str(settings.base / path) for name, path in files.items() if path}
    return SSLConnection, {**where, "ssl_min_version": ssl.TLSVersion.TLSv1_2, "ssl_check_hostname": True}


def _password(settings: Settings) -> str:
    named = settings.limits.redis.password_file
    if not named:
        return ""
    try:
        return (settings.base / named).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        mend = "Check limits.redis.password_file: its path, owner and mode."
        raise SetupError(f"The password file {named} for Redis cannot be read.", mend) from error
