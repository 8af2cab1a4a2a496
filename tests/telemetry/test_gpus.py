"""A GPU's energy is its driver's count, or power times time; the event loop never waits for the driver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.telemetry.gpus import Gpu, Told


class Driver:
    """Draws ``watts`` since the start, counts it where it does, and has a clock that is set by hand."""

    def __init__(self, *, counts: bool = True, tells: bool = True) -> None:
        self.now = 100.0
        self.watts = 200.0
        self.is_well = True
        self._microjoules = 5e9
        self._counts, self._tells = counts, tells

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self._microjoules += self.watts * seconds * 1e6

    def ask(self) -> Told:
        if not self.is_well:
            raise OSError
        return Told(self._microjoules if self._counts else None, self.watts if self._tells else None)

    def gpu(self) -> Gpu:
        """Return one that woke just now and was looked at once."""
        gpu = Gpu(self.ask, lambda: self.now, looks=False)
        gpu.wake()
        gpu.look()
        assert gpu.read() == 0.0
        return gpu


def test_what_the_driver_counted_is_what_was_used() -> None:
    driver = Driver(tells=False)
    gpu = driver.gpu()
    driver.passes(2.0)
    gpu.look()

    assert gpu.read() == pytest.approx(400e6)
    assert gpu.read() == 0.0


def test_between_two_looks_the_power_goes_on_and_the_next_look_makes_it_good() -> None:
    driver = Driver()
    gpu = driver.gpu()
    driver.passes(0.05)
    assert gpu.read() == pytest.approx(10e6)  # 200 W
    driver.watts = 100.0
    driver.passes(0.05)
    carried = gpu.read()
    gpu.look()
    assert carried + gpu.read() == pytest.approx(10e6)  # too much: 15 J in all were used, 20 carried on
    driver.passes(0.15)
    gpu.look()
    assert gpu.read() == pytest.approx(10e6)  # 15 J, less the 5 that were told before


def test_an_old_power_is_not_carried_on_for_long() -> None:
    driver = Driver()
    gpu = driver.gpu()
    driver.now += 60.0

    assert gpu.read() == pytest.approx(0.3 * 200e6)


def test_without_a_counter_it_is_power_by_time() -> None:
    driver = Driver(counts=False)
    gpu = driver.gpu()
    driver.now, driver.watts = driver.now + 1.0, 400.0
    gpu.look()

    assert gpu.read() == pytest.approx(300e6)


def test_the_moment_before_the_first_look_counts() -> None:
    driver = Driver()
    gpu = Gpu(driver.ask, lambda: driver.now, looks=False)
    gpu.wake()
    driver.passes(0.02)
    gpu.look()

    assert gpu.read() == pytest.approx(4e6)


def test_what_is_used_while_it_sleeps_is_nobodys() -> None:
    driver = Driver()
    gpu = driver.gpu()
    gpu.rest()
    driver.passes(0.5)
    assert gpu.is_wanted()  # the next answer often comes soon
    driver.passes(1.0)
    assert not gpu.is_wanted()
    driver.passes(3600.0)
    gpu.wake()
    gpu.look()

    assert gpu.is_wanted()
    assert gpu.read() == 0.0


def test_a_driver_that_fails_ends_the_measuring() -> None:
    driver = Driver()
    gpu = driver.gpu()
    driver.is_well = False
    gpu.look()

    assert not gpu.is_wanted()
    with pytest.raises(OSError):
        gpu.read()


CODE = """
import json, time
from gateway.telemetry.energy import EnergyMeter
from gateway.telemetry.gpus import nvidia
sources = nvidia()
meter = EnergyMeter(sources)
share = meter.begin("a", [name for name, each in sources.items() if each])
time.sleep(0.9)
used = share.end()
print(json.dumps([dict(meter.measured()), used and used.own_mj / used.seconds / 1e3]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The folder of a driver's library with two GPUs, of which the first draws 412.5 W."""
    folder = tmp_path_factory.mktemp("driver")
    source, library = repository / "tests/fakes/fake_nvml.c", folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-o", str(library), str(source)], check=True, timeout=60)
    return folder


@pytest.mark.real
@pytest.mark.parametrize(
    ("state", "measured", "watts"),
    [
        ("", {"gpu:0": True, "gpu:1": False}, 412.5),
        ("old", {"gpu:0": True, "gpu:1": False}, 412.5),
        ("fails", {"gpu:0": False, "gpu:1": False}, None),
        ("absent", {"gpu": False}, None),
        ("lost", {"gpu": False}, None),
    ],
)
def test_gpus_are_measured_as_their_driver_tells(
    library: Path, state: str, measured: dict[str, bool], watts: float | None
) -> None:
    environment = {"LD_LIBRARY_PATH": str(library), "FAKE_NVML": state}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, check=True, timeout=60)

    shown, drawn = json.loads(done.stdout)

    assert shown == measured
    assert drawn == (None if watts is None else pytest.approx(watts, rel=0.1))
