"""A bundle that a gateway brings is judged by the node alone; refused, it is gone and the node serves as before."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joined_nodes import PROMPT, JoinedNode, node

from gateway.bundle import release as release_
from gateway.bundle.install.machine import Machine
from gateway.bundle.install.prefix import Accepted, Prefix
from gateway.bundle.install.verify import verify
from gateway.bundle.release import Part, Release
from gateway.engines.node_link import BundleFiles, NodeLink, NodeRefused
from gateway.engines.node_wire import Order
from gateway.fleet.nodes.push import Pusher
from gateway.node.bundles import Bundles

FILES = {"opa": b"a program" * 5000, "docs.tar.gz": b"pages"}
ORDER = Order("ab" * 16, {"name": "tiny", "sha256": "0" * 64}, 512, 2)


def a_release(version: str, platform: str = "manylinux_2_34_x86_64") -> bytes:
    parts = tuple(
        Part(kind="docs", name=name, sha256=hashlib.sha256(raw).hexdigest(), length=len(raw), place=f"share/{name}")
        for name, raw in FILES.items()
    )
    said = Release(
        version=version, built_at="2026-11-01T13:00:00Z", profile="cpu", python="3.11", platform=platform,
        glibc="2.34", parts=parts,
    )  # fmt: skip
    return release_.encode(said)


def packed(maker, file: Path, version: str = "2", **more: str) -> Path:
    """Release a version and pack it as `bundle build` does: one folder at the top."""
    for old in maker.targets.glob("*.release.json"):
        old.unlink()
    maker.release({**FILES, release_.NAME: a_release(version, **more)})
    with tarfile.open(file, "w") as tar:
        tar.add(maker.metadata.parent, "sekisho-2-cpu")
    return file


def installed(maker, folder: Path, bundle: Path) -> Prefix:
    """An installation that accepted what the maker has now."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    found = verify(maker.metadata.parent, maker.first_root, scratch, at=maker.at)
    place = Prefix(folder / "prefix")
    place.trusted.mkdir(parents=True)
    at = f"{maker.at:%Y-%m-%dT%H:%M:%SZ}"
    said = Accepted(
        version="1", folder="1-1", release_sha256=found.release_sha256, snapshot=found.snapshot, at=at
    )  # fmt: skip
    place.accept(said, found.accepted)
    return place


@pytest.fixture
async def site(maker, tmp_path: Path) -> AsyncIterator[tuple[JoinedNode, NodeLink, Path]]:
    """A node that accepted version 1, its gateway's link, and the bundle of version 1."""
    older = packed(maker, tmp_path / "1.tar", "1")
    place = installed(maker, tmp_path / "node", older)
    here = Machine("x86_64", (2, 36), "3.11", datetime(2026, 11, 23, tzinfo=UTC))
    bundles = Bundles(tmp_path / "node" / "bundles", place, lambda: maker.at, lambda: here)
    async with node(tmp_path / "node", bundles=bundles) as gpu1:
        link = gpu1.link()
        await link.load(ORDER)
        yield gpu1, link, older
        await link.close()


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def brought(link: NodeLink, file: Path) -> str:
    await Pusher(BundleFiles(link)).push(digest_of(file), file)
    return digest_of(file)


async def refusal_of(link: NodeLink, file: Path) -> str:
    digest = await brought(link, file)
    with pytest.raises(NodeRefused) as refused:
        await link.judge(digest)
    return refused.value.code


async def serves(link: NodeLink) -> bool:
    async with aclosing(link.answer(ORDER.id, PROMPT, 100)) as chunks:
        return "".join([choice.content or "" async for chunk in chunks for choice in chunk.choices]) == "abc"


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "node" / "bundles").iterdir())


async def test_a_newer_bundle_is_believed_and_nothing_is_installed(site, maker, tmp_path: Path) -> None:
    _, link, _ = site
    before = (tmp_path / "node/prefix/state/accepted.json").read_bytes()
    judged = await link.judge(await brought(link, packed(maker, tmp_path / "2.tar")))
    assert (judged.release, judged.profile, judged.carries, judged.accepted) == ("2", "cpu", "all", False)
    assert judged.snapshot == int(maker.at.timestamp())
    assert (tmp_path / "node/prefix/state/accepted.json").read_bytes() == before
    assert await serves(link)


async def test_the_one_that_was_accepted_last_is_known(site) -> None:
    _, link, older = site
    assert (await link.judge(await brought(link, older))).accepted


