"""Parts of a message that are no text: images, sound, files. Nothing here can read them, so nothing here lets them by.

What can't be read can't be searched for personal data, so such a part is refused whatever a policy says of its content.
The refusal names the part; one whose base64 does not even decode is told so, since the mend is another.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from gateway.domain import Modality
from gateway.errors import BadRequest

MEDIA = {
    "image_url": "an image", "input_image": "an image", "image": "an image", "image_file": "an image",
    "input_audio": "sound", "audio": "sound", "audio_url": "sound", "video": "a video", "video_url": "a video",
    "input_video": "a video", "file": "a file", "input_file": "a file", "document": "a file",
}  # fmt: skip
"""Types of parts, as OpenAI and others call them, and what they hold."""

_MODALITIES: dict[str, Modality] = {"an image": "image", "sound": "audio", "a video": "image", "a file": "file"}

_HELD_IN = ("image_url", "input_audio", "audio_url", "video_url", "file", "source")
_DATA = ("url", "data", "file_data", "image_url")
_LONGEST_HEAD = 256


def refuse_media(messages: Any, at: str = "messages", field: str = "content") -> None:
    """Refuse the first part that is no text.

    Args:
        messages: of the body, not checked yet.
        at: where in the body they stand.
        field: of each that holds its parts.

    Raises:
        BadRequest: ``request.part_unreadable``, or ``request.base64_invalid`` if its data are broken as well.
    """
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get(field) if isinstance(message, dict) else None
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] in MEDIA:
                raise _refusal(part, f"{at}[{index}].{field}[{place}]")


def modalities_of(messages: Any) -> tuple[Modality, ...]:
    """Return what kinds of content the messages hold, sorted; a video counts as images. Text is always among them."""
    found: set[Modality] = {"text"}
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            kind = MEDIA.get(str(part.get("type"))) if isinstance(part, dict) else None
            if kind:
                found.add(_MODALITIES[kind])
    return tuple(sorted(found))


def _refusal(part: dict[str, Any], param: str) -> BadRequest:
    for field, text in _data(part):
        if not _decodes(text):
            where = f"{param}.{field}"
            return BadRequest(f"`{where}` is not valid base64.", code="request.base64_invalid", param=where)
    what = MEDIA[part["type"]]
    message = f"`{param}` is {what}, which this gateway has no reader for: it cannot be searched, so it may not pass."
    return BadRequest(message, code="request.part_unreadable", param=param)


def _data(part: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the base64 texts of a part, each with the field that holds it."""
    holders = [("", part), *((f"{name}.", part[name]) for name in _HELD_IN if isinstance(part.get(name), dict))]
    found = [(prefix + name, inner.get(name)) for prefix, inner in holders for name in _DATA]
    return [(field, text) for field, text in found if isinstance(text, str) and _is_base64(field, text)]


def _is_base64(field: str, text: str) -> bool:
    if text.startswith("data:"):
        return ";base64," in text[:_LONGEST_HEAD]
    return field.rpartition(".")[2] in {"data", "file_data"}


def _decodes(text: str) -> bool:
    try:
        base64.b64decode(text.rpartition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
