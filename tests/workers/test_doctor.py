"""What doctor says of several workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from redis_server import RedisServer

from gateway.cli.checks_workers import workers
from gateway.errors import SetupError
from gateway.settings import EngineSettings, LimitSettings, RedisSettings, ServerSettings, Settings


def settings(redis: str, count: int = 2) -> Settings:
    return Settings(
        server=ServerSettings(workers=count),
        engine=EngineSettings(kind="openai-http", url="http://127.0.0.1:1", slots=200),
        limits=LimitSettings(redis=RedisSettings(url=redis, timeout_seconds=5.0)),
    )


def test_one_worker_needs_nothing() -> None:
    assert workers(Settings()).state == "ok"


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(SetupError, match=r"limits\.redis\.url"):
        workers(settings(""))


@pytest.mark.real
def test_a_redis_that_answers_is_well_and_one_that_does_not_is_not(short_dir: Path) -> None:
    server = RedisServer(short_dir)
    fit = settings(f"unix:{server.socket}", 1)
    assert workers(fit).state == "fails"
    server.start()
    try:
        assert workers(fit).state == "ok"
        assert workers(replace(fit, server=ServerSettings(workers=200))).state == "warning"
    finally:
        server.stop()
