"""``sekisho models add``: a GGUF file, all parts of one, a folder of models, a LoRA adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.models import app, known, plain, shelf
from gateway.cli.session import COULD_NOT, USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.registry.draft import Said
    from gateway.registry.join import Found
    from gateway.registry.manifest import Manifest
    from gateway.registry.store import ContentStore

_CHUNK_BYTES = 4 * 1024 * 1024

Name = Annotated[str, typer.Option(help="What to call it; else made from the file's name.")]
Licence = Annotated[str, typer.Option(help="SPDX identifier; needed when the file does not say it.")]
Alias = Annotated[list[str] | None, typer.Option(help="Another name; may be given more than once.")]
Origin = Annotated[str, typer.Option(help="Where the file came from, for the record.")]
Base = Annotated[str, typer.Option(metavar="MODEL", help="Of an adapter: the model that it is for.")]
Recipe = Annotated[str, typer.Option(help="How it was made, for the record.")]
Evaluation = Annotated[str, typer.Option(help="What was measured of it, and where that is written.")]
SignatureFile = Annotated[
    Path | None,
    typer.Option("--signature", metavar="FILE", exists=True, dir_okay=False, help="Its OpenSSF signature."),
]


@dataclass(frozen=True)
class Added:
    manifest: Manifest
    is_new: bool

    @property
    def view(self) -> dict[str, Any]:
        return {**plain(self.manifest), "new": self.is_new}


@command(
    app,
    "add",
    examples=[
        "sekisho models add model.gguf --licence Apache-2.0",
        "sekisho models add model.gguf --name house-model --signature model.sig",
        "sekisho models add /media/usb/models --licence Apache-2.0",
        "sekisho models add tone.gguf --base house-model --licence MIT",
    ],
)
def add(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE|DIR", exists=True, help="A GGUF file, or a folder of them.")],
    name: Name = "",
    licence: Licence = "",
    alias: Alias = None,
    origin: Origin = "",
    base: Base = "",
    recipe: Recipe = "",
    evaluation: Evaluation = "",
    signature: SignatureFile = None,
) -> None:
    """Copy models into the store and make them known, at once.

    A file that a manifest describes is checked against it. For another one a manifest is written, from the file's own
    header and these options. A model in parts is put together into one file. What no engine may be given is refused.
    """
    from gateway.registry.draft import Said
    from gateway.registry.join import find_models

    if base:
        base = known(shelf(session.settings), base).name
    said = Said(name, licence, origin, tuple(alias or ()), base, recipe, evaluation)
    if file.is_dir():
        found = find_models(file)
        if len(found) > 1 and (name or alias or signature):
            mend = "Give one model, or leave --name, --alias and --signature away."
            raise SetupError(f"There are {len(found)} models in {file}.", mend, exit_code=USED_WRONGLY)
    else:
        found = [_single(file)]
    if len(found) > 1:
        _add_all(session, found, said)
        return
    added = _add(session, found[0], said)
    if signature is not None:
        _bring_signature(session, added.manifest, signature)
    notes = [] if added.is_new else _other_names(added.manifest, name, alias or ())
    session.output.result(added.view, f"Added {added.manifest.name}.", _hint(added.manifest), *notes)


def _other_names(manifest: Manifest, name: str, aliases: Sequence[str]) -> list[str]:
    """Say how a file that is known gets the names that were asked for: a manifest is not changed by a second file."""
    asked = [each for each in (name, *aliases) if each and each not in (manifest.name, *manifest.aliases)]
    known_as = f"This file is known as {manifest.name}, so it was not named"
    return [f"{known_as} {each}. Do that with: sekisho models alias {each} {manifest.name}" for each in asked]


def _single(file: Path) -> Found:
    from gateway.registry.join import Found

    return Found(file.stem, (file,))


def _add_all(session: Session, found: list[Found], said: Said) -> None:
    """Add what can be; say of each of the others why not, and leave with 3."""
    added, refused = [], []
    for model in found:
        try:
            added.append(_add(session, model, said))
        except SetupError as error:
            refused.append({"file": model.files[0].name, "problem": error.problem, "mend": error.mend})
    lines = [f"Added {each.manifest.name}." for each in added]
    lines += [f"Refused {each['file']}: {each['problem']} {each['mend']}" for each in refused]
    session.output.result({"data": [each.view for each in added], "refused": refused}, *lines)
    if refused:
        raise typer.Exit(COULD_NOT)


def _add(session: Session, found: Found, said: Said) -> Added:
    """Take one model in. Raises SetupError."""
    from gateway.cli.changes import changes

    store = shelf(session.settings)
    with _whole(session, store, found) as (file, is_made):
        digest = _sha256(session, file, found.name)
        manifest = next((each for each in store.manifests() if each.sha256 == digest), None)
        is_new = manifest is None
        if manifest is None:
            manifest = _drafted(store, file, found, digest, said)
        with session.output.progress(f"Taking {manifest.name} into the store"):
            if is_made:
                store.adopt(file, manifest, found.name)
            else:
                store.add(file, manifest)
    if is_new:
        with changes(session.settings) as to_make:
            to_make.register_model(plain(manifest))
    return Added(manifest, is_new)


@contextmanager
def _whole(session: Session, store: ContentStore, found: Found) -> Iterator[tuple[Path, bool]]:
    """Yield the model as one file, and whether it was made here, inside the store, from its parts."""
    from gateway.registry.join import join

    if len(found.files) == 1:
        yield found.files[0], False
        return
    with store.making() as made:
        with session.output.progress(f"Joining {len(found.files)} parts of {found.name}"):
            try:
                with made.open("wb") as stream:
                    join(found.files, stream)
            except OSError as error:
                raise SetupError(f"{found.name} could not be joined ({error.strerror}).", "Is there space?") from error
        yield made, True


def _drafted(store: ContentStore, file: Path, found: Found, digest: str, said: Said) -> Manifest:
    """Return a manifest for a file that none describes; of an adapter, once it fits. Raises SetupError."""
    from gateway.registry.draft import Bytes, draft
    from gateway.registry.gguf import read_layout
    from gateway.registry.inspection import check_adapter, inspect

    layout = inspect(file, name=found.files[0].name)
    if len(found.files) > 1 and not said.recipe:
        said = replace(said, recipe=f"joined from {len(found.files)} parts")
    manifest = draft(layout, Bytes(f"{found.name}.gguf", digest, file.stat().st_size), said)
    if manifest.kind == "adapter":
        base = known(store, manifest.lineage.base)
        check_adapter(layout, read_layout(store.weights(base)), found.files[0].name, base.name)
    return manifest


def _sha256(session: Session, file: Path, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream, session.output.bar(f"Reading {name} (MB)") as at:
            total, done = file.stat().st_size, 0
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                at(done // 1_000_000, total // 1_000_000)
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check its mode.") from error
    return digest.hexdigest()


def _bring_signature(session: Session, manifest: Manifest, file: Path) -> None:
    from gateway.cli.changes import changes
    from gateway.cli.models_sign import read_signature

    with changes(session.settings) as to_make:
        to_make.sign_model(manifest.name, read_signature(file))


def _hint(manifest: Manifest) -> str:
    if manifest.kind == "adapter":
        return f"Callers get it as {manifest.lineage.base}:{manifest.name} once its model is loaded anew."
    return f"To serve it: name {manifest.name} in sekisho.yaml (engine.model or fleet.models), and start anew."
