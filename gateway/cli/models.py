"""``sekisho models``: which models there are, and whether their bytes are the right ones."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.registry.gguf import Header
    from gateway.registry.manifest import Manifest
    from gateway.registry.store import ContentStore
    from gateway.settings import Settings

app = group("models", "Show, add, alias and verify models.")

_COLUMNS = ("name", "aliases", "quantisation", "size", "context", "licence", "in store", "served")
_QUANTISATION = re.compile(r"(?i)\b(I?Q[0-9]_[A-Z0-9_]+|BF16|F16|F32)\b")

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Name or alias.")]


def shelf(settings: Settings) -> ContentStore:
    """Return the registry of this installation, as the server opens it."""
    from gateway.registry.store import ContentStore

    aliases, own = settings.state / "aliases.yaml", settings.state / "models"
    return ContentStore(settings.manifests, settings.store, aliases, own)


@command(app, "list", examples=["sekisho models list", "sekisho models list --json"])
def list_models(session: Session) -> None:
    """List known models."""
    served = session.settings.engine.model
    models = shelf(session.settings).describe()
    data = [{**model, "served": model["name"] == served} for model in models]
    session.output.table("Models", _COLUMNS, [_row(model) for model in data], {"data": data}, "No model is known.")


@command(app, "show", examples=["sekisho models show smollm2-135m-instruct"])
def show(session: Session, model: ModelName) -> None:
    """Show all that is known of a model."""
    store = shelf(session.settings)
    name = _known(store, model).name
    (described,) = [entry for entry in store.describe() if entry["name"] == name]
    rows = [(key.replace("_", " "), _cell(value)) for key, value in described.items()]
    session.output.table(name, ("field", "value"), rows, described)


@command(
    app,
    "add",
    examples=["sekisho models add model.gguf --licence Apache-2.0", "sekisho models add model.gguf --name house-model"],
)
def add(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A GGUF file.")],
    name: Annotated[str, typer.Option(help="What to call it; else made from the file's name.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX identifier; needed when the file does not say it.")] = "",
    alias: Annotated[list[str] | None, typer.Option(help="Another name; may be given more than once.")] = None,
    origin: Annotated[str, typer.Option(help="Where the file came from, for the record.")] = "",
) -> None:
    """Put a model file into the store and make it known.

    A file that a manifest describes is checked against it. For another one a manifest is written, from the file's own
    header and these options.
    """
    from gateway.cli.changes import changes

    store = shelf(session.settings)
    with session.output.progress(f"Reading {file.name}"):
        digest = _sha256(file)
    manifest = next((known for known in store.manifests() if known.sha256 == digest), None)
    is_new = manifest is None
    if manifest is None:
        manifest = _manifest(file, digest, {"name": name, "licence": licence, "origin": origin}, tuple(alias or ()))
    with session.output.progress(f"Copying {file.name} into the store"):
        store.add(file, manifest)
    if is_new:
        with changes(session.settings) as to_make:
            to_make.register_model(_plain(manifest))
    hint = f"To serve it: set engine.model to {manifest.name} in sekisho.yaml, and start sekisho serve again."
    session.output.result({**_plain(manifest), "new": is_new}, f"Added {manifest.name}.", hint)


@command(app, "alias", examples=["sekisho models alias gpt-4o-mini smollm2-135m-instruct"])
def alias(
    session: Session, alias: Annotated[str, typer.Argument(help="What callers will say.")], model: ModelName
) -> None:
    """Let another name stand for a model, at once."""
    from gateway.cli.changes import changes

    name = _known(shelf(session.settings), model).name
    with changes(session.settings) as to_make:
        to_make.set_alias(alias, name)
    session.output.result({"alias": alias, "model": name}, f"{alias} now stands for {name}.")


@command(app, "verify", examples=["sekisho models verify", "sekisho models verify smollm2-135m-instruct --json"])
def verify(session: Session, model: Annotated[str, typer.Argument(metavar="[MODEL]", help="Else all.")] = "") -> None:
    """Hash model files and compare them with their manifests. Leaves with 1 when one is not right."""
    store = shelf(session.settings)
    names = [_known(store, model).name] if model else [manifest.name for manifest in store.manifests()]
    with session.output.progress("Hashing"):
        checks = [store.verify(name) for name in names]
    rows = [(check.manifest.name, check.status, str(check.path)) for check in checks]
    data = [{"model": name, "status": status, "path": path} for name, status, path in rows]
    session.output.table("Model files", ("model", "status", "file"), rows, {"data": data}, "No model is known.")
    if any(check.status != "ok" for check in checks):
        raise typer.Exit(ANSWERED_NO)


def _known(store: ContentStore, name: str) -> Manifest:
    manifest = store.find(name)
    if manifest is None:
        known = ", ".join(store.names()) or "none"
        raise SetupError(f"There is no model {name!r}.", f"Known: {known}.", exit_code=USED_WRONGLY)
    return manifest


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check its mode.") from error


def _manifest(file: Path, digest: str, said: dict[str, str], aliases: tuple[str, ...]) -> Manifest:
    """Return a manifest for a file that none describes. Raises SetupError when something is not known."""
    from gateway.registry.catalogue import parse_manifest
    from gateway.registry.gguf import read_header

    header = read_header(file)
    licence = said["licence"] or header.licence
    if not licence:
        mend = "Give its SPDX identifier, such as --licence Apache-2.0."
        raise SetupError(f"{file.name} does not say its licence.", mend, exit_code=USED_WRONGLY)
    fields = {
        "name": said["name"] or _name_from(file),
        "file": file.name,
        "sha256": digest,
        "size_bytes": file.stat().st_size,
        "quantisation": header.quantisation or _quantisation_from(file),
        "context_tokens": header.context_tokens,
        "capabilities": _capabilities(header),
        "licence": licence,
        "origin": said["origin"] or "added from a file",
        "aliases": aliases,
        "description": header.title,
    }
    return parse_manifest(fields, file.name)


def _capabilities(header: Header) -> list[str]:
    return ["chat", "complete"] if header.has_chat_template else ["complete"]


def _name_from(file: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._") or "model"


def _quantisation_from(file: Path) -> str:
    found = _QUANTISATION.search(file.stem.replace(".", " ").replace("-", " "))
    return found[1].upper() if found else "unknown"


def _plain(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(manifest))


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    names = ", ".join([*model["aliases"], *model["site_aliases"]])
    size = f"{model['size_bytes'] / 1e6:,.0f} MB"
    state = ("yes" if model["present"] else "no", "yes" if model["served"] else "")
    return (model["name"], names, model["quantisation"], size, str(model["context_tokens"]), model["licence"], *state)


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
