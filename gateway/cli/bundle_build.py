"""``sekisho bundle build``: on the connected side, from a checkout."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from gateway.cli.bundle import app
from gateway.cli.session import USED_WRONGLY, Session, command
from gateway.errors import SetupError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from gateway.bundle.build.assemble import Made, Maker, Origin
    from gateway.bundle.build.gather import Found, Workshop

ROOT = Path(__file__).resolve().parent.parent.parent
_MACHINE = "x86_64"
_NEWEST_GLIBC = "2.34"


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    profile: Literal["cpu", "cuda"]
    python: str
    models: tuple[str, ...]
    policies: Path | None
    wheelhouse: Path | None
    store: Path
    glibc: tuple[int, int]
    driver: str
    carries: Literal["all", "policies", "models"]

    def told(self) -> dict[str, Any]:
        """As provenance tells it: no path of this machine."""
        return {
            "profile": self.profile,
            "python": self.python,
            "models": list(self.models),
            "policies": "given" if self.policies else "shipped",
            "glibc": "{}.{}".format(*self.glibc),
        }


@command(
    app,
    "build",
    examples=[
        "sekisho bundle build --keys maker --out sekisho-cpu.tar",
        "sekisho bundle build --keys maker --models smollm2-135m-instruct --advisories vex.json --out sekisho-cpu.tar",
        "sekisho bundle build --keys maker --carries policies --base sekisho-cpu.tar --out policies.tar",
    ],
)
def build(
    session: Session,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The bundle, one .tar.")],
    keys: Annotated[Path, typer.Option("--keys", metavar="DIR", help="The maker's folder: keys/ and roots/.")],
    profile: Annotated[str, typer.Option("--profile", help="cpu or cuda.")] = "cpu",
    python: Annotated[str, typer.Option("--python", help="The site's CPython.")] = "3.11",
    models: Annotated[str, typer.Option("--models", metavar="NAMES", help="Of models/, with commas between.")] = "",
    policies: Annotated[str, typer.Option("--policies", metavar="FILE", help="A .tar.gz, or shipped.")] = "shipped",
    roles: Annotated[Path | None, typer.Option("--roles", metavar="FILE", help="bundle-roles.yaml.")] = None,
    advisories: Annotated[Path | None, typer.Option("--advisories", metavar="FILE", help="VEX or OSV, JSON.")] = None,
    wheelhouse: Annotated[Path | None, typer.Option("--wheelhouse", metavar="DIR", help="Engines' wheels.")] = None,
    store: Annotated[Path | None, typer.Option("--store", metavar="DIR", help="The content store of weights.")] = None,
    base: Annotated[Path | None, typer.Option("--base", metavar="FILE", help="The .tar that this builds on.")] = None,
    carries: Annotated[str, typer.Option("--carries", help="all, or policies or models alone, on --base.")] = "all",
    driver: Annotated[str, typer.Option("--driver", help="The least driver, where wheels do not say it.")] = "",
    glibc: Annotated[str, typer.Option("--glibc", help="The newest glibc that anything may need.")] = _NEWEST_GLIBC,
    epoch: Annotated[
        int | None,
        typer.Option("--source-date-epoch", envvar="SOURCE_DATE_EPOCH", help="Else the commit's time.", min=0),
    ] = None,
) -> None:
    """Build a bundle: everything that a site without a network runs, signed, in one file.

    The same checkout, locks, keys and time give the same bytes.
    """
    from gateway.bundle.build.checkout import Checkout, committed_at

    wanted = Wanted(
        _one_of("profile", profile, ("cpu", "cuda")),
        _one_of("Python", python, ("3.11",)),
        tuple(sorted(name for name in models.split(",") if name)),
        None if policies == "shipped" else Path(policies),
        wheelhouse,
        store or ROOT / ".sekisho" / "store",
        _version(glibc),
        driver,
        _one_of("partial bundle", carries, ("all", "policies", "models")),
    )
    if (wanted.carries == "all") != (base is None):
        raise SetupError("--base and --carries go together.", "Give both, or neither.", exit_code=USED_WRONGLY)
    checkout = Checkout(ROOT, committed_at(ROOT) if epoch is None else epoch)
    cache = ROOT / ".cache" / "bundle"
    cache.mkdir(parents=True, exist_ok=True)
    maker = _maker(keys, roles)
    with tempfile.TemporaryDirectory(dir=cache, prefix="work-") as work:
        shop = _shop(checkout, cache, Path(work), wanted)
        vex = _advisories(advisories)
        if base is None:
            made = _build(session, wanted, shop, maker, vex, out)
        else:
            made = _build_on(session, base, wanted, shop, maker, vex, out)
    _tell(session, made)


def _build(session: Session, wanted: Wanted, shop: Workshop, maker: Maker, vex: bytes | None, out: Path) -> Made:
    from gateway import __version__
    from gateway.bundle.build import assemble, gather
    from gateway.bundle.build import glibc as glibc_

    engines, driver = _engines(session, wanted, shop)
    found = [engines, *_gather(session, wanted, shop)]
    needed = glibc_.spelt(gather.least_glibc(found, wanted.glibc))
    heading = assemble.Heading(
        version=__version__,
        at=datetime.fromtimestamp(shop.checkout.epoch, UTC),
        profile=wanted.profile,
        python=wanted.python,
        platform=f"manylinux_{needed.replace('.', '_')}_{_MACHINE}",
        glibc=needed,
        driver=driver,
    )
    parts = [part for one in found for part in one.items]
    with session.output.progress("Papers: bill of materials, licences, provenance"):
        items = assemble.with_papers(parts, heading, _origin(wanted, shop, vex), maker)
    with session.output.bar(f"Writing {out.name}, MiB") as told:
        return assemble.write(out, items, heading, maker, told=told)


def _build_on(
    session: Session, file: Path, wanted: Wanted, shop: Workshop, maker: Maker, vex: bytes | None, out: Path
) -> Made:
    """Build policies or models alone."""
    from gateway.bundle.build import assemble, gather, partial

    with session.output.progress(f"Reading {file.name}"):
        base = partial.read_base(file, maker)
    heading = partial.heading_on(base, wanted.carries, datetime.fromtimestamp(shop.checkout.epoch, UTC))
    found = (
        gather.policies(wanted.policies, shop, functools.partial(_judge, session))
        if wanted.carries == "policies"
        else gather.models(wanted.models, shop, wanted.store)
    )
    with session.output.progress("Papers: bill of materials, licences, provenance"):
        items = partial.exchanged(base, found.items, heading, _origin(wanted, shop, vex), maker)
    with session.output.bar(f"Writing {out.name}, MiB") as told:
        return assemble.write(out, items, heading, maker, leaves_out=partial.left_out(base, items), told=told)


def _origin(wanted: Wanted, shop: Workshop, vex: bytes | None) -> Origin:
    from gateway.bundle.build import archive, assemble, gather

    locks = {f"locks/{name}.txt": archive.sha256_of(shop.lock(name)) for name in (*gather.LOCKS, "detect")}
    return assemble.Origin(shop.checkout.source(), wanted.told(), locks, vex)


def _advisories(file: Path | None) -> bytes | None:
    from gateway.bundle.build import advisories

    return None if file is None else advisories.read(file)


def _engines(session: Session, wanted: Wanted, shop: Workshop) -> tuple[Found, str]:
    """The engines of the profile cuda that were built here, and the least driver. Nothing for cpu."""
    from gateway.bundle.build import cuda, gather

    if wanted.profile == "cpu":
        return gather.Found(()), ""
    wheels = gather.from_wheelhouse(wanted.wheelhouse) if wanted.wheelhouse else []
    with session.output.progress("The engines for GPUs"):
        built, majors = cuda.built(ROOT / ".sekisho" / "engines", shop.checkout.epoch, shop.declared)
    cuda.check_some(built, wheels)
    return built, cuda.least_driver((*majors, *cuda.majors_of(wheels)), wanted.driver)


def _gather(session: Session, wanted: Wanted, shop: Workshop) -> Iterable[Found]:
    from gateway.bundle.build import gather, wheels

    with session.output.progress("Wheels: fetching by hash, reading each"):
        needed = gather.dependencies(shop)
        engines = gather.from_wheelhouse(wanted.wheelhouse) if wanted.wheelhouse else []
    with session.output.progress("The program's own wheel"):
        program = gather.program(shop)
    wheels.check_alone([*needed, *engines, program])
    yield gather.of_wheels(needed, "wheel", shop)
    yield gather.of_wheels(engines, "engine", shop)
    yield gather.of_wheels([program], "program", shop)
    with session.output.progress("OPA, Redis, models, policies, installer"):
        yield gather.opa(shop)
        yield gather.redis(shop)
        yield gather.models(wanted.models, shop, wanted.store)
        yield gather.policies(wanted.policies, shop, functools.partial(_judge, session))
        yield gather.installer(shop)
    with session.output.progress("The detectors' models"):
        yield gather.detectors(shop)
    with session.output.progress("The documentation"):
        yield gather.documentation(shop)


def _judge(session: Session, folder: Path) -> None:
    """Check and test policies as `sekisho policy` does. Raises SetupError."""
    from gateway.policy.life import build as policies
    from gateway.policy.opa.program import find_opa

    opa = find_opa(session.settings)
    policies.check(opa, folder)
    failed = policies.test(opa, folder).failed
    if failed:
        raise SetupError(f"The policies' own tests fail: {failed[0]}.", "Mend them: sekisho policy test")


_Word = TypeVar("_Word", bound=str)


def _one_of(what: str, said: str, known: Sequence[_Word]) -> _Word:
    for one in known:
        if said == one:
            return one
    raise SetupError(f"There is no {what} {said}.", f"Known: {', '.join(known)}.", exit_code=USED_WRONGLY)


def _version(said: str) -> tuple[int, int]:
    major, dot, minor = said.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise SetupError(f"{said} is no version of glibc.", "Write it as 2.34.", exit_code=USED_WRONGLY)
    return int(major), int(minor)


def _shop(checkout: Any, cache: Path, work: Path, wanted: Wanted) -> Workshop:
    from gateway.bundle.build import licences
    from gateway.bundle.build.fetch import Target
    from gateway.bundle.build.gather import Workshop

    declared = licences.read_declared(ROOT / "offline-bundle" / "licences.yaml")
    return Workshop(checkout, cache, work, Target(wanted.python, _MACHINE, wanted.glibc), declared)


def _maker(folder: Path, roles_file: Path | None) -> Maker:
    """Read the maker's folder; keys under a passphrase ask for it. Raises SetupError."""
    from gateway.bundle.build.assemble import Maker
    from gateway.bundle.repository import keys, metadata, roles
    from gateway.cli.bundle_keys import newest_root

    newest = newest_root(folder)
    missing = metadata.lacking(newest)
    if missing:
        raise SetupError(f"The newest root lacks signatures: {missing}.", "Each of them: sekisho bundle keys sign")
    held = keys.of_folder(folder / "keys")
    opened = {one.public.keyid: _opened(one.path) for one in held if not one.name.startswith("root-")}
    signers = {
        role: [opened[keyid] for keyid in newest.signed.roles[role].keyids if keyid in opened]
        for role in ("targets", "snapshot", "timestamp")
    }
    files = (folder / "roots").glob("*.root.json")
    roots = {int(file.name.partition(".")[0]): file.read_bytes() for file in files}
    return Maker(roots, signers, roles.read(roles_file))


