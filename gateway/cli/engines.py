"""``sekisho engines``: which llama.cpp computes here; build one for this machine, look at it, remove it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.engines.making import Tools, Wish
    from gateway.engines.selection import Program
    from gateway.engines.shelf import BuiltEngine, EngineShelf
    from gateway.settings import Settings

app = group("engines", "Build, show and remove the engines that compute.")

_COLUMNS = ("engine", "kind", "instructions", "CUDA", "built", "runs here", "taken")
_WORKSHOP_BYTES = 1_500_000_000  # sources, objects and the result of a build with CUDA are less

Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="Its digest, or how that begins.")]


def shelf_of(settings: Settings) -> EngineShelf:
    """Return the engines of this installation."""
    from gateway.engines.shelf import EngineShelf

    return EngineShelf(settings.data / "engines")


@command(app, "list", examples=["sekisho engines list", "sekisho engines list --json"])
def list_engines(session: Session) -> None:
    """List engines, and which one is taken.

    The last column is what `engine.kind` in sekisho.yaml leads to on this machine.
    """
    from gateway.engines import selection

    settings = session.settings
    shelf, kind = shelf_of(settings), settings.engine.kind
    taken, why = _taken(kind, shelf)
    programs = selection.programs(shelf)
    data = [_plain(program, program.name == taken) for program in programs]
    session.output.table("Engines", _COLUMNS, [_row(each) for each in data], {"data": data, "kind": kind, "why": why})
    if not session.output.as_json:
        session.output.result(None, f"engine.kind is {kind}: {why}")


def _taken(kind: str, shelf: EngineShelf) -> tuple[str, str]:
    """Return the name of the engine that is taken, and why; "" where it is none of these."""
    from gateway.engines import selection

    if kind not in ("auto", selection.BUILT, selection.WHEEL):
        return "", "another program computes."
    try:
        chosen = selection.choose(kind, shelf)
    except SetupError as error:
        return "", f"{error.problem} {error.mend}"
    return chosen.program.name, f"{chosen.program.name} is taken. {chosen.why}"


@command(app, "show", examples=["sekisho engines show 3f2a", "sekisho engines show 3f2a --json"])
def show(session: Session, digest: Digest) -> None:
    """Show how an engine was built, and whether its files are still the same. Leaves with 1 when they are not."""
    import msgspec

    shelf = shelf_of(session.settings)
    built = shelf.find(digest)
    with session.output.progress("Hashing"):
        problem = shelf.problem(built)
    data = {**msgspec.to_builtins(built), "folder": str(shelf.path(built)), "problem": problem}
    rows = [(key.replace("_", " "), _cell(value)) for key, value in data.items()]
    session.output.table(built.build, ("field", "value"), rows, data)
    if problem:
        raise typer.Exit(ANSWERED_NO)


@command(
    app,
    "build",
    examples=[
        "sekisho engines build",
        "sekisho engines build --cuda --source llama_cpp_python-0.3.36.tar.gz",
        "sekisho engines build --portable --jobs 1",
    ],
)
def build(
    session: Session,
    cuda: Annotated[bool, typer.Option("--cuda", help="For NVIDIA GPUs too; takes nvcc, and longer.")] = False,
    native: Annotated[
        bool, typer.Option("--native", help="For this very processor: so it is without options.")
    ] = False,
    portable: Annotated[bool, typer.Option("--portable", help="For any processor with AVX2, as the wheel is.")] = False,
    source: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The sdist of llama-cpp-python; else fetched."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Compilers at once; 0: one per core.")] = 0,
) -> None:
    """Build llama.cpp's server for this machine, and put it into use from the next start on.

    Takes cmake, make or ninja, and g++; ten minutes and more on two cores. The sources are those inside the sdist of
    llama-cpp-python, checked by hash; nothing else is fetched. The running server goes on with the engine that it has.
    """
    from gateway.engines import making

    if native and portable:
        raise SetupError("--native and --portable exclude each other.", "Give one of them.", exit_code=USED_WRONGLY)
    wish = making.Wish(native=not portable, cuda=cuda, jobs=jobs)
    found = making.tools(cuda=cuda)
    shelf = shelf_of(session.settings)
    with shelf.alone():
        built = _build(session, shelf, wish, found, source)
        _change(session, "engine.built", built.digest)
    minutes = f"{built.build_seconds / 60:.0f} minutes"
    line = f"Built {built.build} in {minutes}. `engine.kind: auto` takes it at the next start."
    session.output.result(_plain_built(built), line, "See: sekisho engines list")


def _build(session: Session, shelf: EngineShelf, wish: Wish, found: Tools, source: Path | None) -> BuiltEngine:
    """Build into a folder that waits on the shelf; return its manifest."""
    from gateway.engines import making, sources
    from gateway.engines.shelf import LAST_LOG, WORKSHOP

    place = shelf.staging()
    try:
        with tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=shelf.folder) as made:
            workshop = Path(made)
            _check_room(workshop)
            with session.output.progress("Taking the sources"):
                archive = source or sources.fetch(workshop)
                sources.check_archive(archive)
                unpacked = sources.unpack(archive, workshop / "llama.cpp")
            with session.output.bar("Compiling") as told:
                built = making.make(unpacked, place, shelf.folder / LAST_LOG, wish, found, told)
        built = _tried(session, shelf, place, built)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return built


def _tried(session: Session, shelf: EngineShelf, place: Path, built: BuiltEngine) -> BuiltEngine:
    """Have it answer a prompt, where there is a model to try it with; write its manifest and return that."""
    import asyncio

    from gateway.engines import trial

    weights = _weights(session.settings)
    if weights is None:
        session.output.note("There is no model here to try it with; what fails on some machines is left out.")
        built = trial.cautious(built)
        shelf.stage(place, built)
        return built
    with session.output.progress("Trying it"):
        settings = session.settings
        return asyncio.run(trial.tried(shelf, place, built, settings.engine, weights, settings.run))


def _weights(settings: Settings) -> Path | None:
    """Return the file of the model that is served; ``None`` where it is not here."""
    from gateway.cli.models import shelf

    store = shelf(settings)
    manifest = store.find(settings.engine.model)
    try:
        return store.weights(manifest) if manifest is not None else None
    except SetupError:
        return None


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _WORKSHOP_BYTES:
        problem = f"{folder.parent} has {free / 1e9:.1f} GB free; a build may take {_WORKSHOP_BYTES / 1e9:.1f} GB."
        raise SetupError(problem, "Make room there, or set data_dir to another disk.")


@command(app, "remove", examples=["sekisho engines remove 3f2a"])
def remove(session: Session, digest: Digest) -> None:
    """Remove an engine that was built here; a process that runs from it goes on."""
    built = shelf_of(session.settings).find(digest)
    _change(session, "engine.removed", built.digest)
    session.output.result({"removed": built.digest}, f"Removed {built.build}.")


def _change(session: Session, what: str, digest: str) -> None:
    """Take an engine in, or remove it: through the running server, or here under the lock; on record first."""
    import asyncio

    from gateway.cli.changes import admin_book
    from gateway.cli.lock import data_lock
    from gateway.cli.server import operator, running_server

    settings = session.settings
    server, shelf = running_server(settings.run), shelf_of(settings)
    if server is not None:
        server.post("engines", {"digest": digest}) if what == "engine.built" else server.delete(f"engines/{digest}")
        return
    with data_lock(settings.state), admin_book(settings) as book:
        book.event(what, by=operator(), details=shelf.details(digest))
        asyncio.run(book.durable())
        (shelf.take_in if what == "engine.built" else shelf.remove)(digest)


def _plain_built(built: BuiltEngine) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(built))


def _plain(program: Program, taken: bool) -> dict[str, Any]:
    from gateway.engines.machine import shown_features

    built = program.built
    return {
        "engine": program.name,
        "kind": program.kind,
        "digest": built.digest if built else "",
        "instructions": shown_features(built.needs) if built else "avx2",
        "cuda": built.cuda if built else "",
        "built_at": built.built_at if built else "",
        "obstacle": program.obstacle,
        "taken": taken,
    }


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    taken = "yes" if each["taken"] else ""
    runs = each["obstacle"] or "yes"
    return (each["engine"], each["kind"], each["instructions"], each["cuda"], each["built_at"][:10], runs, taken)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{item}  {name}" for name, item in value.items())
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
