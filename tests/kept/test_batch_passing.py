"""Which refusals burn a line of a batch: each code of ours stands on one side, and on the right one."""

from __future__ import annotations

import json

import pytest

from gateway.cli.codes import explanations
from gateway.kept.passing import NOT_THERE, OWN, counts, passes


def said(code: str, kind: str = "server_error") -> bytes:
    return json.dumps({"error": {"code": code, "type": kind}}).encode()


def test_each_503_is_the_lines_own_or_nobodys() -> None:
    unavailable = {name for name, code in explanations().items() if code.status == 503}

    assert unavailable == OWN | NOT_THERE
    assert not OWN & NOT_THERE


@pytest.mark.parametrize("code", sorted(OWN))
def test_what_it_may_have_done_is_a_try(code: str) -> None:
    assert (passes(503, said(code)), counts(503, said(code))) == (True, True)


@pytest.mark.parametrize("code", sorted(NOT_THERE))
def test_what_no_line_can_help_is_none(code: str) -> None:
    assert (passes(503, said(code)), counts(503, said(code))) == (True, False)


@pytest.mark.parametrize("body", [said("brand.new"), b"{}", b'{"error": "text"}', b'{"error": {"code": 5}}'])
def test_what_is_not_known_is_a_try(body: bytes) -> None:
    assert (passes(503, body), counts(503, body)) == (True, True)


@pytest.mark.parametrize(("kind", "passing"), [("requests", True), ("tokens", True), ("insufficient_quota", False)])
def test_a_limit_passes_and_a_budget_does_not(kind: str, passing: bool) -> None:
    assert (passes(429, said("limits.x", kind)), counts(429, said("limits.x", kind))) == (passing, False)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500])
def test_any_other_answer_is_an_outcome(status: int) -> None:
    assert (passes(status, said("engine.unavailable")), counts(status, said("engine.unavailable"))) == (False, False)
