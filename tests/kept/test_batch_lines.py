"""What is wrong with a batch's file, in OpenAI's words."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
import pytest

from gateway.http.batches import parse_line
from gateway.kept.batch_lines import check, requests

parse = partial(parse_line, most_bytes=1000, max_depth=20)
ENDPOINT = "/v1/chat/completions"


def line(**change: Any) -> bytes:
    asked = {"custom_id": "a", "method": "POST", "url": ENDPOINT, "body": {"model": "m"}, **change}
    return orjson.dumps({name: value for name, value in asked.items() if value is not None})


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b'{"custom_id": "a", "custom_id": "b"}', "invalid_json_line", None),
        (b"x" * 1001, "invalid_json_line", None),
        (line(custom_id=None), "missing_required_parameter", "custom_id"),
        (line(body=None), "missing_required_parameter", "body"),
        (line(custom_id=7), "invalid_value", "custom_id"),
        (line(method="GET"), "invalid_method", "method"),
        (line(url="/v1/embeddings"), "invalid_url", "url"),
        (line(body={}), "missing_required_parameter", "body.model"),
        (line(body={"model": "m", "stream": True}), "invalid_value", "body.stream"),
        (line(body={"model": "n"}), "mismatched_model", "body.model"),
        (line(custom_id="first"), "duplicate_custom_id", "custom_id"),
        (line(more=1), "unknown_parameter", None),
    ],
)
def test_each_fault_has_its_word_and_line(raw: bytes, code: str, param: str | None) -> None:
    checked = check([line(custom_id="first"), b"", raw, line(custom_id="last")], ENDPOINT, 10, parse)

    assert [(fault.code, fault.param, fault.line) for fault in checked.faults] == [(code, param, 3)]


def test_a_good_file_is_read_line_by_line() -> None:
    lines = [b"\xef\xbb\xbf" + line(custom_id="a"), b"\r", line(custom_id="b") + b"\r"]

    checked = check(lines, ENDPOINT, 2, parse)

    assert (checked.total, checked.model, checked.faults) == (2, "m", ())
    assert [(found.number, found.custom_id) for found in requests(lines, parse)] == [(1, "a"), (3, "b")]


def test_too_many_lines_and_none_at_all() -> None:
    assert [fault.code for fault in check([line()] * 3, ENDPOINT, 2, parse).faults] == ["too_many_tasks"]
    assert [fault.code for fault in check([b"", b" "], ENDPOINT, 2, parse).faults] == ["empty_file"]
