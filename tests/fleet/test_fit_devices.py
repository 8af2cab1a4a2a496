"""What a machine has: files as kernels show them, of both versions of control groups; a small driver for two GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.fleet.fit.devices import features, look, ram
from gateway.fleet.fit.memory import Parts, Price
from gateway.fleet.fit.taken import resident_bytes, spare_bytes, taken

MIB, GIB = 1024**2, 1024**3

MEMINFO = "MemTotal: 33554432 kB\nMemFree: 1000 kB\nMemAvailable: 25165824 kB\nMapped: 1048576 kB\n"
UNIFIED = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
OLD = "35 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine of 32 GiB, 24 of them available, of which one is mapped; in no control group."""
    put(tmp_path, "proc/meminfo", MEMINFO)
    put(tmp_path, "proc/cpuinfo", "model name\t: A Processor\nflags\t\t: fpu avx2 avx512f amx_tile amx_int8\n")
    return tmp_path


def group(
    root: Path, folder: str, limit: str, used: int, *, high: str = "max", cached: int = 0, mapped: int = 0
) -> None:
    at = f"sys/fs/cgroup/{folder}"
    put(root, f"{at}/memory.max", f"{limit}\n")
    put(root, f"{at}/memory.high", f"{high}\n")
    put(root, f"{at}/memory.current", f"{used}\n")
    put(root, f"{at}/memory.stat", f"inactive_file {cached}\nactive_file 0\nfile_mapped {mapped}\n")


def old_group(root: Path, folder: str, limit: int, used: int, *, cached: int = 0, mapped: int = 0) -> None:
    at = f"sys/fs/cgroup/memory/{folder}"
    put(root, f"{at}/memory.limit_in_bytes", f"{limit}\n")
    put(root, f"{at}/memory.usage_in_bytes", f"{used}\n")
    stat = f"total_inactive_file {cached}\ntotal_active_file 0\ntotal_mapped_file {mapped}\n"
    put(root, f"{at}/memory.stat", stat)


def member(root: Path, lines: str, mounts: str) -> None:
    put(root, "proc/self/cgroup", lines)
    put(root, "proc/self/mountinfo", mounts)


def test_what_is_mapped_is_in_use(root: Path) -> None:
    found = ram(root)

    assert (found.id, found.name, found.total, found.free) == ("ram", "A Processor", 32 * GIB, 23 * GIB)


def test_a_control_group_narrows_it(root: Path) -> None:
    member(root, "0::/box\n", UNIFIED)
    group(root, "box", str(8 * GIB), 5 * GIB, cached=2 * GIB, mapped=GIB)

    found = ram(root)

    assert (found.total, found.free) == (8 * GIB, 4 * GIB)
    assert found.limit.endswith("/sys/fs/cgroup/box")


def test_the_narrowest_of_nested_groups_counts(root: Path) -> None:
    member(root, "0::/site/box/engine\n", UNIFIED)
    group(root, "site", str(16 * GIB), 15 * GIB)
    group(root, "site/box", str(8 * GIB), 2 * GIB)
    group(root, "site/box/engine", "max", GIB)

    assert ram(root).free == GIB


def test_where_the_kernel_slows_a_group_down_is_a_limit_too(root: Path) -> None:
    member(root, "0::/box\n", UNIFIED)
    group(root, "box", str(8 * GIB), GIB, high=str(3 * GIB))

    assert ram(root).free == 2 * GIB


def test_groups_of_the_first_version_count_too(root: Path) -> None:
    member(root, "4:memory:/site/box\n3:cpu:/other\n0::/\n", OLD)
    old_group(root, ".", (1 << 63) - 4096, 30 * GIB)
    old_group(root, "site", 6 * GIB, 5 * GIB, cached=GIB)
    old_group(root, "site/box", 1 << 62, GIB)

    assert ram(root).free == 2 * GIB


def test_a_container_that_sees_only_its_own_group_is_limited_by_that(root: Path) -> None:
    member(root, "0::/../../elsewhere\n", UNIFIED)
    group(root, ".", str(4 * GIB), GIB)

    assert ram(root).free == 3 * GIB


