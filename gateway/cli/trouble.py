"""Errors as the command line tells them: one line, what is wrong and the mend, and an exit code."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from typing import Any

from gateway.cli.session import ANSWERED_NO, COULD_NOT, USED_WRONGLY
from gateway.errors import PolicyDenied, SekishoError, SetupError


@dataclass(frozen=True)
class Trouble:
    """What to say. ``code`` is a stable code where there is one."""

    problem: str
    mend: str
    exit_code: int
    code: str = ""

    @property
    def line(self) -> str:
        """One line, without the white space that a message from elsewhere may have."""
        return " ".join(f"{self.problem} {self.mend}".split())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class ServerRefusal(Exception):
    """The running server said no: its status, stable code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(f"{code}: {message}")


def trouble_of(error: Exception) -> Trouble:
    """Return what to say of an error. Unexpected ones give type and place, never their text: it may quote data."""
    if isinstance(error, SetupError):
        return Trouble(error.problem, error.mend, error.exit_code)
    if isinstance(error, SekishoError):
        return of_refusal(error.code, error.message, error.status, denied=isinstance(error, PolicyDenied))
    if isinstance(error, ServerRefusal):
        return of_refusal(error.code, error.message, error.status)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "an unknown place"
    problem = f"Sekisho met an error of its own ({type(error).__name__} in {place})."
    return Trouble(problem, "Please report it; sekisho --debug COMMAND shows the traceback.", COULD_NOT)


def of_refusal(code: str, message: str, status: int, *, denied: bool = False) -> Trouble:
    """Return what to say of a refusal, whether it was raised here or came from a server."""
    wrongly = ANSWERED_NO if denied else USED_WRONGLY
    mend = "" if "sekisho " in message else f"More: sekisho doctor {code}"
    return Trouble(message, mend, wrongly if status < 500 else COULD_NOT, code)
