"""``opa decide`` beside ``opa run``: the same answers, and a bundle or body that is not as it must be is refused."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from gateway.domain import PolicyInput, Target
from gateway.errors import SetupError
from gateway.policy.client import OpaPolicy, draft
from gateway.policy.life.build import Bundle
from gateway.policy.opa.access import Access
from gateway.policy.opa.program import Opa, find_opa
from gateway.policy.opa.supervisor import OpaProcess
from gateway.settings import Settings

pytestmark = pytest.mark.real

DECISION = "/v1/data/sekisho/decision"
RULE = "package sekisho\n\ndecision := {rule}\n"


@pytest.fixture
def opa(settings: Settings) -> Opa:
    found = find_opa(settings)
    if not found.decides:
        pytest.skip("the opa that is installed here was given, not built by make deps")
    return found


def _bundle(opa: Opa, folder: Path, rule: str, roots: object = ("sekisho", "rules", "law")) -> Bundle:
    """Build a bundle by OPA itself, under all of its own capabilities."""
    source = folder / "source"
    source.mkdir()
    (source / ".manifest").write_text(json.dumps({"rego_version": 1, **({"roots": roots} if roots else {})}))
    (source / "decision.rego").write_text(RULE.format(rule=rule))
    path = folder / "bundle.tar.gz"
    done = opa.run("build", "--output", path, "--bundle", ".", cwd=source)
    assert done.returncode == 0, done.stderr
    return Bundle(path, "r", "d")


async def _up(opa: Opa, bundle: Bundle, run: Path) -> tuple[OpaProcess, Access]:
    given: list[Access] = []

    async def up(access: Access) -> None:
        given.append(access)

    async def down() -> None:
        pass

    process = OpaProcess(opa, bundle, run, up, down)
    try:
        await process.start()
    except BaseException:
        await process.stop()
        raise
    return process, given[0]


@pytest.mark.parametrize(
    ("rule", "roots", "said"),
    [
        ('http.send({"method": "GET", "url": "http://127.0.0.1"})', ["sekisho"], "undefined function http.send"),
        ("time.now_ns()", ["sekisho"], "undefined function time.now_ns"),
        ("1", None, 'root "" would own data.facts'),
        ("1", ["sekisho", "facts/targets"], 'root "facts/targets" would own data.facts'),
    ],
)
async def test_a_bundle_that_does_more_than_it_may_is_refused(
    opa: Opa, short_dir: Path, rule: str, roots: object, said: str
) -> None:
    with pytest.raises(SetupError, match="ended at once") as refusal:
        await _up(opa, _bundle(opa, short_dir, rule, roots), short_dir / "run")

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "tokens", ["", "{}", '{"system": {"authz": {"tokens": {"query": "00", "push": "00", "watch": "00"}}}}']
)
def test_without_the_hash_of_each_token_it_does_not_start(
    opa: Opa, settings: Settings, short_dir: Path, tokens: str
) -> None:
    path = short_dir / "tokens.json"
    path.write_text(tokens)
    bundle = _bundle(opa, short_dir, "1")
    options = ("--tokens", path, "--bundle", bundle.path, "--socket", short_dir / "s")

    done = opa.run("decide", "--capabilities", settings.policies / "capabilities.json", *options)

    assert (done.returncode, "tokens" in done.stderr or "JSON" in done.stderr) == (1, True)
    assert not (short_dir / "s").exists()


def test_without_capabilities_it_does_not_start(opa: Opa, short_dir: Path) -> None:
    done = opa.run("decide", "--bundle", short_dir, "--socket", short_dir / "s")

    assert (done.returncode, done.stderr[:20]) == (1, "error: capabilities:")


@pytest_asyncio.fixture
async def echo(opa: Opa, short_dir: Path) -> AsyncIterator[Access]:
    """One that answers with what it was asked and what it knows; undefined where nothing was asked."""
    rule = '{"asked": input.word, "known": [facts | facts := data.facts]}'
    process, access = await _up(opa, _bundle(opa, short_dir, rule), short_dir / "run")
    yield access
    await process.stop()


async def _call(access: Access, body: bytes, path: str = DECISION, **headers: str) -> tuple[int, bytes]:
    token = {"Authorization": f"Bearer {access.push if path.endswith('facts') else access.query}"}
    method = "PUT" if path.endswith("facts") else "POST"
    connector = aiohttp.UnixConnector(str(access.socket))
    async with (
        aiohttp.ClientSession(connector=connector, headers={**token, **headers}) as session,
        session.request(method, f"http://opa{path}", data=io.BytesIO(body)) as response,
    ):
        return response.status, await response.read()


async def test_what_was_pushed_last_is_known(echo: Access) -> None:
    question = b'{"input": {"word": "hello"}}'
    answers = [(await _call(echo, question))[1]]
    for facts in (b'{"a": 1}', b'{"b": 2}'):
        assert (await _call(echo, facts, "/v1/data/facts"))[0] == 204
        answers.append((await _call(echo, question))[1])

    assert [msgspec.json.decode(answer)["result"]["known"] for answer in answers] == [[], [{"a": 1}], [{"b": 2}]]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"input": {}} more', b"{}", b"\xff", b'"input"'])
async def test_a_body_that_is_no_question_is_refused(echo: Access, body: bytes) -> None:
    assert (await _call(echo, body))[0] == 400


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a": ', b"1"])
async def test_facts_that_are_no_object_leave_those_before_in_force(echo: Access, body: bytes) -> None:
    assert (await _call(echo, b'{"a": 1}', "/v1/data/facts"))[0] == 204
    assert (await _call(echo, body, "/v1/data/facts"))[0] == 400

    assert b'"known":[{"a":1}]' in (await _call(echo, b'{"input": {"word": 1}}'))[1]


async def test_an_undefined_decision_has_no_result(echo: Access) -> None:
    assert await _call(echo, b'{"input": {}}') == (200, b"{}")


async def test_a_question_of_more_than_a_megabyte_is_refused(echo: Access) -> None:
    assert (await _call(echo, b'{"input": {"word": "%s"}}' % (b"x" * (1 << 20))))[0] == 413


@pytest.mark.parametrize("said", ["Basic {}", "{}", "Bearer  {}", "bearer {}", "Bearer {}x"])
async def test_a_token_said_otherwise_opens_nothing(echo: Access, said: str) -> None:
    status, _ = await _call(echo, b'{"input": {"word": 1}}', Authorization=said.format(echo.query))

    assert status == 401


async def test_a_token_beside_another_opens_nothing(echo: Access) -> None:
    reader, writer = await asyncio.open_unix_connection(echo.socket)
    head = f"POST {DECISION} HTTP/1.1\r\nHost: opa\r\nContent-Length: 13\r\nAuthorization: Bearer {echo.query}\r\n"

    writer.write(f'{head}Authorization: Bearer x\r\n\r\n{{"input": {{}}}}'.encode())
    refused = await reader.readline()
    writer.close()

    assert refused.split()[1] == b"401"


def _ticks(pid: int) -> int:
    """Processor time that the process has taken, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_a_question_that_nobody_waits_for_any_more_is_given_up(opa: Opa, short_dir: Path) -> None:
    rule = "count([1 | some a in numbers.range(1, 9000); some b in numbers.range(1, 9000); a * b == input.word])"
    process, access = await _up(opa, _bundle(opa, short_dir, rule), short_dir / "run")
    try:
        assert process.pid
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await _call(access, b'{"input": {"word": 1}}')
        await asyncio.sleep(1.0)
        before = _ticks(process.pid)
        await asyncio.sleep(1.0)

        assert _ticks(process.pid) - before < 8  # of 100; its health is looked at meanwhile
    finally:
        await process.stop()


async def _answers(settings: Settings, targets: tuple[Target, ...], questions: list[PolicyInput]) -> list[bytes]:
    policy = OpaPolicy(settings, draft(settings))
    await policy.start()
    try:
        await policy.push_facts(targets)
        assert policy._decider
        return [await policy._decider.ask(question) for question in questions]
    finally:
        await policy.stop()


async def test_both_answer_the_same_by_the_shipped_rules(
    opa: Opa,
    settings: Settings,
    targets: tuple[Target, ...],
    ask: Callable[..., PolicyInput],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions = [
        ask(*candidates, origin=origin, access=access)
        for origin in ("DE", "CN", "JP", "US", "GB", "")
        for access in ("", "DE", "CN")
        for candidates in ((), ("muc/n/w0:m",), ("pek/n/w0:m", "unknown/n/w0:m"))
    ]
    said = []
    for decides in (True, False):
        monkeypatch.setattr("gateway.policy.client.find_opa", lambda _, kind=decides: replace(opa, decides=kind))
        said.append([msgspec.json.decode(answer) for answer in await _answers(settings, targets, questions)])

    assert said[0] == said[1]
    assert len({msgspec.json.encode(answer) for answer in said[0]}) > 10
