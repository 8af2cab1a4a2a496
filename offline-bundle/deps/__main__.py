"""Set-up, second half: everything that is not a Debian package. Standard library only; runs before anything is there.

    python3.11 offline-bundle/deps run      what serving takes
    python3.11 offline-bundle/deps check    run, and what `make check` takes
    python3.11 offline-bundle/deps test     check, llama-cpp-python compiled, a Redis, an nginx, other people's clients
    python3.11 offline-bundle/deps bench    check, and the peers that `make bench` measures against

Every step knows by a hash over what it is made from whether there is something to do. Exit codes: 0 done, 2 used
wrongly, 3 could not.
"""

from __future__ import annotations

import fcntl
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import clients
import detectors
import embedding
import environment
import layout
import llama
import model
import nginx
import opa
import redis
from progress import Board, StepFailed

LEVELS = ("run", "check", "test", "bench")


def bring_up(level: str, board: Board) -> None:
    """Do every step of a level; those that do not need each other run at the same time.

    Raises:
        StepFailed: the first step that failed; the others are ended.
    """
    environment.create(board, layout.VENV)
    steps: list[Callable[[], None]] = [
        lambda: _packages(board, level),
        lambda: opa.install(board),
        lambda: model.fetch(board),
        lambda: embedding.fetch(board),
    ]
    if level == "test":
        steps.append(lambda: llama.build(board))
        steps.append(lambda: redis.install(board))
        steps.append(lambda: clients.install(board))
    if level == "bench":
        steps.append(lambda: environment.install(board, layout.CACHE / "bench-venv", "bench"))
    if level in ("test", "bench"):
        steps.append(lambda: nginx.install(board))
    _side_by_side(board, steps)
    model.store(board)
    embedding.store(board)
    if level == "test":
        llama.install(board)


def _side_by_side(board: Board, steps: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [pool.submit(step) for step in steps]
        try:
            for ended in as_completed(running):
                ended.result()
        except BaseException:
            board.stop()
            raise


def _packages(board: Board, level: str) -> None:
    if level == "run":
        environment.install(board, layout.VENV, "run")
    else:
        environment.install(board, layout.VENV, "dev", covers=("run",))
    detectors.install(board)
    environment.link_project()
    detectors.prepare(board)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LEVELS:
        print(f"usage: python3.11 offline-bundle/deps {'|'.join(LEVELS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    layout.CACHE.mkdir(exist_ok=True)
    with (layout.CACHE / "deps.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with Board() as board:
                bring_up(arguments[0], board)
        except StepFailed as failure:
            print(failure.report(), file=sys.stderr)
            return 3
        except KeyboardInterrupt:
            print("Stopped. Run it again to go on from here.", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
