"""Fail closed, row by row, with the real OPA: absent, frozen, killed, without facts."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from gateway.domain import PolicyInput, Target
from gateway.errors import PolicyUnavailable, SetupError
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.opa.supervisor import OpaProcess
from gateway.settings import PolicySettings, Settings

pytestmark = pytest.mark.real

Ask = Callable[..., PolicyInput]
CANARY = "canary-7f3a91"


def _process(policy: OpaPolicy) -> OpaProcess:
    assert policy.process
    return policy.process


def _pid(policy: OpaPolicy) -> int:
    pid = _process(policy).pid
    assert pid
    return pid


def _runs(pid: int) -> bool:
    """Whether the process exists and is not a zombie that waits for its reaper."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _starve(pid: int) -> None:
    """Let a process have no more address space than it has."""
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (used, used))


async def _until(condition: Callable[[], bool], seconds: float = 20.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def _code(policy: OpaPolicy, question: PolicyInput) -> str:
    with pytest.raises(PolicyUnavailable) as refusal:
        await policy.decide(question)
    assert refusal.value.decision_id
    assert refusal.value.retry_after_seconds
    return refusal.value.code


@pytest_asyncio.fixture
async def prompt_policy(settings: Settings, targets: tuple[Target, ...]) -> AsyncIterator[OpaPolicy]:
    """As ``policy``, with the deadline that ships: 250 ms."""
    prompt = msgspec.structs.replace(settings, policy=PolicySettings())
    policy = OpaPolicy(prompt, draft(prompt))
    await policy.start()
    try:
        await policy.push_facts(targets)
        yield policy
    finally:
        await policy.stop()


async def test_a_frozen_opa_is_refused_after_the_deadline_and_then_replaced(prompt_policy: OpaPolicy, ask: Ask) -> None:
    frozen = _pid(prompt_policy)
    os.kill(frozen, signal.SIGSTOP)

    began = time.monotonic()
    code = await _code(prompt_policy, ask())
    waited = time.monotonic() - began

    assert code == "policy.timeout"
    assert 0.24 < waited < 2.0
    await _until(lambda: not prompt_policy.ready())
    await _until(prompt_policy.ready)
    assert _pid(prompt_policy) != frozen


async def test_a_killed_opa_comes_back_with_its_facts(policy: OpaPolicy, ask: Ask) -> None:
    before = await policy.decide(ask())
    os.kill(_pid(policy), signal.SIGKILL)

    await _until(lambda: not policy.ready())
    assert await _code(policy, ask()) == "policy.unavailable"
    await _until(policy.ready)

    after = await policy.decide(ask())
    assert after.data_revision == before.data_revision
    assert after.targets == before.targets


async def test_an_opa_that_runs_out_of_memory_is_replaced(
    policy: OpaPolicy, ask: Ask, target: Callable[..., Target], targets: tuple[Target, ...]
) -> None:
    starved = _pid(policy)
    _starve(starved)

    with pytest.raises(PolicyUnavailable):  # more facts than it has room for
        await policy.push_facts([target(f"s{number}/n/w0:m") for number in range(4_000)])

    await _until(lambda: not _runs(starved))
    await _until(lambda: _process(policy).starts == 2 and policy.ready())
    await policy.push_facts(targets)
    assert (await policy.decide(ask())).allow


async def test_a_socket_that_answers_rubbish_gives_no_decision(policy: OpaPolicy, ask: Ask) -> None:
    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"result": true}'[:-1])
        writer.close()

    os.kill(_pid(policy), signal.SIGSTOP)  # what listens there now is not OPA
    _process(policy).socket.unlink()
    server = await asyncio.start_unix_server(rubbish, _process(policy).socket)
    try:
        codes = {await _code(policy, ask(model=f"m{number}")) for number in range(3)}
    finally:
        server.close()
    assert codes <= {"policy.malformed", "policy.timeout", "policy.unavailable"}
    await _until(lambda: _process(policy).starts == 2 and policy.ready())
    assert (await policy.decide(ask())).allow


async def test_it_comes_back_again_and_again(policy: OpaPolicy, ask: Ask) -> None:
    for _ in range(3):
        os.kill(_pid(policy), signal.SIGKILL)
        await _until(lambda: not policy.ready())
        await _until(policy.ready)

    assert (await policy.decide(ask())).allow
    assert _process(policy).starts == 4


