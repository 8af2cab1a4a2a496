"""A fleet and two nodes in network namespaces: cut off mid-push, mid-load and mid-stream, slow, of an old version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "partition" / "cut_fleet.py"
FAKES = Path(__file__).parents[2] / "fakes"
NAMESPACE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
SECONDS = 600

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(SECONDS + 60)]


def barred() -> str:
    """Return why there can be no wires here; "" when there can."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip", "tc") if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "network namespaces with wires between them need root"
    script = (
        "ip link add near type veth peer name far && ip link set near up && "
        "tc qdisc replace dev near root tbf rate 1mbit burst 64kb latency 200ms"
    )
    done = subprocess.run([*NAMESPACE, "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return f"no wires here: {done.stderr.strip()[-200:]}" if done.returncode else ""


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    why = barred()
    if why:
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="cut-", dir="/tmp"))
    try:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, str(SCRIPT), str(folder)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, "PYTHONPATH": str(FAKES)},
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}"
        yield json.loads((folder / "facts.json").read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def all_answered(asked: list[dict[str, Any]]) -> bool:
    return bool(asked) and all(each["words"] and not each["error"] for each in asked)


def test_a_push_that_is_cut_goes_on_where_it_ended(facts: dict[str, Any]) -> None:
    push = facts["push"]
    assert 0.3 * push["size"] < push["held"] < push["size"]
    assert push["held"] >= push["at_cut"]
    assert push["sent"] < 1.4 * push["size"]  # with headers, acknowledgements, and what was on its way at the cut
    assert all_answered(push["asked"])


def test_a_node_cut_off_amid_a_load_costs_no_request_and_leaves_nothing(facts: dict[str, Any]) -> None:
    assert all_answered(facts["load"]["asked"])
    assert facts["load"]["loaded"] == 1


def test_no_request_is_lost_that_had_not_begun_to_answer(facts: dict[str, Any]) -> None:
    answers = facts["streams"]["answers"]
    broken = [answer for answer in answers if answer["error"]]
    assert all(answer["words"] for answer in broken), answers
    assert 1 <= len(broken) <= 2  # those who had begun on the node that was cut
    assert {answer["error"] for answer in broken} <= {"fleet.node_away", "engine.interrupted"}
    assert all(answer["words"] == 80 for answer in answers if not answer["error"])


def test_a_cut_is_noticed(facts: dict[str, Any]) -> None:
    """Two seconds are what the heartbeat takes; the rest is a loaded machine's."""
    assert max(facts[story]["away_seconds"] for story in ("push", "load", "streams")) < 20


def test_a_slow_wire_is_not_a_cut_one(facts: dict[str, Any]) -> None:
    assert all_answered(facts["slow"]["answers"])
    assert facts["slow"]["lost"] == 0


def test_an_older_version_gets_no_prompt_until_it_was_updated(facts: dict[str, Any]) -> None:
    assert "protocol is 0, not 1. Update it." in facts["old"]["problem"]
    assert all_answered(facts["old"]["asked"])
    assert {each["node"] for each in facts["old"]["asked"]} == {"gpu2"}
