"""``sekisho models quantise``: a smaller copy of a model, through llama-cpp-python, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.models import ModelName, app, known, plain, shelf
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.registry.manifest import Manifest

TYPES = (
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_K_S",
    "Q4_K_M",
    "Q4_K_S",
    "Q4_0",
    "Q4_1",
    "Q5_0",
    "Q5_1",
    "Q3_K_M",
    "Q2_K",
    "F16",
    "BF16",
)
"""Those that need no matrix of importance."""


def _known_type(value: str) -> str:
    if value.upper() not in TYPES:
        raise typer.BadParameter(f"one of {', '.join(TYPES)}")
    return value.upper()


Type = Annotated[str, typer.Option("--to", callback=_known_type, help=f"One of {', '.join(TYPES)}.")]
Threads = Annotated[int, typer.Option(min=0, help="Threads; 0: one per core.")]


@command(
    app,
    "quantise",
    examples=["sekisho models quantise house-model", "sekisho models quantise house-model --to Q8_0 --name house-q8"],
)
def quantise(
    session: Session,
    model: ModelName,
    to: Type = "Q4_K_M",
    name: Annotated[str, typer.Option(help="What to call it; else MODEL-TYPE.")] = "",
    threads: Threads = 0,
) -> None:
    """Make a smaller copy of a model, and make it known with what it was made from.

    The best source is F16, BF16 or F32; what was quantised before loses more than its size says.
    """
    from gateway.cli.changes import changes

    if find_spec("llama_cpp") is None:
        mend = "Install the extra llama-cpp-python of this package."
        raise SetupError("Quantising takes llama-cpp-python, which is not installed.", mend)
    store = shelf(session.settings)
    source = known(store, model)
    if source.kind == "adapter":
        raise SetupError(f"{source.name} is an adapter.", "Quantise the model that it is for.", exit_code=USED_WRONGLY)
    target = name or f"{source.name}-{to.lower()}"
    if store.find(target) is not None:
        mend = "Give another name with --name, or remove that model."
        raise SetupError(f"There is a model {target} already.", mend, exit_code=USED_WRONGLY)
    weights = store.weights(source)
    with store.making() as made:
        _run(session, weights, made, to, threads)
        manifest = _described(made, source, target, to)
        store.adopt(made, manifest, target)
    with changes(session.settings) as to_make:
        to_make.register_model(plain(manifest))
    share = f"{manifest.size_bytes / source.size_bytes:.0%}"
    line = f"Made {manifest.name} from {source.name}: {manifest.size_bytes / 1e6:,.0f} MB, {share} of its size."
    session.output.result(plain(manifest), line)


def _run(session: Session, source: Path, target: Path, to: str, threads: int) -> None:
    """Raises SetupError."""
    from gateway.registry.gguf_words import QUANTISATIONS

    number = next(number for number, name in QUANTISATIONS.items() if name == to)
    command = [sys.executable, "-m", "gateway.cli.quantise_child", str(source), str(target), str(number), str(threads)]
    with (
        session.output.bar(f"Quantising to {to} (tensors)") as at,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child,  # noqa: S603 - ours
    ):
        for line in child.stdout or ():
            done, _, total = line.strip().partition("/")
            if done.isdigit() and total.isdigit():
                at(int(done), int(total))
    if child.returncode:
        why = "its process could not be locked in" if child.returncode == 4 else "llama.cpp refused it, or had no room"
        raise SetupError(
            f"The model could not be quantised to {to}: {why}.", "Try another type, or free memory and disk."
        )


def _described(made: Path, source: Manifest, name: str, to: str) -> Manifest:
    """Return the manifest of what was made: its own bytes, its source's papers. Raises SetupError."""
    import hashlib
    from importlib.metadata import version

    import msgspec

    from gateway.registry.manifest import Lineage

    with made.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    recipe = f"quantised to {to} by llama-cpp-python {version('llama-cpp-python')}, from SHA-256 {source.sha256}"
    return msgspec.structs.replace(
        source,
        name=name,
        file=f"{name}.gguf",
        sha256=digest,
        size_bytes=made.stat().st_size,
        quantisation=to,
        aliases=(),
        origin=f"made here from {source.name}",
        lineage=Lineage(base=source.name, recipe=recipe),
        signature="",
    )
