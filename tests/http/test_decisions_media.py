"""Which kinds of content a body holds, as policy is told."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.http.media import MEDIA, modalities_of


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (None, ("text",)),
        ("text", ("text",)),
        ([{"content": "x"}, {"content": [{"type": "text"}]}, {}, 3], ("text",)),
        ([{"content": [{"type": "image_url"}, {"type": "input_audio"}]}], ("audio", "image", "text")),
        ([{"content": [{"type": "video"}, {"type": "file"}, {"type": 3}]}], ("file", "image", "text")),
    ],
)
def test_modalities_are_those_of_the_parts(messages: Any, expected: tuple[str, ...]) -> None:
    assert modalities_of(messages) == expected


@pytest.mark.parametrize("kind", MEDIA)
def test_every_part_that_is_no_text_has_a_modality(kind: str) -> None:
    assert len(modalities_of([{"content": [{"type": kind}]}])) == 2
