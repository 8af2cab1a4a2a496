"""``sekisho bundle keys``: who may say what a bundle is. The root's keys belong to three persons, and lie offline.

A maker's folder has ``keys/NAME.pem`` with ``NAME.pub.json`` and ``roots/N.root.json``; whoever holds no secret half
needs the public files alone.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.bundle import app as bundle
from gateway.cli.private_key import ask_passphrase
from gateway.cli.session import USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Key
    from tuf.api.metadata import Metadata, Root

app = group("keys", "Make, rotate and use the keys that sign bundles.")
bundle.add_typer(app)

_ROLES = ("root", "targets", "snapshot", "timestamp")
Maker = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The maker's folder: keys/ and roots/.")]
RolesFile = Annotated[Path | None, typer.Option("--roles", metavar="FILE", help="bundle-roles.yaml: thresholds, days.")]
Protect = Annotated[bool, typer.Option("--passphrase", help="Put new keys under a passphrase, which is asked for.")]


@command(
    app,
    "create",
    examples=[
        "sekisho bundle keys create --dir maker",
        "sekisho bundle keys create --dir maker --roles bundle-roles.yaml --passphrase",
        "sekisho bundle keys create --dir maker --public root=anna.pub.json --public root=kenji.pub.json",
    ],
)
def create(
    session: Session,
    folder: Maker = Path("maker"),
    roles: RolesFile = None,
    public: Annotated[
        list[str] | None, typer.Option("--public", metavar="ROLE=FILE", help="A key that somebody else holds.")
    ] = None,
    passphrase: Protect = False,
) -> None:
    """Make the keys of all roles and the first root, and show the root's SHA-256.

    Keys of others (`--public`) are taken instead of making them; then they sign the root with `keys sign`.
    """
    from gateway.bundle.repository import keys, metadata
    from gateway.bundle.repository import roles as roles_

    wanted = roles_.read(roles)
    file = folder / "roots" / "1.root.json"
    if file.exists():
        raise SetupError(f"{file} exists.", "sekisho bundle keys rotate changes keys.", exit_code=USED_WRONGLY)
    secret = ask_passphrase(folder / "keys", new=True).encode() if passphrase else b""
    given = _given(public or [])
    held: dict[str, list[Key]] = {}
    for role in _ROLES:
        mine = range(len(given[role]) + 1, wanted.of(role).keys + 1)
        held[role] = [*given[role], *(keys.make(folder / "keys", f"{role}-{n}", secret).public for n in mine)]
    root = metadata.first_root(held, wanted, datetime.now(UTC))
    metadata.sign(root, [_open(one.path, secret) for one in keys.of_folder(folder / "keys") if _is(one.name, "root")])
    _write(file, root)
    _tell(session, file, root, None)


@command(
    app,
    "rotate",
    examples=[
        "sekisho bundle keys rotate timestamp --dir maker",
        "sekisho bundle keys rotate root --dir maker --revoke 3f6a0c…",
    ],
)
def rotate(
    session: Session,
    role: Annotated[str, typer.Argument(help="root, targets, snapshot or timestamp.")],
    folder: Maker = Path("maker"),
    revoke: Annotated[
        list[str] | None, typer.Option("--revoke", metavar="KEYID", help="Else the role's first key.")
    ] = None,
    roles: RolesFile = None,
    passphrase: Protect = False,
) -> None:
    """Replace a key of a role: a new root, signed by the keys of the old one that are here, and by its own.

    What is signed by the key that goes is believed no more once a site has seen the new root.
    """
    from gateway.bundle.repository import keys, metadata
    from gateway.bundle.repository import roles as roles_

    if role not in _ROLES:
        raise SetupError(f"There is no role {role}.", f"Roles: {', '.join(_ROLES)}.", exit_code=USED_WRONGLY)
    before = newest_root(folder)
    gone = _revoked(before, role, revoke or [])
    secret = ask_passphrase(folder / "keys", new=True).encode() if passphrase else b""
    fresh = keys.make(folder / "keys", _free_name(folder / "keys", role), secret)
    after = metadata.next_root(before, roles_.read(roles), datetime.now(UTC), add={role: fresh.public}, revoke=gone)
    here = [one for one in keys.of_folder(folder / "keys") if _is(one.name, "root")]
    signing = [one for one in here if _signs(one.public, before, after)]
    metadata.sign(after, [_open(one.path, secret if one.path == fresh.path else b"") for one in signing])
    file = folder / "roots" / f"{after.signed.version}.root.json"
    _write(file, after)
    _tell(session, file, after, before)


@command(
    app,
    "sign",
    examples=["sekisho bundle keys sign maker/roots/2.root.json --key /media/anna/root-1.pem"],
)
def sign(
    session: Session,
    root: Annotated[Path, typer.Argument(metavar="FILE", help="N.root.json, to which a signature is added.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Your key, NAME.pem.")],
) -> None:
    """Add your signature to a root. It needs nothing but the file and your key, so do it on a machine of its own."""
    from gateway.bundle.repository import metadata

    found = _read(root)
    before_file = root.with_name(f"{found.signed.version - 1}.root.json")
    before = _read(before_file) if before_file.exists() else None
    signer = _open(key)
    if not _signs(signer.public_key, before or found, found):
        raise SetupError(f"{key} is no key of this root.", "sekisho bundle keys show names those that are.")
    metadata.sign(found, [signer])
    _write(root, found)
    _tell(session, root, found, before)


@command(app, "show", examples=["sekisho bundle keys show --dir maker", "sekisho bundle keys show --dir maker --json"])
def show(session: Session, folder: Maker = Path("maker")) -> None:
    """Show the newest root: roles, thresholds, keys, until when, what it lacks, and the first root's SHA-256."""
    root = newest_root(folder)
    mine = _names(folder / "keys")
    rows = [
        {
            "role": role,
            "key": key,
            "name": mine.get(key, ""),
            "must sign": f"{root.signed.roles[role].threshold} of {len(root.signed.roles[role].keyids)}",
            "signed": "yes" if role == "root" and key in root.signatures else "",
        }
        for role in _ROLES
        for key in root.signed.roles[role].keyids
    ]
    table = [tuple(row.values()) for row in rows]
    told = {"version": root.signed.version, "expires": root.signed.expires.isoformat(), "keys": rows}
    title = f"Root {root.signed.version}, until {root.signed.expires:%Y-%m-%d}"
    session.output.table(title, ("role", "key", "name", "must sign", "signed"), table, told, "It names no key.")


