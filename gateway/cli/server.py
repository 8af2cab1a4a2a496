"""The running server, as the command line sees it: JSON over its admin socket (see :mod:`gateway.http.admin`)."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from gateway.cli.trouble import ServerRefusal
from gateway.errors import SetupError

SOCKET_NAME = "admin.sock"
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 60.0


class Server:
    """A server that answers on its admin socket."""

    shown: ClassVar[str] = ""  # the key that every call shows; empty: none, as the machine's own user
    TRIAL_SECONDS = 900.0  # for what has several of opa's commands run, each within policy.command_seconds

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, route: str, query: Mapping[str, str] | None = None) -> Any:
        return self._call("GET", route, None, query=query)

    def post(self, route: str, body: object, *, seconds: float = _ANSWER_SECONDS) -> Any:
        """Return the answer. ``seconds``: how long to wait for what takes its time."""
        return self._call("POST", route, body, seconds)

    def put(self, route: str, body: object, *, seconds: float = _ANSWER_SECONDS) -> Any:
        """As :meth:`post`."""
        return self._call("PUT", route, body, seconds)

    def delete(self, route: str, body: object = None) -> Any:
        return self._call("DELETE", route, body)

    def _call(
        self,
        method: str,
        route: str,
        body: object,
        seconds: float = _ANSWER_SECONDS,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        connection = _UnixConnection(self._path, seconds)
        headers = {"x-sekisho-by": operator(), "content-type": "application/json"}
        if self.shown:
            headers["authorization"] = f"Bearer {self.shown}"
        content = None if body is None else json.dumps(body).encode()
        try:
            asked = f"/admin/v1/{quote(route)}" + (f"?{urlencode(query)}" if query else "")
            connection.request(method, asked, content, headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read()
            parsed = json.loads(raw)
        except (OSError, HTTPException, ValueError) as error:
            raise SetupError("The running server did not answer on its admin socket.", "See its log.") from error
        finally:
            connection.close()
        if status >= 400:
            detail = parsed["error"]
            raise ServerRefusal(status, detail["code"], detail["message"])
        return parsed


def running_server(run: Path) -> Server | None:
    """Return the server that listens in that run folder, ``None`` when there is none.

    Raises:
        SetupError: there is one, but this user may not talk to it.
    """
    path = run / SOCKET_NAME
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(str(path))
        except PermissionError as error:
            raise SetupError(f"You may not open {path}.", "Run this as the server's own user.") from error
        except OSError:
            return None
    return Server(path)


def act_with(key: str) -> None:
    """Let every call of this process show a key; empty: none."""
    Server.shown = key


def refuse_forbidden(run: Path, verb: str) -> None:
    """Return where the key that is shown may run that verb; without one, everybody who came so far may.

    Raises:
        ServerRefusal: its roles do not let it, or it is no key that works.
        SetupError: no server runs that could tell.
    """
    if not Server.shown:
        return
    server = running_server(run)
    if server is None:
        raise SetupError("No server runs here that could say what this key may.", "Start it: sekisho serve")
    server.post("roles/verbs", {"verb": verb})


def operator() -> str:
    """Return the name of the user at the keyboard, for the audit log."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
