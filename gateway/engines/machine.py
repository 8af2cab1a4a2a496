"""What this machine can run: its processor's instruction sets, its compilers, its graphics processors.

Names are the kernel's (``/proc/cpuinfo``): ``avx512_vnni``, ``amx_int8``, ``asimddp``.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from gateway.engines.shelf import BuiltEngine

_MACROS = {  # what a compiler defines for an instruction set: what the kernel calls it
    "__SSE4_2__": "sse4_2", "__AVX__": "avx", "__AVX2__": "avx2", "__FMA__": "fma", "__F16C__": "f16c",
    "__BMI__": "bmi1", "__BMI2__": "bmi2", "__LZCNT__": "abm", "__MOVBE__": "movbe", "__POPCNT__": "popcnt",
    "__AVXVNNI__": "avx_vnni", "__AVX512F__": "avx512f", "__AVX512BW__": "avx512bw", "__AVX512CD__": "avx512cd",
    "__AVX512DQ__": "avx512dq", "__AVX512VL__": "avx512vl", "__AVX512IFMA__": "avx512ifma",
    "__AVX512VBMI__": "avx512vbmi", "__AVX512VBMI2__": "avx512_vbmi2", "__AVX512VNNI__": "avx512_vnni",
    "__AVX512BITALG__": "avx512_bitalg", "__AVX512VPOPCNTDQ__": "avx512_vpopcntdq", "__AVX512BF16__": "avx512_bf16",
    "__AVX512FP16__": "avx512_fp16", "__AMX_TILE__": "amx_tile", "__AMX_INT8__": "amx_int8",
    "__AMX_BF16__": "amx_bf16", "__ARM_FEATURE_DOTPROD": "asimddp", "__ARM_FEATURE_MATMUL_INT8": "i8mm",
    "__ARM_FEATURE_FP16_VECTOR_ARITHMETIC": "asimdhp", "__ARM_FEATURE_SVE": "sve", "__ARM_FEATURE_SVE2": "sve2",
    "__ARM_FEATURE_BF16_VECTOR_ARITHMETIC": "bf16",
}  # fmt: skip
_SHOWN = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")
_GPU_DEVICES = "nvidia[0-9]*"
_PROBE_SECONDS = 30
_VERSION = re.compile(r"release (\d+\.\d+)")
_CUDA_PLACES = ("/usr/local/cuda/bin", "/opt/cuda/bin")


def processor_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return what every processor of this machine can do; empty where the kernel does not say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    told = [line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))]
    return frozenset.intersection(*map(frozenset, told)) if told else frozenset()


def shown_features(features: Iterable[str]) -> str:
    """Return those that matter to inference, for people."""
    has = set(features)
    return ", ".join(name for name in _SHOWN if name in has)


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether a graphics processor of NVIDIA's has a device file here."""
    return any(devices.glob(_GPU_DEVICES))


def why_not(built: BuiltEngine, features: frozenset[str], architecture: str = "") -> str:
    """Say why a built engine cannot run on a processor with these features; "" when it can."""
    here = architecture or platform.machine()
    if built.architecture != here:
        return f"It was built for {built.architecture}; this is {here}."
    lacking = sorted(set(built.needs) - features)
    return f"This processor lacks {', '.join(lacking)}." if lacking else ""


def needs_of(compiler: str, flags: Iterable[str]) -> tuple[str, ...]:
    """Return what a processor must have to run what ``compiler`` makes with ``flags``, sorted.

    Raises:
        OSError, subprocess.SubprocessError: the compiler cannot be asked.
    """
    command = [compiler, *flags, "-dM", "-E", "-x", "c", "/dev/null"]
    done = subprocess.run(  # noqa: S603 - the compiler that the operator has installed
        command, capture_output=True, text=True, check=True, timeout=_PROBE_SECONDS
    )
    defined = {line.split(None, 2)[1] for line in done.stdout.splitlines() if line.startswith("#define ")}
    return tuple(sorted(name for macro, name in _MACROS.items() if macro in defined))


def first_line(program: str, *arguments: str) -> str:
    """Return the first line that a program prints of itself; "" when it does not."""
    try:
        done = subprocess.run(  # noqa: S603 - a tool that the operator has installed
            [program, *arguments], capture_output=True, text=True, check=True, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()


def cuda_compiler() -> tuple[str, str]:
    """Return the path of ``nvcc`` and the toolkit's version; two empty strings where there is none."""
    found = shutil.which("nvcc") or next((p for each in _CUDA_PLACES if (p := shutil.which("nvcc", path=each))), "")
    if not found:
        return "", ""
    try:
        done = subprocess.run(  # noqa: S603 - a tool that the operator has installed
            [found, "--version"], capture_output=True, text=True, check=False, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return "", ""
    version = _VERSION.search(done.stdout)
    return (found, version[1]) if version else ("", "")


def cuda_architectures(version: str) -> tuple[str, ...]:
    """Return what to build for: from 75 (Turing) to 120 (Blackwell), as far as a toolkit of this version knows them.

    Source: the release notes of the CUDA toolkit. 89 and 90 came with 11.8, 100 and 120 with 12.8; 13.0 dropped what
    is below 75.
    """
    known = tuple(int(part) for part in version.split("."))
    wanted = ["75", "80", "86"]
    wanted += ["89", "90"] if known >= (11, 8) else []
    wanted += ["100", "120"] if known >= (12, 8) else []
    return tuple(wanted)
