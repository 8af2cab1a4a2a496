"""The log says what happened and where, and never a text that could be somebody's prompt."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.errors import EngineUnavailable
from gateway.telemetry import log as room

CANARY = "anna@example.org 4111-1111"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure the log onto a buffer, give back what was there, and read the lines written so far."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, room.threading.excepthook, sys.unraisablehook)
    stream = io.StringIO()
    room.configure(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    logging.getLogger("uvicorn.access").disabled = False
    for name in room.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    sys.excepthook, room.threading.excepthook, sys.unraisablehook = before[2:]


@pytest.mark.parametrize("name", ["gateway.fleet", "sekisho.http", "sekisho"])
def test_our_line_has_time_level_logger_message_and_fields(lines: Any, name: str) -> None:
    logging.getLogger(name).info("slot %d freed", 3, extra={"target": "s/n/w:m", "seconds": 1.5})

    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": name,
        "message": "slot 3 freed",
        "target": "s/n/w:m",
        "seconds": 1.5,
    }


def test_a_line_carries_the_request_it_belongs_to(lines: Any) -> None:
    token = room.request_id.set("01REQUEST")
    logging.getLogger("gateway").info("x")
    room.request_id.reset(token)

    assert lines()[0]["request_id"] == "01REQUEST"


def test_an_exception_is_told_by_type_code_causes_and_place(lines: Any) -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise EngineUnavailable(CANARY, code="engine.crashed") from error
    except EngineUnavailable:
        logging.getLogger("gateway.engines").exception("engine failed")

    (line,) = lines()
    assert line["error"]["type"] == "EngineUnavailable"
    assert line["error"]["code"] == "engine.crashed"
    assert line["error"]["causes"] == ["ValueError"]
    assert line["error"]["where"][0].startswith("telemetry/test_telemetry_log.py:")
    assert CANARY not in json.dumps(line)


def foreign_template() -> None:
    logging.getLogger("some-library").warning("found %s in text", CANARY)


def foreign_ready_made() -> None:
    logging.getLogger("aiohttp.client").error(f"bad body {CANARY}")


def foreign_exception() -> None:
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")


def foreign_object() -> None:
    logging.getLogger("spacy").error({"text": CANARY})


def own_exception_as_argument() -> None:
    logging.getLogger("gateway").error("failed: %s", ValueError(CANARY))


def own_object() -> None:
    logging.getLogger("gateway").error("failed", extra={"cause": ValueError(CANARY)})


def python_warning() -> None:
    warnings.warn(CANARY, UserWarning, stacklevel=1)


def uncaught() -> None:
    sys.excepthook(ValueError, ValueError(CANARY), None)


@pytest.mark.parametrize(
    "speak",
    [
        foreign_template,
        foreign_ready_made,
        foreign_exception,
        foreign_object,
        own_exception_as_argument,
        own_object,
        python_warning,
        uncaught,
    ],
)
@pytest.mark.filterwarnings("default")
def test_no_way_of_logging_shows_a_value(lines: Any, speak: Callable[[], None]) -> None:
    speak()

    written = lines()
    assert len(written) == 1
    assert CANARY not in json.dumps(written)


def test_a_message_that_cannot_be_formatted_prints_nothing(lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("gateway").info("%d things", CANARY)

    assert CANARY not in capsys.readouterr().err
    assert lines() == []


def test_a_foreign_template_and_the_servers_own_words_are_shown(lines: Any) -> None:
    foreign_template()
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    assert [line["message"] for line in lines()] == ["found %s in text", "Invalid HTTP request received."]


def test_a_name_that_only_begins_like_ours_is_foreign(lines: Any) -> None:
    logging.getLogger("gatewayed").error(CANARY)

    assert CANARY not in lines()[0]["message"]


def test_foreign_chatter_and_access_lines_are_not_written(lines: Any) -> None:
    logging.getLogger("aiohttp").info("chatter")
    logging.getLogger("uvicorn.access").error("GET /?secret=1")

    assert lines() == []


@pytest.mark.real
def test_a_process_that_dies_says_why_in_one_line_without_the_text() -> None:
    script = f"from gateway.telemetry.log import configure; configure(); raise ValueError({CANARY!r})"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert json.loads(ended.stderr)["error"]["type"] == "ValueError"
    assert CANARY not in ended.stderr