async def test_another_makers_bundle_is_refused(site, maker, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = type(maker)(tmp_path / "other")
    stranger.at = maker.at
    assert await refusal_of(site[1], packed(stranger, tmp_path / "2.tar")) == "bundle.signature"
    assert left_in(tmp_path) == []
    assert await serves(site[1])


async def test_an_older_bundle_is_refused(site, maker, tmp_path: Path) -> None:
    _, link, older = site
    place = installed_anew(maker, tmp_path)
    assert place.accepted() is not None
    assert await refusal_of(link, older) == "bundle.rolled_back"
    assert left_in(tmp_path) == []
    assert await serves(link)


def installed_anew(maker, tmp_path: Path) -> Prefix:
    """Let the node's installation accept a later release."""
    packed(maker, tmp_path / "3.tar", "3")
    scratch = tmp_path / "later"
    scratch.mkdir()
    place = Prefix(tmp_path / "node" / "prefix")
    found = verify(maker.metadata.parent, b"", scratch, trusted=place.trusted, at=maker.at)
    at = f"{maker.at:%Y-%m-%dT%H:%M:%SZ}"
    said = Accepted(version="3", folder="2-3", release_sha256=found.release_sha256, snapshot=found.snapshot, at=at)
    place.accept(said, found.accepted)
    return place


async def test_a_tampered_bundle_is_refused(site, maker, tmp_path: Path) -> None:
    file = packed(maker, tmp_path / "2.tar")
    file.write_bytes(file.read_bytes().replace(b"a program", b"a Program", 1))
    assert await refusal_of(site[1], file) == "bundle.tampered"
    assert left_in(tmp_path) == []
    assert await serves(site[1])


async def test_a_bundle_of_another_machine_is_refused(site, maker, tmp_path: Path) -> None:
    file = packed(maker, tmp_path / "2.tar", platform="manylinux_2_34_aarch64")
    assert await refusal_of(site[1], file) == "bundle.platform"


async def test_what_has_ended_by_the_nodes_own_log_is_refused(maker, tmp_path: Path) -> None:
    place = installed(maker_with(maker, tmp_path), tmp_path / "node", tmp_path)
    later = datetime(2036, 11, 23, tzinfo=UTC)
    here = Machine("x86_64", (2, 36), "3.11", later)
    async with node(tmp_path / "n", bundles=Bundles(tmp_path / "b", place, lambda: later, lambda: here)) as gpu1:
        link = gpu1.link()
        assert await refusal_of(link, packed(maker, tmp_path / "2.tar")) == "bundle.expired"
        await link.close()


def maker_with(maker, tmp_path: Path):
    packed(maker, tmp_path / "1.tar", "1")
    return maker


def holes() -> bytes:
    """A tar whose one member is a terabyte, all of it a hole: PAX's way to say so (GNU sparse format 0.1)."""
    info = tarfile.TarInfo("top/x")
    info.pax_headers = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
    return info.tobuf(tarfile.PAX_FORMAT) + b"\0" * 20480


async def test_what_would_unpack_to_more_than_itself_is_refused(site, maker, tmp_path: Path) -> None:
    whole = packed(maker, tmp_path / "2.tar").read_bytes()
    small = tmp_path / "small.tar"
    small.write_bytes(gzip.compress(whole, mtime=0))
    assert await refusal_of(site[1], small) == "bundle.malformed"
    small.write_bytes(holes())
    assert await refusal_of(site[1], small) == "bundle.endless"
    assert left_in(tmp_path) == []


async def test_no_tar_and_an_empty_tar_are_refused(site, tmp_path: Path) -> None:
    file, empty = tmp_path / "x.tar", io.BytesIO()
    file.write_bytes(b"no tar" * 1000)
    assert await refusal_of(site[1], file) == "bundle.truncated"
    tarfile.open(fileobj=empty, mode="w").close()
    file.write_bytes(empty.getvalue())
    assert await refusal_of(site[1], file) == "bundle.malformed"


async def test_a_push_that_was_cut_goes_on_and_half_a_bundle_is_not_judged(site, maker, tmp_path: Path) -> None:
    _, link, _ = site
    file = packed(maker, tmp_path / "2.tar")
    raw, digest, files = file.read_bytes(), digest_of(file), BundleFiles(link)
    await files.put(digest, 0, len(raw), raw[:9000])  # and its gateway is killed
    with pytest.raises(NodeRefused, match=r"node\.no_bundle"):
        await link.judge(digest)
    pusher = Pusher(files)
    await pusher.push(digest, file)
    assert pusher.sent_bytes == len(raw) - 9000
    assert (await link.judge(digest)).release == "2"


async def test_one_bundle_lies_there_at_a_time(site, maker, tmp_path: Path) -> None:
    _, link, older = site
    first = await brought(link, older)
    second = await brought(link, packed(maker, tmp_path / "2.tar"))
    files = BundleFiles(link)
    assert await files.held(first) == (0, False)
    assert (await files.held(second))[1]
    await files.forget(second)
    assert left_in(tmp_path) == []


async def test_a_machine_without_an_installation_takes_no_byte(tmp_path: Path) -> None:
    async with node(tmp_path) as gpu1:
        link = gpu1.link()
        for ask in (BundleFiles(link).put("0" * 64, 0, 10, b"0123456789"), link.judge("0" * 64)):
            with pytest.raises(NodeRefused, match=r"node\.not_installed"):
                await ask
        assert not (tmp_path / "bundles").exists()
        await link.close()


def test_what_a_killed_judgement_left_goes_with_the_next_start(tmp_path: Path) -> None:
    (tmp_path / ".judging-x" / "bundle").mkdir(parents=True)
    Bundles(tmp_path, None, lambda: None)
    assert not (tmp_path / ".judging-x").exists()