def test_a_mount_of_a_part_of_the_tree_is_read_from_there(root: Path) -> None:
    member(root, "0::/docker/abc/inner\n", UNIFIED.replace(" / /sys", " /docker/abc /sys"))
    group(root, "inner", str(2 * GIB), GIB)

    assert ram(root).free == GIB


def test_no_limit_is_no_limit(root: Path) -> None:
    member(root, "0::/box\n", UNIFIED)
    group(root, "box", "max", GIB)

    assert (ram(root).free, ram(root).limit) == (23 * GIB, "")


def test_a_group_that_is_over_its_limit_leaves_nothing(root: Path) -> None:
    member(root, "0::/box\n", UNIFIED)
    group(root, "box", str(GIB), 2 * GIB)

    assert ram(root).free == 0


def test_what_the_processor_can(root: Path) -> None:
    assert features(root) == {"avx2", "avx512", "amx"}
    put(root, "proc/cpuinfo", "Features\t: fp asimd\n")
    assert features(root) == {"neon"}


def test_this_machine_can_be_looked_at() -> None:
    machine = look()

    assert 0 < machine.ram.free <= machine.ram.total
    assert machine.devices[0] is machine.ram


def test_what_a_process_has_is_what_the_kernel_counts() -> None:
    shown = resident_bytes(os.getpid())
    price = Price({"ram": Parts()}, 0, 5 * MIB, rough=False)

    assert shown > 10 * MIB
    assert abs(taken(os.getpid(), price)["ram"] - (shown - 5 * MIB) // MIB) < 16
    assert taken(2**22 - 1, price) == {}


def test_pages_that_are_mapped_for_nothing_could_be_had_by_others() -> None:
    """This process has some 20 MiB of libraries mapped."""
    mine = os.getpid()

    assert spare_bytes(mine, Price({}, 0, 5 * MIB, rough=False)) == 5 * MIB
    assert spare_bytes(mine, Price({}, 0, 5 * MIB, rough=False, mapped=100 * GIB)) == 0  # taken back already
    assert spare_bytes(2**22 - 1, Price({}, 0, 5 * MIB, rough=False)) == 0


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The folder of a driver's library with two GPUs."""
    folder = tmp_path_factory.mktemp("driver")
    source, library = repository / "tests/fakes/fake_nvml.c", folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-o", str(library), str(source)], check=True, timeout=60)
    return folder


def asked(driver: Path, question: str, state: str = "") -> list[object]:
    """What a process with that driver says to a question, in JSON."""
    code = f"import json\nfrom gateway.fleet.fit import devices, taken\nprint(json.dumps({question}))"
    environment = {"LD_LIBRARY_PATH": str(driver), "FAKE_NVML": state}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return list(json.loads(done.stdout))


@pytest.mark.real
def test_gpus_are_as_their_driver_counts_them(driver: Path) -> None:
    shown = "[[d.id, d.name, d.total, d.free, d.watts, d.watts_limit, d.compute] for d in devices.look().gpus]"

    assert asked(driver, shown) == [
        ["gpu:0", "Large GPU", 80 * GIB, 60 * GIB, 412.5, 700.0, "9.0"],
        ["gpu:1", "Small GPU", 24 * GIB, 24 * GIB, -1.0, -1.0, "8.6"],
    ]


@pytest.mark.real
@pytest.mark.parametrize("state", ["absent", "lost"])
def test_a_driver_that_fails_is_said_and_no_gpu_is_used(driver: Path, state: str) -> None:
    gpus, problem = asked(driver, "[len(devices.look().gpus), devices.look().problem]", state)

    assert gpus == 0
    assert str(problem).startswith("The NVIDIA driver does not")


@pytest.mark.real
def test_what_a_process_has_on_gpus_is_what_the_driver_counts(driver: Path) -> None:
    assert asked(driver, "list(taken.on_gpus(4242).items())") == [["gpu:0", 3072]]


def test_no_driver_is_no_gpu_and_no_problem() -> None:
    machine = look()

    assert machine.gpus or not machine.problem
