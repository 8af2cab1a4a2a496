"""Energy is shared by the answers that were made at that moment on the same device, and is never made up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.telemetry import energy
from gateway.telemetry.energy import EnergyMeter, counters
from gateway.telemetry.metrics import Metrics


class Machine:
    """A ``powercap`` folder as the kernel shows it.

    ========================  =============================================================
    ``intel-rapl:0``, ``:1``  two packages
    ``intel-rapl:0:0``        a package's cores, which are in it
    ``intel-rapl:0:1``        its memory modules, which not every processor tells
    ``intel-rapl:2``          the platform, with the packages in it
    ``intel-rapl-mmio:0``     the first package again, by another door
    ========================  =============================================================
    """

    def __init__(self, folder: Path, packages: int = 1) -> None:
        self.folder = folder
        zones = {"intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:2": "psys"}
        zones |= {f"intel-rapl:{number}": f"package-{number}" for number in range(packages)}
        for zone, name in (*zones.items(), ("intel-rapl-mmio:0", "package-0")):
            (folder / zone).mkdir()
            (folder / zone / "name").write_text(f"{name}\n")
            (folder / zone / "max_energy_range_uj").write_text("1000000\n")
            (folder / zone / "energy_uj").write_text("0\n")

    def says(self, microjoules: int, zone: str = "intel-rapl:0") -> None:
        (self.folder / zone / "energy_uj").write_text(f"{microjoules}\n")

    def meter(self) -> EnergyMeter:
        return EnergyMeter({"cpu": counters(self.folder)})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class Gpu:
    """A GPU's counter, set by hand. ``awake`` is whether answers are made on it."""

    def __init__(self) -> None:
        self.used = 0.0
        self.awake = False

    def wake(self) -> None:
        self.awake = True

    def rest(self) -> None:
        self.awake = False

    def read(self) -> float:
        used, self.used = self.used, 0.0
        return used


def own(share: energy.Share) -> int | None:
    used = share.end()
    return None if used is None else used.own_mj


def test_packages_are_read_and_neither_their_parts_nor_the_platform(tmp_path: Path) -> None:
    machine = Machine(tmp_path, packages=2)

    assert [each.path.parent.name for each in counters(machine.folder)] == ["intel-rapl:0", "intel-rapl:1"]


def test_all_packages_are_one_figure(tmp_path: Path) -> None:
    machine = Machine(tmp_path, packages=2)
    share = machine.meter().begin()
    machine.says(30_000)
    machine.says(12_000, "intel-rapl:1")
    machine.says(90_000, "intel-rapl:2")

    assert own(share) == 42


def test_where_one_package_cannot_be_read_half_a_figure_is_none(tmp_path: Path) -> None:
    counter = Machine(tmp_path, packages=2).folder / "intel-rapl:1/energy_uj"
    if os.geteuid() == 0:  # who may read everything still cannot read a folder
        counter.unlink()
        counter.mkdir()
    else:
        counter.chmod(0)

    assert counters(tmp_path) == []


def test_answers_share_what_was_used_while_they_were_made(machine: Machine) -> None:
    meter = machine.meter()
    machine.says(100_000)  # before anybody
    one = meter.begin()
    machine.says(140_000)  # one alone: 40
    other = meter.begin()
    machine.says(200_000)  # both: 30 each
    assert own(one) == 70
    machine.says(210_000)  # the other alone: 10
    assert own(other) == 40
    assert meter.joules() == {"cpu": pytest.approx(0.11)}


def test_a_target_is_told_what_all_its_answers_used_and_not_those_of_others(machine: Machine) -> None:
    meter = machine.meter()
    one, two, other = (meter.begin(target) for target in ("a", "a", "b"))
    machine.says(90_000)

    first, last, its = one.end(), two.end(), other.end()

    assert first and last and its
    assert (first.own_mj, first.target_mj) == (30, 60)
    assert (last.own_mj, last.target_mj) == (30, 60)
    assert (its.own_mj, its.target_mj) == (30, 30)
    assert first.seconds > 0


def test_a_target_whose_answers_come_and_go_draws_as_much_all_the_time(machine: Machine) -> None:
    meter = machine.meter()
    one = meter.begin("a")
    machine.says(10_000)
    more = [meter.begin("a") for _ in range(3)]
    machine.says(20_000)
    for each in more:
        each.end()

    used = one.end()

    assert used and (used.own_mj, used.target_mj) == (12, 20)  # 10 + 2.5


