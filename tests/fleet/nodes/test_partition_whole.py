"""The whole gateway and two engine nodes in network namespaces: cut off mid-push, mid-load and mid-stream, slow, old.

Real policies, log, model and engines; ``test_partition`` has the same stories with scripted engines, in less time.
"""

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

SITE = Path(__file__).parent / "partition" / "cut_site.py"
FAKES = Path(__file__).parents[2] / "fakes"
NAMESPACE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
SECONDS = 600  # a quiet machine needs a minute or two

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
    done = subprocess.run([*NAMESPACE, "sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    return f"no wires here: {done.stderr.strip()[-200:]}" if done.returncode else ""


@pytest.fixture(scope="module")
def facts(model_file: Path) -> Iterator[dict[str, Any]]:
    why = barred()
    if why:
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="cut-", dir="/tmp"))
    done = subprocess.run(
        [*NAMESPACE, sys.executable, str(SITE), str(folder), str(model_file.resolve())],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(FAKES), os.environ.get("PYTHONPATH"))))},
        check=False,
    )
    logs = "".join(f"\n--- {log}\n{log.read_text(errors='replace')[-4000:]}" for log in folder.glob("*/*log"))
    try:
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}{logs}"
        yield json.loads((folder / "facts.json").read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def all_answered(asked: list[dict[str, Any]]) -> bool:
    return bool(asked) and all(each["done"] and not each["error"] and each["words"] for each in asked)


def test_a_push_that_is_cut_goes_on_where_it_ended(facts: dict[str, Any]) -> None:
    push = facts["push"]
    assert 0.3 * push["size"] < push["held"] < push["size"]
    assert push["held"] >= push["at_cut"]
    assert push["sent"] < 1.3 * push["size"]  # with headers, acknowledgements, and the range that was cut
    assert all_answered(push["asked"])


def test_a_node_cut_off_amid_a_load_costs_no_request_and_leaves_nothing(facts: dict[str, Any]) -> None:
    assert all_answered(facts["load"]["asked"])
    assert facts["load"]["loaded"] == 1


def test_no_request_is_lost_that_had_not_begun_to_answer(facts: dict[str, Any]) -> None:
    answers = facts["streams"]["answers"]
    for answer in answers:
        begun_and_broken = answer["words"] > 0 and answer["error"] and not answer["done"]
        assert answer["done"] or begun_and_broken, answers
    assert sum(not answer["done"] for answer in answers) <= 2  # those who had begun on the node that was cut
    assert sum(answer["done"] for answer in answers) >= 6


def test_what_had_begun_ends_with_an_error(facts: dict[str, Any]) -> None:
    codes = [answer["error"] for answer in facts["streams"]["answers"] if not answer["done"]]
    assert codes
    assert set(codes) <= {"fleet.node_away", "engine.interrupted"}


def test_a_cut_is_noticed(facts: dict[str, Any]) -> None:
    """Two seconds are what the heartbeat takes; the rest is a loaded machine's."""
    assert facts["push"]["away_seconds"] < 10
    assert facts["streams"]["away_seconds"] < 10


def test_a_slow_wire_is_not_a_cut_one(facts: dict[str, Any]) -> None:
    assert all_answered(facts["slow"]["answers"])
    assert facts["slow"]["states"] == ["here"]


def test_an_older_version_gets_no_prompt_until_it_was_updated(facts: dict[str, Any]) -> None:
    old = facts["old"]
    assert "protocol is 0, not 1. Update it." in old["problem"]
    assert all_answered(old["asked"])
    assert old["held"] == "away"


def test_every_request_has_its_intent_and_its_outcome_and_the_log_verifies(facts: dict[str, Any]) -> None:
    book = facts["book"]
    assert book["verified"] is True
    assert book["without_one_outcome"] == []
    assert book["intents"] >= 18
    assert {"node.reached", "node.lost", "node.back", "node.out"} <= set(book["types"])
