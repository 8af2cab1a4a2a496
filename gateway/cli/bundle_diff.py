"""``sekisho bundle diff A B``: what an update would change, before anybody believes or installs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.bundle import app
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.bundle.compare.difference import Change, Difference
    from gateway.bundle.compare.side import Side
    from gateway.bundle.install.prefix import Prefix

Row = tuple[str, str, str, str]


@command(
    app,
    "diff",
    examples=[
        "sekisho bundle diff sekisho-1.4.0-cpu.tar sekisho-1.5.0-cpu.tar --root roots/1.root.json",
        "sekisho bundle diff current sekisho-1.5.0-cpu.tar --json",
        "sekisho bundle diff 1-1.4.0 2-1.5.0",
    ],
)
def diff(
    session: Session,
    a: Annotated[str, typer.Argument(metavar="A", help="A bundle's .tar, an installed version, or `current`.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    root: Annotated[
        Path | None, typer.Option("--root", metavar="FILE", help="The root; else what the site trusts.")
    ] = None,
    prefix: Annotated[
        Path | None, typer.Option("--prefix", metavar="DIR", help="The installation; else the one this program is of.")
    ] = None,
) -> None:
    """Show what B changes against A: versions, advisories fixed, models, policies, settings, sizes. Changes nothing.

    With a root, of `--root` or of the installation, a bundle that it did not sign is refused. Without one the table
    says that nobody looked at signatures. Whether the site would take the bundle is `bundle verify`'s to say.
    """
    import msgspec

    from gateway.bundle.compare.difference import compare

    place = _place(prefix)
    trusted = _root(root, place)
    found = compare(_side(a, place, trusted), _side(b, place, trusted))
    data = msgspec.to_builtins(found)
    if session.output.as_json:
        session.output.result(data)
        return
    _show(session, found)


def _place(said: Path | None) -> Prefix | None:
    from gateway.cli.bundle_site import prefix_of

    try:
        return prefix_of(said)
    except SetupError:
        if said is not None:
            raise
        return None


def _root(file: Path | None, place: Prefix | None) -> bytes:
    if file is None:
        accepted = place.trusted / "root.json" if place is not None else None
        return accepted.read_bytes() if accepted is not None and accepted.exists() else b""
    try:
        return file.read_bytes()
    except OSError as problem:
        raise SetupError(f"{file} cannot be read ({problem.strerror}).", "Give the file of a root.") from None


def _side(said: str, place: Prefix | None, root: bytes) -> Side:
    from gateway.bundle.compare.side import of_bundle, of_version
    from gateway.bundle.update import link

    if Path(said).is_file():
        return of_bundle(Path(said), root, place)
    if place is None:
        mend = "Give a bundle's .tar, or name the installation: --prefix /opt/sekisho"
        raise SetupError(f"There is no file {said}.", mend, exit_code=USED_WRONGLY)
    folder = link.current(place.root) if said == "current" else said
    if "/" in folder or folder.startswith("."):
        raise SetupError(f"There is no file {said}.", "Give a bundle's .tar.", exit_code=USED_WRONGLY)
    return of_version(place, folder)


def _show(session: Session, found: Difference) -> None:
    rows: list[Row] = [("signatures", "", found.a.trust, found.b.trust)]
    rows += [
        (name, "", found.a.facts[name], found.b.facts[name])
        for name in found.a.facts
        if found.a.facts[name] != found.b.facts[name]
    ]
    rows += _rows("package", found.packages)
    rows += [("advisory", "fixed", f"{one.id} {one.before}".strip(), one.id) for one in found.advisories.fixed]
    rows += [("advisory", "open", "", f"{one.id} {one.after}") for one in found.advisories.open]
    if not found.advisories.given:
        rows.append(("advisories", "not told", "", "the builder of B gave no document"))
    rows += _rows("model", found.models)
    rows += _policy_rows(found)
    if found.settings is None:
        rows.append(("settings", "not known", "", "the program of one side is not at hand"))
    rows += _rows("setting", found.settings or ())
    rows += [
        ("size", one.kind, f"{one.before / 1e6:,.1f} MB", f"{one.after / 1e6:,.1f} MB")
        for one in found.sizes
        if one.before != one.after
    ]
    rows.append(("size", "all", f"{found.a.bytes / 1e6:,.1f} MB", f"{found.b.bytes / 1e6:,.1f} MB"))
    session.output.table(f"{found.a.name} -> {found.b.name}", ("", "", found.a.name, found.b.name), rows, {})


def _rows(what: str, changes: Sequence[Change]) -> list[Row]:
    return [(f"{what} {one.name}", one.change, one.before, one.after) for one in changes]


def _policy_rows(found: Difference) -> list[Row]:
    said = found.policies
    if not said.known:
        return [("policies", "changed", "", "the archive of one side is not at hand")]
    rows = [(f"rule {one.name}", one.change, one.before, one.after) for one in said.rules]
    for table in said.tables:
        rows += [(table.file, "row removed", row, "") for row in table.removed]
        rows += [(table.file, "row added", "", row) for row in table.added]
    return [*rows, *((f"policy file {one.name}", one.change, one.before, one.after) for one in said.files)]
