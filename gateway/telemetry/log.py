"""Structured logging: one JSON object a line on standard error, and never a text that could hold somebody's prompt.

Rules:

1. Our own messages (loggers under ``sekisho`` and ``gateway``) are shown with their fields: texts, ids, counts, names.
2. A foreign library's message is shown as its template, arguments not filled in; without arguments it may have been
   formatted already and is left out, unless the logger is known to speak of the server only (:data:`PLAIN_SPEAKERS`).
3. An exception is shown as its type, its stable code if it is ours, the types of its causes, and where it was raised.
   Never ``str(exc)``, never a source line, never a local value.
4. Every line carries the id of the request it belongs to, where there is one.

Example::

    configure()
    request_id.set("01JD…")
    log.warning("engine restarts", extra={"target": target.id, "after_seconds": 1.5})
    # {"time":"2026-01-01T00:00:00.000Z","level":"warning","logger":"gateway.engines","message":"engine restarts",
    #  "request_id":"01JD…","target":"site/node/w0:tiny","after_seconds":1.5}
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

import orjson

from gateway.errors import SekishoError, SetupError

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that the running task works for; set where it comes in."""

OURS = ("sekisho", "gateway")
"""The roots of our own loggers: by word (``sekisho.http``) or by module (``gateway.http.api``)."""

PLAIN_SPEAKERS = ("uvicorn", "uvicorn.error")
"""Loggers whose ready-made messages speak of addresses, protocol errors and start-up only."""

UVICORN_OPTIONS: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
"""For :class:`uvicorn.Config`: its log goes through ours, and there is no access log (the audit log is the book)."""

MAX_FRAMES = 12

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_Exc = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Make this the process's only log, and the way in which uncaught exceptions are told. Call once, at start.

    Args:
        stream: where lines go; standard error by default.
        level: lowest level of our own loggers; foreign ones start at ``WARNING``.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # it would print the arguments of a message that cannot be formatted
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


class JsonLines(logging.Formatter):
    """Turns a record into one line of JSON under the rules above."""

    def format(self, record: logging.LogRecord) -> str:
        own = record.name.partition(".")[0] in OURS
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _own_message(record) if own else _foreign_message(record),
        }
        if current := request_id.get():
            line["request_id"] = current
        if own:
            line |= _fields(record)
        if record.exc_info:
            line["error"] = describe(record.exc_info)
        return orjson.dumps(line, default=_type_name).decode()


def describe(exc_info: _Exc) -> dict[str, Any]:
    """Return what may be said of an exception (rule 3). ``where`` is the innermost :data:`MAX_FRAMES` places."""
    _, error, trace = exc_info
    if error is None:
        return {}
    told: dict[str, Any] = {"type": type(error).__qualname__}
    if isinstance(error, SekishoError):
        told["code"] = error.code
    if isinstance(error, SetupError):
        told["problem"], told["mend"] = error.problem, error.mend
    if causes := _causes(error):
        told["causes"] = causes
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)][-MAX_FRAMES:]
    told["where"] = [f"{_short(code.co_filename)}:{line} {code.co_name}" for code, line in frames]
    return told


def _own_message(record: logging.LogRecord) -> str:
    """Fill in the arguments; of an exception among them only its type."""
    if not isinstance(record.args, tuple) or not record.args:
        return str(record.msg) if isinstance(record.msg, str) else _type_name(record.msg)
    args = tuple(_type_name(arg) if isinstance(arg, BaseException) else arg for arg in record.args)
    return str(record.msg) % args


def _foreign_message(record: logging.LogRecord) -> str:
    """Rule 2."""
    if isinstance(record.msg, str) and (record.args or record.name in PLAIN_SPEAKERS):
        return record.msg
    return f"(left out: {_short(record.pathname)}:{record.lineno})"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _causes(error: BaseException) -> list[str]:
    """Return the types behind an error, nearest first; of a group, those inside it."""
    if isinstance(error, BaseExceptionGroup):
        return [_type_name(inner) for inner in error.exceptions][:MAX_FRAMES]
    causes: list[str] = []
    seen = error
    while (cause := seen.__cause__ or seen.__context__) is not None and len(causes) < MAX_FRAMES:
        causes.append(_type_name(cause))
        seen = cause
    return causes


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt):
        return
    logging.getLogger(OURS[0]).critical("uncaught exception", exc_info=(kind, error, trace))


def _short(path: str) -> str:
    """Return the last two parts of a path: enough to find the line, nothing of the machine's folders."""
    return "/".join(PurePath(path).parts[-2:])


def _type_name(value: object) -> str:
    return type(value).__qualname__


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
