"""``sekisho bundle client``: a plain TUF client over HTTP, for a site that mirrors bundles. It needs no configuration.

Its options may stand before the verb, as TUF's tools have them: ``client --metadata-dir DIR --metadata-url URL
refresh``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.bundle import app as bundle
from gateway.cli.session import ANSWERED_NO, Session, command, group
from gateway.errors import SetupError

app = group("client", "A plain TUF client: trust a root, refresh the metadata, download a target.")
bundle.add_typer(app)

MetadataDir = Annotated[Path | None, typer.Option("--metadata-dir", help="Where accepted metadata are kept.")]
MetadataUrl = Annotated[str, typer.Option("--metadata-url", help="Address below which the metadata lie.")]
TargetName = Annotated[str, typer.Option("--target-name", help="The target, as targets.json names it.")]
TargetBase = Annotated[str, typer.Option("--target-base-url", help="Address below which the targets lie.")]
TargetDir = Annotated[Path | None, typer.Option("--target-dir", help="Folder that the target goes into.")]


@dataclass
class Said:
    """What was said before the verb."""

    metadata_dir: Path | None = None
    metadata_url: str = ""
    target_name: str = ""
    target_base_url: str = ""
    target_dir: Path | None = None


_before = Said()


@app.callback()
def common(
    metadata_dir: MetadataDir = None,
    metadata_url: MetadataUrl = "",
    target_name: TargetName = "",
    target_base_url: TargetBase = "",
    target_dir: TargetDir = None,
) -> None:
    """A plain TUF client: trust a root, refresh the metadata, download a target."""
    global _before  # noqa: PLW0603  one call a process
    _before = Said(metadata_dir, metadata_url, target_name, target_base_url, target_dir)


@command(app, "init", examples=["sekisho bundle client init root.json --metadata-dir trusted"])
def init(
    session: Session,
    root: Annotated[Path, typer.Argument(help="The root to trust, which came by a way that you trust.")],
    metadata_dir: MetadataDir = None,
) -> None:
    """Begin with a root. What was accepted before is forgotten."""
    from gateway.bundle.repository.client import trust

    folder = _folder(metadata_dir)
    try:
        content = root.read_bytes()
    except OSError as problem:
        raise SetupError(f"{root} cannot be read ({problem.strerror}).", "Give the file of a root.") from None
    with answering_no():
        trust(content, folder)
    session.output.result({"metadata_dir": str(folder)}, f"{folder} trusts {root} now.")


@command(
    app,
    "refresh",
    examples=[
        "sekisho bundle client refresh --metadata-dir trusted --metadata-url https://mirror.plant.example/metadata"
    ],
)
def refresh(session: Session, metadata_dir: MetadataDir = None, metadata_url: MetadataUrl = "") -> None:
    """Fetch the newest metadata, and accept them if they are right."""
    from gateway.bundle.repository.client import Client

    folder, url = _folder(metadata_dir), _word(metadata_url or _before.metadata_url, "--metadata-url")
    with answering_no():
        client = Client(folder, url)
        client.refresh()
    versions = {name: client.trusted[name].version for name in ("root", "timestamp", "snapshot", "targets")}
    session.output.result(versions, "Accepted: " + ", ".join(f"{name} {n}" for name, n in versions.items()) + ".")


@command(
    app,
    "download",
    examples=[
        "sekisho bundle client download --metadata-dir trusted --metadata-url https://mirror.plant.example/metadata "
        "--target-base-url https://mirror.plant.example/targets --target-name release.json --target-dir ."
    ],
)
def download(
    session: Session,
    metadata_dir: MetadataDir = None,
    metadata_url: MetadataUrl = "",
    target_name: TargetName = "",
    target_base_url: TargetBase = "",
    target_dir: TargetDir = None,
) -> None:
    """Refresh, then fetch one target; it is there only if it is what was signed."""
    from gateway.bundle.repository.client import Client

    name = _word(target_name or _before.target_name, "--target-name")
    base = _word(target_base_url or _before.target_base_url, "--target-base-url")
    into = target_dir or _before.target_dir
    if into is None:
        raise SetupError("--target-dir is missing.", "Name the folder that the target goes into.", exit_code=2)
    folder, url = _folder(metadata_dir), _word(metadata_url or _before.metadata_url, "--metadata-url")
    with answering_no():
        client = Client(folder, url, base)
        client.refresh()
        file = client.download(name, into)
    session.output.result({"target": name, "file": str(file)}, f"{file} is what was signed.")


@contextmanager
def answering_no() -> Iterator[None]:
    """Exit 1 for whatever is refused, as TUF's tools do: scripts of mirrors ask only for yes or no."""
    from gateway.bundle.refusal import BundleRefused

    try:
        yield
    except BundleRefused as refused:
        refused.exit_code = ANSWERED_NO
        raise


def _folder(said: Path | None) -> Path:
    folder = said or _before.metadata_dir
    if folder is None:
        raise SetupError("--metadata-dir is missing.", "Name the folder of accepted metadata.", exit_code=2)
    return folder


def _word(said: str, option: str) -> str:
    if not said:
        raise SetupError(f"{option} is missing.", "Give it before or after the verb.", exit_code=2)
    return said
