"""How much memory a server and its children take, and whether it grows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median

from running import command_line, descendants

MOST_GROWTH = 0.02
"""What still counts as flat: a fiftieth, from the first quarter after a warm-up to the last."""
Sample = dict[str, int]


def held_kib(pid: int) -> Sample:
    """Return what a server holds in KiB: ``gateway`` (its own process), ``opa``, ``engines`` (the rest), ``all``.

    Anonymous memory, swapped out or not: what was allocated. Pages of files are left out: how many of them count as
    this server's depends on who else on the machine reads the same files.
    """
    sizes = Counter({"gateway": _held(pid), "opa": 0, "engines": 0})
    for child in descendants(pid):
        sizes["opa" if "opa" in command_line(child).split(" ")[0] else "engines"] += _held(child)
    return {**sizes, "all": sum(sizes.values())}


def _held(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it ended in between
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Anonymous:", "Swap:")))


def grown(samples: list[Sample], role: str, warm_up: float) -> float:
    """Return by what share the last quarter after the warm-up is above the first: medians, 0.01 is one hundredth."""
    after = [sample[role] for sample in samples if sample["second"] >= warm_up]
    quarter = max(1, len(after) // 4)
    return round(median(after[-quarter:]) / median(after[:quarter]) - 1, 4)