def newest_root(folder: Path) -> Metadata[Root]:
    """The newest root of a maker's folder.

    Raises:
        SetupError: there is none.
    """
    found = sorted((folder / "roots").glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))
    if not found:
        raise SetupError(f"{folder} has no root.", f"sekisho bundle keys create --dir {folder}", exit_code=USED_WRONGLY)
    return _read(found[-1])


def _read(file: Path) -> Metadata[Root]:
    from gateway.bundle.repository.metadata import read_root

    try:
        return read_root(file.read_bytes(), str(file))
    except OSError as problem:
        raise SetupError(f"{file} cannot be read ({problem.strerror}).", "Give the file of a root.") from None


def _write(file: Path, root: Metadata[Root]) -> None:
    from gateway import durable
    from gateway.bundle.repository.metadata import encode

    durable.replace(file, encode(root), mode=0o644)


def _open(path: Path, passphrase: bytes = b"") -> CryptoSigner:
    from gateway.bundle.repository.keys import needs_passphrase, signer

    if not needs_passphrase(path):
        return signer(path)
    return signer(path, passphrase or ask_passphrase(path).encode())


def _tell(session: Session, file: Path, root: Metadata[Root], before: Metadata[Root] | None) -> None:
    from gateway.bundle.repository.metadata import lacking

    missing = lacking(root, before)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    told: dict[str, Any] = {"root": str(file), "version": root.signed.version, "lacks": missing, "sha256": sha256}
    if missing:
        more = f"It lacks signatures: {missing}. Each of them: sekisho bundle keys sign {file} --key NAME.pem"
        session.output.result(told, f"{file} is written.", more)
        return
    lines = [f"{file} is whole, good until {root.signed.expires:%Y-%m-%d}."]
    if root.signed.version == 1:
        lines.append(f"Its SHA-256, for install.sh, to be told by another way than the bundle:\n\n  {sha256}\n")
    session.output.result(told, *lines)


def _given(said: list[str]) -> dict[str, list[Key]]:
    from gateway.bundle.repository.keys import read_public

    found: dict[str, list[Key]] = {role: [] for role in _ROLES}
    for one in said:
        role, equals, file = one.partition("=")
        if role not in found or not equals:
            raise SetupError(f"{one} is no ROLE=FILE.", f"Roles: {', '.join(_ROLES)}.", exit_code=USED_WRONGLY)
        found[role].append(read_public(Path(file)))
    return found


def _revoked(root: Metadata[Root], role: str, said: list[str]) -> list[str]:
    held = root.signed.roles[role].keyids
    found = [key for key in held if any(key.startswith(one.rstrip("…")) for one in said)] if said else held[:1]
    if not found:
        mend = "sekisho bundle keys show names them."
        raise SetupError(f"{role} has no such key.", mend, exit_code=USED_WRONGLY)
    return found


def _signs(key: Key, before: Metadata[Root], after: Metadata[Root]) -> bool:
    return any(key.keyid in root.signed.roles["root"].keyids for root in (before, after))


def _is(name: str, role: str) -> bool:
    return name.startswith(f"{role}-")


def _free_name(folder: Path, role: str) -> str:
    return next(name for n in range(1, 10_000) if not (folder / f"{(name := f'{role}-{n}')}.pub.json").exists())


def _names(folder: Path) -> dict[str, str]:
    from gateway.bundle.repository.keys import read_public

    return {read_public(file).keyid: file.name.removesuffix(".pub.json") for file in sorted(folder.glob("*.pub.json"))}