def _opened(path: Path) -> CryptoSigner:
    from gateway.bundle.repository import keys
    from gateway.cli.private_key import ask_passphrase

    return keys.signer(path, ask_passphrase(path).encode() if keys.needs_passphrase(path) else b"")


def _tell(session: Session, made: Made) -> None:
    sizes: dict[str, tuple[int, int]] = {}
    for part in made.release.parts:
        count, length = sizes.get(part.kind, (0, 0))
        sizes[part.kind] = (count + 1, length + part.length)
    data = {
        "file": str(made.file),
        "sha256": made.sha256,
        "bytes": made.length,
        "root_sha256": made.root_sha256,
        "install_sha256": made.install_sha256,
        "version": made.release.version,
        "glibc": made.release.glibc,
        "platform": made.release.platform,
        "parts": {kind: {"files": count, "bytes": length} for kind, (count, length) in sorted(sizes.items())},
    }
    ordered = sorted(sizes.items(), key=lambda one: -one[1][1])
    rows = [(kind, str(count), f"{length / 1e6:,.1f}") for kind, (count, length) in ordered]
    session.output.table(f"{made.file}", ("part", "files", "MB"), rows, data)
    if session.output.as_json:
        return
    print(f"{made.length / 1e6:,.1f} MB, glibc {made.release.glibc} or newer.")
    print(f"SHA-256 of the file        {made.sha256}")
    print(f"SHA-256 of the root        {made.root_sha256}   <- to be told by another way")
    print(f"SHA-256 of install.sh      {made.install_sha256}")
