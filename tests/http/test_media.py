"""Parts that nothing here can read are refused, each with its place and a reason."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import BadRequest
from gateway.http import chat

INVALID = {"invalid_type", "invalid_value", "missing_required_parameter"}
PNG = "data:image/png;base64,iVBORw0KGgo="


def refusal(part: Any, role: str = "user") -> BadRequest:
    message = {"role": role, "content": [{"type": "text", "text": "see"}, part]}
    if role == "tool":
        message["tool_call_id"] = "c1"
    with pytest.raises(BadRequest) as caught:
        chat.parse({"model": "m", "messages": [{"role": "user", "content": "hi"}, message]})
    return caught.value


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer", "tool"])
@pytest.mark.parametrize(
    ("part", "word"),
    [
        ({"type": "image_url", "image_url": {"url": PNG}}, "an image"),
        ({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, "an image"),
        ({"type": "input_image", "image_url": PNG}, "an image"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "sound"),
        ({"type": "file", "file": {"filename": "8d.pdf", "file_data": "data:application/pdf;base64,AAAA"}}, "a file"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "a file"),
        ({"type": "document", "source": {"type": "base64", "data": "AAAA"}}, "a file"),
        ({"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}, "a video"),
    ],
)
def test_a_part_without_a_reader_is_refused_by_name(part: Any, word: str, role: str) -> None:
    error = refusal(part, role)

    assert (error.status, error.code, error.param) == (400, "request.part_unreadable", "messages[1].content[1]")
    assert word in error.message


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@"}}, "image_url.url"),
        ({"type": "input_image", "image_url": "data:image/png;base64,AAA"}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "A", "format": "wav"}}, "input_audio.data"),
        ({"type": "file", "file": {"file_data": "AA=A"}}, "file.file_data"),
        ({"type": "file", "file": {"file_data": "äöü"}}, "file.file_data"),
    ],
)
def test_base64_that_does_not_decode_is_told(part: Any, field: str) -> None:
    error = refusal(part)

    assert (error.code, error.param) == ("request.base64_invalid", f"messages[1].content[1].{field}")


@pytest.mark.parametrize("part", [{"type": "nonsense"}, {"type": 5}, {"type": None}, {}, "text", 5, None])
def test_a_part_of_no_known_type_is_invalid(part: Any) -> None:
    assert refusal(part).code in INVALID


@pytest.mark.parametrize("messages", [None, 5, "x", [None], [{"role": "user", "content": 5}], {"content": []}])
def test_messages_of_another_shape_are_invalid(messages: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        chat.parse({"model": "m", "messages": messages})

    assert caught.value.code in INVALID