async def test_a_lost_socket_is_noticed_and_mended(policy: OpaPolicy, ask: Ask) -> None:
    _process(policy).socket.unlink()

    await _until(lambda: _process(policy).starts == 2)
    await _until(policy.ready)

    assert (await policy.decide(ask())).allow


async def test_a_stopped_policy_refuses_and_leaves_no_process(policy: OpaPolicy, ask: Ask) -> None:
    pid = _pid(policy)

    await policy.stop()

    assert not policy.ready()
    assert await _code(policy, ask()) == "policy.unavailable"
    assert not _runs(pid)


async def test_facts_that_cannot_be_pushed_are_told(policy: OpaPolicy, targets: tuple[Target, ...]) -> None:
    await policy.stop()

    with pytest.raises(PolicyUnavailable):
        await policy.push_facts(targets)


async def test_opa_has_no_environment_and_no_core_files(policy: OpaPolicy) -> None:
    proc = Path(f"/proc/{_pid(policy)}")

    names = {entry.split(b"=")[0].decode() for entry in (proc / "environ").read_bytes().split(b"\0") if entry}
    core = next(line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file size"))

    assert names - {"LC_CTYPE"} == {"GOMAXPROCS", "GOGC", "HOME"}  # Python sets LC_CTYPE itself (PEP 538)
    assert core.split()[4:6] == ["0", "0"]


async def test_nothing_of_an_input_is_in_opas_log(policy: OpaPolicy, ask: Ask) -> None:
    await policy.decide(ask(model=CANARY))
    await policy.decide(ask(CANARY, origin=CANARY, access=CANARY))
    os.kill(_pid(policy), signal.SIGABRT)  # Go prints its stacks

    await _until(lambda: _process(policy).starts == 2)
    await _until(policy.ready)

    log = _process(policy).log.read_text()
    assert "SIGABRT" in log
    assert CANARY not in log


async def test_opa_dies_with_the_gateway(settings: Settings) -> None:
    script = (
        "import asyncio, sys, msgspec\n"
        "from gateway.policy.client import OpaPolicy, draft\n"
        "from gateway.settings import Settings\n"
        "async def main():\n"
        "    settings = msgspec.convert({'data_dir': sys.argv[1]}, Settings)\n"
        "    policy = OpaPolicy(settings, draft(settings))\n"
        "    await policy.start()\n"
        "    print(policy.process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    import sys

    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, settings.data_dir, stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout
    opa = int(await gateway.stdout.readline())
    assert _runs(opa)

    gateway.kill()
    await gateway.wait()

    await _until(lambda: not _runs(opa))


async def test_no_opa_is_told_with_the_mend(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.opa.program.opa_candidates", lambda _: [Path("/nonexistent/opa")])

    with pytest.raises(SetupError, match=r"at least 1\.21\.3") as error:
        await OpaPolicy(settings, draft(settings)).start()

    assert "make deps" in error.value.mend


async def test_an_old_opa_is_refused(settings: Settings, short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = short_dir / "opa"
    old.write_text("#!/bin/sh\necho 'Version: 1.21.2'\n")
    old.chmod(0o700)
    monkeypatch.setattr("gateway.policy.opa.program.opa_candidates", lambda _: [old])

    with pytest.raises(SetupError, match=r"is 1\.21\.2"):
        await OpaPolicy(settings, draft(settings)).start()


async def test_a_socket_path_that_is_too_long_is_told(settings: Settings, short_dir: Path) -> None:
    deep = msgspec.structs.replace(settings, run_dir=str(short_dir / ("x" * 90)))

    with pytest.raises(SetupError, match="too long"):
        await OpaPolicy(deep, draft(deep)).start()


async def test_a_frozen_opas_last_decision_serves_equal_questions_for_a_second_and_no_longer(
    prompt_policy: OpaPolicy, ask: Ask
) -> None:
    began = time.monotonic()
    first = await prompt_policy.decide(ask())
    keeper = _process(prompt_policy)._keeper
    assert keeper
    keeper.cancel()  # on a slow machine another OPA might answer before the second is over
    os.kill(_pid(prompt_policy), signal.SIGSTOP)

    again = await prompt_policy.decide(ask())
    assert (again.remembered_from, again.targets) == (first.id, first.targets)
    await asyncio.sleep(1.0 - (time.monotonic() - began))
    assert await _code(prompt_policy, ask()) in {"policy.timeout", "policy.unavailable"}