def test_a_counter_that_begins_anew_is_followed(machine: Machine) -> None:
    machine.says(990_000)
    share = machine.meter().begin()
    machine.says(5_000)
    assert own(share) == 15


def test_without_counters_there_is_no_figure(tmp_path: Path) -> None:
    meter = EnergyMeter({"cpu": counters(tmp_path)})

    assert own(meter.begin()) is None
    assert meter.joules() == {}


def test_a_counter_that_begins_anew_twice_in_one_answer_is_followed_where_somebody_looks(machine: Machine) -> None:
    meter = machine.meter()
    share = meter.begin()
    for microjoules in (900_000, 400_000, 300_000):
        machine.says(microjoules)
        meter.joules()

    assert own(share) == 2300


def test_a_counter_that_goes_away_ends_the_measuring(machine: Machine) -> None:
    meter = machine.meter()
    share = meter.begin()
    (machine.folder / "intel-rapl:0" / "energy_uj").write_text("")

    assert own(share) is None
    assert own(meter.begin()) is None


def test_what_a_gpu_computes_has_the_gpus_energy_and_the_processors_beside(machine: Machine) -> None:
    gpu = Gpu()
    meter = EnergyMeter({"cpu": counters(machine.folder), "gpu:0": [gpu]})
    share = meter.begin("a", ["gpu:0"])
    machine.says(20_000)
    gpu.used = 700_000

    used = share.end()

    assert used and (used.own_mj, used.target_mj, used.beside_mj) == (700, 700, 20)


def test_who_computes_on_the_processors_has_them_alone(machine: Machine) -> None:
    meter = EnergyMeter({"cpu": counters(machine.folder), "gpu:0": [Gpu()]})
    on_gpu, on_cpu = meter.begin("a", ["gpu:0"]), meter.begin("b", ["cpu"])
    machine.says(30_000)
    used = on_cpu.end()
    machine.says(35_000)
    beside = on_gpu.end()

    assert used and (used.own_mj, used.beside_mj) == (30, None)
    assert beside and beside.beside_mj == 5


@pytest.mark.parametrize("devices", [["gpu:0", "gpu:1"], ["gpu:1"], ["gpu:7"], []])
def test_half_a_figure_is_none(machine: Machine, devices: Sequence[str]) -> None:
    """One GPU does not tell, or is not known here; or nobody knows whether a GPU or the processors computed it."""
    meter = EnergyMeter({"cpu": counters(machine.folder), "gpu:0": [Gpu()], "gpu:1": []})
    share = meter.begin("a", devices)
    machine.says(20_000)

    assert own(share) is None


def test_two_gpus_are_one_figure(machine: Machine) -> None:
    one, two = Gpu(), Gpu()
    share = EnergyMeter({"gpu:0": [one], "gpu:1": [two]}).begin("a", ["gpu:0", "gpu:1"])
    one.used, two.used = 3_000, 4_000

    used = share.end()

    assert used and (used.own_mj, used.beside_mj) == (7, None)


def test_a_source_is_awake_while_answers_are_made(machine: Machine) -> None:
    gpu = Gpu()
    meter = EnergyMeter({"gpu:0": [gpu]})
    one, two = meter.begin("a", ["gpu:0"]), meter.begin("a", ["gpu:0"])
    one.end()
    assert gpu.awake
    two.end()
    assert not gpu.awake


def test_what_nobody_was_answered_for_belongs_to_nobody(machine: Machine) -> None:
    meter = machine.meter()
    meter.begin().end()
    machine.says(500_000)
    share = meter.begin()

    assert own(share) == 0
    assert meter.joules() == {"cpu": 0.0}


def test_what_is_drawn_is_the_mean_since_the_last_look(machine: Machine) -> None:
    draw = energy.Draw(counters(machine.folder))
    assert draw.watts(10.0) == -1
    machine.says(600_000)
    assert draw.watts(12.0) == pytest.approx(0.3)
    (machine.folder / "intel-rapl:0" / "energy_uj").write_text("")
    assert draw.watts(13.0) == -1
    assert energy.Draw(()).watts(1.0) == -1


def test_metrics_show_the_joules_of_answers(machine: Machine) -> None:
    metrics = Metrics(version="1", models=["m"], meter=machine.meter())
    share = metrics.energy("a", ["cpu"])
    machine.says(250_000)
    share.end()

    assert 'sekisho_energy_joules_total{device="cpu"} 0.25' in metrics.render().decode()
