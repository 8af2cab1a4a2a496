"""Which names mean which model: manifests, their aliases, and a site's own aliases over them. Keeps no file open.

Rules:

1. A manifest with an unknown or missing field, a malformed hash or an unknown capability is refused by file name.
2. A name or alias stands for one model. Two manifests that claim the same one are refused.
3. A site's alias wins over a manifest's alias, never over a model's name, and must lead to a known model.
4. An adapter names the model that it adapts, and claims neither capabilities nor a context of its own.

A site's aliases are one YAML mapping::

    gpt-4o-mini: smollm2-135m-instruct
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway.domain import Capability
from gateway.errors import SetupError
from gateway.registry.manifest import Manifest

MODELS_OWN = tuple(each for each in Capability if each is not Capability.TOKENIZE)
"""What a manifest may claim; to tokenise is the engine's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""A model's own name. No slash or colon: target ids are ``site/node/worker:model``."""

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIELDS = "Its fields are those of gateway/registry/manifest.py, no others."


def read_manifests(folder: Path) -> tuple[Manifest, ...]:
    """Return the manifests in ``folder/*.yaml``, sorted by name.

    Raises:
        SetupError: rules 1 and 2; the folder does not exist.
    """
    if not folder.is_dir():
        raise SetupError(f"There is no folder of model manifests at {folder}.", "Set models_dir in sekisho.yaml.")
    manifests = sorted(
        (parse_manifest(_read_yaml(path), str(path)) for path in sorted(folder.glob("*.yaml"))), key=lambda m: m.name
    )
    names_of(manifests)
    return tuple(manifests)


def names_of(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return every name and alias with the model it stands for.

    Raises:
        SetupError: rule 2.
    """
    names: dict[str, Manifest] = {}
    for manifest in manifests:
        for name in (manifest.name, *manifest.aliases):
            if name in names:
                problem = f"Both {names[name].name} and {manifest.name} claim the model name {name}."
                raise SetupError(problem, "Rename one of them in its manifest.")
            names[name] = manifest
    return names


def read_aliases(path: Path | None, models: Mapping[str, Manifest]) -> dict[str, str]:
    """Return a site's own aliases, alias to model name; empty where there is no file.

    Args:
        path: the file.
        models: the models by their own names (not aliases).

    Raises:
        SetupError: not a mapping of texts, or rule 3.
    """
    if path is None or not path.is_file():
        return {}
    try:
        aliases = msgspec.convert(_read_yaml(path) or {}, dict[str, str])
    except msgspec.ValidationError as error:
        raise SetupError(f"{path}: {error}.", "Each line is ALIAS: MODEL.") from error
    for alias, model in aliases.items():
        check_alias(alias, model, models, mend=f"Correct that line of {path}.")
    return aliases


def check_alias(alias: str, model: str, models: Mapping[str, Manifest], *, mend: str = "") -> None:
    """Return when ``alias`` may stand for ``model``.

    Raises:
        SetupError: rule 3, or an alias that is not 1 to 128 letters, digits and ``. _ : / -``; exit code 2.
    """
    if not _ALIAS.fullmatch(alias):
        raise SetupError("That alias is not a model name.", mend or "Use letters, digits and . _ : / -", exit_code=2)
    if alias in models:
        raise SetupError(f"{alias} is a model's own name.", mend or "Choose another alias.", exit_code=2)
    if model not in models:
        known = ", ".join(sorted(models)) or "none yet"
        raise SetupError(f"There is no model {model!r}.", mend or f"Models: {known}.", exit_code=2)


def parse_manifest(raw: Any, source: str) -> Manifest:
    """Return the manifest that plain data hold; ``source`` says in errors where they came from.

    Raises:
        SetupError: rule 1.
    """
    try:
        manifest = msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        raise SetupError(f"{source}: {error}.", _FIELDS) from error
    problem = _problem_of(manifest)
    if problem:
        raise SetupError(f"{source}: {problem}.", _FIELDS)
    return manifest


def _problem_of(manifest: Manifest) -> str:
    """Return what is wrong beyond types, or an empty text."""
    unknown = sorted(set(manifest.capabilities) - set(MODELS_OWN))
    checks = (
        (not _NAME.fullmatch(manifest.name), "`name` must be letters, digits and . _ -"),
        (not all(map(_ALIAS.fullmatch, manifest.aliases)), "`aliases` must be letters, digits and . _ : / -"),
        (not _SHA256.fullmatch(manifest.sha256), "`sha256` must be 64 lower-case hex digits"),  # also: a path of ours
        (manifest.size_bytes <= 0, "`size_bytes` must be above 0"),
        (bool(unknown), f"`capabilities` knows {', '.join(MODELS_OWN)} only"),
        (
            bool(manifest.chat_template_sha256) and not _SHA256.fullmatch(manifest.chat_template_sha256),
            "`chat_template_sha256` must be 64 lower-case hex digits",
        ),
        *_problems_of_kind(manifest),
    )
    return next((text for wrong, text in checks if wrong), "")


def _problems_of_kind(manifest: Manifest) -> tuple[tuple[bool, str], ...]:
    """Rule 4."""
    if manifest.kind == "adapter":
        return (
            (bool(manifest.capabilities), "`capabilities` of an adapter are its model's"),
            (manifest.context_tokens != 0, "`context_tokens` of an adapter are its model's"),
            (not _NAME.fullmatch(manifest.lineage.base), "`lineage.base` must name the model that it adapts"),
            (bool(manifest.aliases), "`aliases` cannot be an adapter's: it is called MODEL:ADAPTER"),
        )
    return (
        (manifest.context_tokens <= 0, "`context_tokens` must be above 0"),
        (not manifest.capabilities, "`capabilities` must not be empty"),
    )


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is not valid YAML.", "Check its indentation and quotes.") from error
    except OSError as error:
        raise SetupError(f"{path} cannot be read ({error.strerror}).", "Check its owner and mode.") from error
