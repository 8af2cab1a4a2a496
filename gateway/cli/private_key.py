"""A person's own private key, opened at the command line. It never leaves the command that uses it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def unlocked(path: Path) -> Ed25519PrivateKey:
    """Return the key in a file, asking for its passphrase where it has one. Raises SetupError."""
    from gateway.policy.life.signers import needs_passphrase, read_private

    return read_private(path, ask_passphrase(path) if needs_passphrase(path) else "")


def ask_passphrase(path: Path, *, new: bool = False) -> str:
    """Return a passphrase from the terminal, twice when it is new, or from standard input. Raises SetupError."""
    if not sys.stdin.isatty():
        passphrase = sys.stdin.readline().rstrip("\n")
        if not passphrase:
            mend = "Give it on standard input, or run this at a terminal."
            raise SetupError(f"A passphrase for {path} is needed.", mend, exit_code=USED_WRONGLY)
        return passphrase
    return str(typer.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=new, err=True))
