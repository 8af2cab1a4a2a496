"""``sekisho version``."""

from __future__ import annotations

import platform

import typer

import gateway
from gateway.cli.session import Session, command


def register(app: typer.Typer) -> None:
    command(app, "version", examples=["sekisho version --json"])(version)


def version(session: Session) -> None:
    """Show the version of Sekisho and of the Python it runs on."""
    data = {"sekisho": gateway.__version__, "python": platform.python_version(), "machine": platform.machine()}
    session.output.result(data, f"sekisho {data['sekisho']} (Python {data['python']}, {data['machine']})")
