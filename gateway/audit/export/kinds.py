"""Which forms there are, by the word that ``--format`` takes. A form is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.audit.export.forms import Form, Ways
from gateway.errors import SetupError

_FORMS = {
    "jsonl": ("forms", "JsonLines"),
    "csv": ("csv", "Csv"),
    "parquet": ("parquet", "Parquet"),
    "ocsf": ("ocsf", "Ocsf"),
    "cef": ("cef", "Cef"),
    "syslog": ("syslog", "Syslog"),
}

NAMES = tuple(_FORMS)


def form_of(name: str) -> Callable[[Path, Ways, Mapping[str, Any]], Form]:
    """Return what opens a form. Raises SetupError when there is none of that name."""
    if name not in _FORMS:
        raise SetupError(f"There is no export format {name}.", f"Use one of: {', '.join(NAMES)}.", exit_code=2)
    module, opener = _FORMS[name]
    made: Callable[[Path, Ways, Mapping[str, Any]], Form] = getattr(import_module(f"{__package__}.{module}"), opener)
    return made
