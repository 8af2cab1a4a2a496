"""Energy is shared by the answers that were made at that moment, and is never made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.telemetry.energy import EnergyMeter, counters


class Machine:
    """A ``powercap`` folder as the kernel shows it: one package with a part of its own, and a zone of another kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("intel-rapl:0", "intel-rapl:0:0", "dtpm"):
            (folder / name).mkdir()
            (folder / name / "max_energy_range_uj").write_text("1000000\n")
            (folder / name / "energy_uj").write_text("0\n")

    def says(self, microjoules: int) -> None:
        (self.folder / "intel-rapl:0" / "energy_uj").write_text(f"{microjoules}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_are_read_and_not_their_parts(machine: Machine) -> None:
    assert [counter.path.parent.name for counter in counters(machine.folder)] == ["intel-rapl:0"]


def test_answers_share_what_was_used_while_they_were_made(machine: Machine) -> None:
    meter = EnergyMeter(counters(machine.folder))
    machine.says(100_000)  # before anybody
    one = meter.begin()
    machine.says(140_000)  # one alone: 40
    other = meter.begin()
    machine.says(200_000)  # both: 30 each
    assert one.end() == 70
    machine.says(210_000)  # the other alone: 10
    assert other.end() == 40


def test_a_counter_that_begins_anew_is_followed(machine: Machine) -> None:
    machine.says(990_000)
    meter = EnergyMeter(counters(machine.folder))
    share = meter.begin()
    machine.says(5_000)
    assert share.end() == 15


def test_without_counters_there_is_no_figure(tmp_path: Path) -> None:
    assert EnergyMeter(counters(tmp_path)).begin().end() is None


def test_a_counter_that_goes_away_ends_the_measuring(machine: Machine) -> None:
    meter = EnergyMeter(counters(machine.folder))
    share = meter.begin()
    (machine.folder / "intel-rapl:0" / "energy_uj").unlink()

    assert share.end() is None
    assert meter.begin().end() is None
