"""Licences, advisories, Go modules, Redis, engines and tags: what is read, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.bundle.build import advisories, archive, cuda, debian, gather, golang, licences
from gateway.bundle.build.fetch import Target
from gateway.errors import SetupError
from tests.bundle.build.world import declared, judged, make_wheel


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT", "Apache-2.0 OR MIT"),
        ("License: MIT", "MIT"),
        ("License: Apache 2.0\nClassifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License", ""),  # which of them?
        ("Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: Other", ""),
        ("License: Apache License, Version 2.0", ""),
        ("Author: nobody", ""),
    ],
)
def test_what_a_wheel_says_of_its_licence(tmp_path: Path, said: str, licence: str) -> None:
    wheel = judged(make_wheel(tmp_path, "thing", "1", {}, said))

    assert licences.of_wheel(wheel, {}) == licence
    assert licences.of_wheel(wheel, declared(thing="ISC")) == "ISC"


def test_every_licence_that_was_declared_is_spdx(repository: Path) -> None:
    found = licences.read_declared(repository / "offline-bundle" / "licences.yaml")

    assert found["jinja2"].licence == "BSD-3-Clause"


def test_a_declared_licence_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "licences.yaml"
    file.write_text("x: {licence: Free, seen: nowhere}\n", encoding="utf-8")

    with pytest.raises(SetupError, match="Free of x is no SPDX expression"):
        licences.read_declared(file)


VEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "author": "a",
    "timestamp": "2026-11-01T00:00:00Z",
    "statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}],
}


@pytest.mark.parametrize(
    ("document", "form"),
    [
        (VEX, "openvex"),
        ({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": []}, "cyclonedx"),
        ({"id": "GHSA-1", "modified": "2026-11-01T00:00:00Z"}, "osv"),
        ([{"id": "GHSA-1", "modified": "2026-11-01T00:00:00Z"}], "osv"),
        (
            {
                "document": {"csaf_version": "2.0", "title": "t", "tracking": {}, "publisher": {}},
                "vulnerabilities": [],
            },
            "csaf",
        ),
    ],
)
def test_advisories_are_known_by_form_and_kept_as_given(tmp_path: Path, document: Any, form: str) -> None:
    file = tmp_path / "vex.json"
    file.write_text(json.dumps(document, indent=7), encoding="utf-8")

    assert advisories.form_of(document) == form
    assert advisories.read(file) == file.read_bytes()


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        7,
        {"bomFormat": "CycloneDX", "specVersion": "1.6"},
        VEX | {"statements": [{"vulnerability": {"name": "CVE-1"}, "status": "harmless"}]},
        VEX | {"statements": [{"vulnerability": {"name": "CVE-1"}, "status": "not_affected"}]},
    ],
)
def test_what_are_no_advisories_is_refused(tmp_path: Path, document: Any) -> None:
    file = tmp_path / "vex.json"
    file.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(SetupError, match="cannot be taken"):
        advisories.read(file)


def test_a_go_binary_says_what_it_is_made_of() -> None:
    content = (
        b"\0path\tx\nmod\tx\t(devel)\t\ndep\tgithub.com/A/b\tv1.2.0\th1:x=\ndep\tgolang.org/x/sys\tv0.1.0\th1:y=\n\0"
    )

    assert golang.modules(content) == (("github.com/A/b", "v1.2.0"), ("golang.org/x/sys", "v0.1.0"))
    assert golang.modules(b"no Go") == ()


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("Permission is hereby granted,\n free of charge, to", "MIT"),
        ("Redistribution and use in source and binary forms ... to endorse or promote", "BSD-3-Clause"),
        ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
        ("Apache License\n   Version 2.0, January 2004", "Apache-2.0"),
        ("Do what you like.", ""),
    ],
)
def test_a_licence_is_known_by_its_text(text: str, licence: str) -> None:
    assert golang.licence_of(text) == licence


def test_a_redis_that_is_not_bsd_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis-tools_5%3a7.4.1-1_amd64.deb").touch()

    with pytest.raises(SetupError, match=r"Redis 5:7\.4\.1-1 is not under the BSD licence"):
        debian.about(tmp_path, "redis-tools", {})


def _engine(folder: Path, cuda_version: str) -> Path:
    (folder / "0123").mkdir(parents=True)
    (folder / "0123" / "llama-server").write_bytes(b"#!/bin/sh\n")
    sha256 = hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    said = {"digest": "0123", "program": "llama-server", "source": "x 1", "cuda": cuda_version}
    (folder / "0123" / "manifest.json").write_text(json.dumps(said | {"files": {"llama-server": sha256}}))
    return folder


def test_engines_built_for_cuda_are_taken_with_their_driver(tmp_path: Path) -> None:
    found, majors = cuda.built(_engine(tmp_path, "12.4"), 0, declared(**{"llama-server": "MIT"}))

    assert [one.part.name for one in found.items] == ["engine-0123.tar.gz"]
    assert cuda.least_driver(majors, "") == "525.60.13"
    assert cuda.least_driver((12, 13), "") == "580.65.06"
    assert cuda.built(_engine(tmp_path / "cpu", ""), 0, {}) == (gather.Found(()), ())


def test_an_engine_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = _engine(tmp_path, "12.4")
    (folder / "0123" / "llama-server").write_bytes(b"evil")

    with pytest.raises(SetupError, match="is not what was built: llama-server"):
        cuda.built(folder, 0, {})


def test_without_an_engine_or_a_driver_the_profile_cuda_is_refused() -> None:
    with pytest.raises(SetupError, match="no engine for a GPU"):
        cuda.check_some(gather.Found(()), [])
    with pytest.raises(SetupError, match="Nothing says which driver"):
        cuda.least_driver((), "")
    with pytest.raises(SetupError, match="Nothing says which driver"):
        cuda.least_driver((12, 99), "")


def test_platform_tags_go_from_the_newest_to_the_oldest() -> None:
    tags = Target("3.11", "x86_64", (2, 34)).tags()

    assert tags[0] == "manylinux_2_34_x86_64"
    assert tags.index("manylinux_2_17_x86_64") + 1 == tags.index("manylinux2014_x86_64")
    assert tags[-1] == "manylinux1_x86_64"


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_bytes(b"1")
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(ValueError, match="link that leads out"):
        archive.of_folder(tmp_path / "folder")


def test_a_tar_gz_says_no_time_but_its_members(tmp_path: Path) -> None:
    one = archive.tar_gz({"b": archive.Member(b"2"), "a": archive.Member(b"1", executable=True)}, 7)

    assert one == archive.tar_gz({"a": archive.Member(b"1", executable=True), "b": archive.Member(b"2")}, 7)
    assert list(archive.read_tar_gz(one)) == ["a", "b"]
    assert one[4:8] == bytes(4)
