"""``sekisho bench`` against a server on loopback: what is asked, what is told, what is refused before it is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from speaking import Speaking

from gateway.cli.benching.report import Report

SHORT = ("--rounds", "2", "--seconds", "0", "--callers", "1,2", "--output-tokens", "5", "--prompt-tokens", "60")


def test_every_number_of_callers_is_measured_in_every_round(sekisho: Any) -> None:
    with Speaking() as server:
        said = sekisho("bench", server.url, *SHORT, "--json")

    report = msgspec.convert(said.json, Report)
    assert said.code == 0
    assert [(each.callers, each.answers, each.errors) for each in report.figures] == [(1, 2, 0), (2, 4, 0)]
    assert [each.output_tokens for each in report.figures] == [5, 5]
    assert all(each.output_tokens_per_second and each.first_token_ms_p99 for each in report.figures)
    assert all(each.gap_ms_max is not None and each.gap_ms_max >= (each.gap_ms_p50 or 0) for each in report.figures)
    assert (report.model, report.own_gateway, report.asked.equal_length) == ("parrot", False, "ignore_eos")


def test_prompts_are_as_long_as_was_asked_and_no_two_are_alike(sekisho: Any) -> None:
    with Speaking() as server:
        said = sekisho("bench", server.url, *SHORT, "--json")

    texts = [body["messages"][0]["content"] for body in server.asked]
    assert len(set(texts)) == len(texts) == 3 + 6
    assert all(abs(each["prompt_tokens"] - 60) <= 2 for each in said.json["figures"])


def test_prompts_hold_nothing_but_words(sekisho: Any) -> None:
    with Speaking() as server:
        sekisho("bench", server.url, *SHORT)

    texts = [body["messages"][0]["content"] for body in server.asked]
    assert all(re.fullmatch(r"[a-z ]+\. Go on with this list, word by word, and do not stop\.", text) for text in texts)


def test_people_get_a_table_and_the_machine(sekisho: Any) -> None:
    with Speaking() as server:
        said = sekisho("bench", server.url, *SHORT)

    assert said.code == 0
    assert "output tokens/s" in said.out
    assert f"parrot at {server.url}" in said.out
    assert "Measuring ..." in said.err
    assert "hold no personal data" in said.err
    assert "cores" in said.err


def test_the_report_is_also_written_to_a_file(sekisho: Any, tmp_path: Path) -> None:
    with Speaking() as server:
        said = sekisho("bench", server.url, *SHORT, "--json", "--out", str(tmp_path / "figures.json"))

    assert json.loads((tmp_path / "figures.json").read_bytes()) == said.json


def test_a_key_comes_from_a_file_and_is_in_no_report(sekisho: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-zqxCANARY\n")
    with Speaking() as server:
        said = sekisho("bench", server.url, *SHORT, "--json", "--key-file", str(tmp_path / "key"))

    assert {each["authorization"] for each in server.headers} == {"Bearer sk-zqxCANARY"}
    assert "CANARY" not in said.out + said.err


def test_without_a_file_no_key_is_sent(sekisho: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_KEY", "sk-zqxCANARY")
    with Speaking() as server:
        sekisho("bench", server.url, *SHORT)

    assert not any("authorization" in each for each in server.headers)


def test_a_server_that_does_not_know_how_to_go_on_is_asked_without(sekisho: Any) -> None:
    with Speaking() as server:
        server.knows.discard("ignore_eos")
        said = sekisho("bench", server.url, *SHORT, "--json")

    assert said.code == 0
    assert said.json["asked"]["equal_length"] == "no"
    assert "ignore_eos" not in server.asked[-1]
    assert any("their lengths differ" in note for note in said.json["notes"])


def test_tokens_that_end_an_answer_can_be_named(sekisho: Any) -> None:
    with Speaking() as server:
        server.knows.add("logit_bias")
        said = sekisho("bench", server.url, *SHORT, "--json", "--end-tokens", "0,2")

    assert server.asked[-1]["logit_bias"] == {"0": -100, "2": -100}
    assert said.json["asked"]["equal_length"] == "end tokens forbidden"


def test_where_nobody_counts_tokens_pieces_are_told_as_such(sekisho: Any) -> None:
    with Speaking(counts=False) as server:
        said = sekisho("bench", server.url, *SHORT, "--json")

    assert [each["output_tokens"] for each in said.json["figures"]] == [5, 5]
    assert any("pieces of its streams" in note for note in said.json["notes"])


def test_refusals_are_counted_by_their_code_and_the_server_is_not_hammered(sekisho: Any) -> None:
    with Speaking(refuses=(429, "limits.requests"), refuses_from=3) as server:
        said = sekisho("bench", server.url, "--rounds", "1", "--seconds", "60", "--callers", "2", "--json")

    (figure,) = said.json["figures"]
    assert said.code == 1
    assert (figure["problems"], figure["answers"]) == ({"429 limits.requests": 6}, 0)
    assert figure["output_tokens_per_second"] is None
    assert len(server.asked) == 3 + 6


def test_an_answer_that_was_cut_short_is_no_answer(sekisho: Any) -> None:
    with Speaking(cut=True) as server:
        said = sekisho("bench", server.url, *SHORT)

    assert (said.code, said.out) == (3, "")
    assert "the answer ended early" in said.err


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"refuses": (401, "invalid_api_key")}, "(401 invalid_api_key): No more. Give a key that it knows"),
        ({"models": ("a", "b")}, "The server has several models: a, b. Name one: --model NAME"),
        ({"models": ()}, "The server lists no model. Name one: --model NAME"),
    ],
)
def test_a_server_that_does_not_answer_is_told_in_one_line(sekisho: Any, changed: dict[str, Any], line: str) -> None:
    with Speaking(**changed) as server:
        said = sekisho("bench", server.url, *SHORT)

    assert said.code in {2, 3}
    assert line in said.err
    assert said.err.strip().splitlines()[-1].startswith("sekisho: ")


def test_a_redirect_is_not_followed(sekisho: Any) -> None:
    with Speaking() as elsewhere, Speaking(moved_to=elsewhere.url + "/v1/chat/completions") as server:
        said = sekisho("bench", server.url, *SHORT)

    assert said.code == 3
    assert elsewhere.asked == []


def test_where_nobody_listens_there_is_no_connection(sekisho: Any, free_port: int) -> None:
    said = sekisho("bench", f"http://127.0.0.1:{free_port}", "--model", "m", *SHORT)

    assert said.code == 3
    assert "no connection" in said.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["http://gpu-1.plant.example:8000"], "unencrypted. Use https, or say --plain-http"),
        (["http://10.0.0.5:8000"], "unencrypted"),
        (["http://localhost.plant.example:8000"], "unencrypted"),
        (["ftp://127.0.0.1/"], "is no address to measure"),
        (["http://name:word@127.0.0.1/"], "is no address to measure"),
        (["http://127.0.0.1:x/"], "is no address to measure"),
        (["http://127.0.0.1:1", "--callers", "0"], "--callers: '0' is no list of numbers"),
        (["http://127.0.0.1:1", "--callers", "1,x"], "is no list of numbers"),
        (["http://127.0.0.1:1", "--end-tokens", "-1"], "is no list of numbers"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_sent(sekisho: Any, arguments: list[str], line: str) -> None:
    said = sekisho("bench", *arguments)

    assert said.code == 2
    assert line in said.err


def test_without_a_server_of_ones_own_there_is_nothing_to_measure(sekisho: Any, house: Path) -> None:
    said = sekisho("bench")

    assert said.code == 3
    assert "No server is running, so there is nothing to measure. Start it: sekisho serve" in said.err
