"""The short form of ``tests/soak/texts.py``."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from patience import LONG_SECONDS, within

BEGUN = """
import os, runpy, time
if __name__ == "__main__":
    with runpy.run_path({texts!r})["own_process"]() as process:
        print(process.apply(os.getpid), flush=True)
        time.sleep(600)
"""


@pytest.mark.real
def test_the_process_that_searches_ends_with_the_one_that_was_killed(repository: Path, tmp_path: Path) -> None:
    script = tmp_path / "begun.py"
    script.write_text(BEGUN.format(texts=str(repository / "tests" / "soak" / "texts.py")))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout is not None
        child = Path("/proc") / begun.stdout.readline().strip()
        assert "multiprocessing" in (child / "cmdline").read_text()

        begun.kill()

        assert within(LONG_SECONDS, lambda: not child.exists())


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_texts_that_are_all_different(repository: Path) -> None:
    texts = runpy.run_path(str(repository / "tests" / "soak" / "texts.py"))
    windows = list(texts["_windows"](6_400, 7))
    assert len({text for window in windows for text in window}) == 6_400

    part = texts["grow"](6_400, 7)

    assert part["texts"] == 6_400
    assert part["growth"] < texts["MOST_GROWTH"]
