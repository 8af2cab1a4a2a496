"""Both ends of the benchmark and the bare door, as real processes: they answer, and wrong answers count as errors."""

import pytest
from yardstick.gauge import Load, Mock, ask, build
from yardstick.machine import busy_share, facts, resident_mib, sync_ms
from yardstick.peers import bare, bare_door
from yardstick.processes import NotStarted, Server

pytestmark = pytest.mark.real
SHORT = Load(callers=2, seconds=5.0, requests=20, warmup_seconds=0)


@pytest.fixture(scope="module")
def program():
    return build()


@pytest.fixture
def mock(program, tmp_path):
    engine = Mock(program, tmp_path)
    yield engine
    engine.stop()


@pytest.mark.parametrize("stream", [False, True])
def test_a_load_ends_at_its_count_and_reads_the_engines_own_tokens(program, mock, stream):
    seen = ask(program, mock.address, "", "mock", Load(2, 5.0, stream=stream, requests=20, warmup_seconds=0))

    assert (len(seen.latencies_us), seen.errors, seen.first_error) == (20, 0, "")
    assert seen.completion_tokens == 20 * 8


def test_a_load_ends_at_its_time(program, mock):
    mock.think(20)

    seen = ask(program, mock.address, "", "mock", Load(1, 0.3, warmup_seconds=0))

    assert 1 <= len(seen.latencies_us) <= 15
    assert min(seen.first_byte_us) >= 20_000


def test_an_answer_without_the_expected_text_is_an_error(program, mock):
    seen = ask(program, mock.address, "", "mock", Load(1, 5.0, requests=3, warmup_seconds=0, expect="something else"))

    assert (len(seen.latencies_us), seen.errors) == (0, 3)
    assert "something else" in seen.first_error


def test_the_load_generator_calls_nothing_beyond_loopback(program):
    with pytest.raises(NotStarted, match="loopback"):
        ask(program, "203.0.113.7:80", "", "mock", SHORT)


@pytest.mark.parametrize("start", [bare, bare_door])
@pytest.mark.parametrize("stream", [False, True])
def test_a_bare_door_passes_answers_on(program, mock, tmp_path, stream, start):
    here = start(mock.address, tmp_path)
    try:
        seen = ask(program, here.address, "", "mock", Load(2, 5.0, stream=stream, requests=20, warmup_seconds=0))
        memory = resident_mib(here.server.pid)
    finally:
        here.server.stop()

    assert (len(seen.latencies_us), seen.errors, seen.first_error) == (20, 0, "")
    assert sum(memory.values()) > 10


def test_a_peer_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    server = Server(["sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")

    with pytest.raises(NotStarted, match=r"ended with 3: no such luck"):
        server.wait_for("http://127.0.0.1:9/", 10)


def test_the_machine_tells_its_facts(tmp_path):
    told = facts()

    assert told["cores"] >= 1
    assert 0 <= busy_share(0.05) <= 1
    assert sync_ms(tmp_path, 3)[0] > 0
