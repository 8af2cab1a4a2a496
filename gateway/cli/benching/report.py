"""The report of a run, ``sekisho.bench/1``: what was asked, of whom, on which machine, and the figures."""

from __future__ import annotations

import os
import platform
from typing import Literal

import msgspec

from gateway.cli.benching.figures import Figure

EqualLength = Literal["end tokens forbidden", "ignore_eos", "no"]
"""How answers were kept equally long."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    callers: list[int]
    prompt_tokens: int
    output_tokens: int
    rounds: int
    seconds: float
    equal_length: EqualLength


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that measured; it computes too when ``here``. No host name, no paths."""

    cpu: str
    cores: int
    features: list[str]
    memory_mib: int
    gpus: list[str]
    system: str
    kernel: str
    python: str
    load_before: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    measured_at: str
    sekisho: str
    url: str
    own_gateway: bool
    here: bool
    model: str
    asked: Asked
    machine: Host
    power: str
    figures: list[Figure]
    notes: list[str]
    version: Literal["sekisho.bench/1"] = "sekisho.bench/1"


def host() -> Host:
    """Return this machine in words."""
    from gateway.fleet.fit.devices import look

    machine = look()
    return Host(
        cpu=machine.ram.name,
        cores=len(os.sched_getaffinity(0)),
        features=sorted(machine.features),
        memory_mib=machine.ram.total // 1024**2,
        gpus=[f"{gpu.name}, {gpu.total // 1024**2} MiB" for gpu in machine.gpus],
        system=_system(),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_before=round(os.getloadavg()[0], 2),
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
