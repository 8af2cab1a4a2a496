"""Headers of GGUF files: the real one, made ones, and hostile ones."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.registry.gguf import read_header


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def gguf(*pairs: bytes, version: int = 3, count: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs) if count is None else count) + b"".join(pairs)


NUMBERS = struct.pack("<IQ", 4, 3) + struct.pack("<3I", 1, 2, 3)
WORDS = struct.pack("<IQ", 8, 2) + text("a") + text("b")
WHOLE = gguf(
    pair("general.architecture", 8, text("llama")),
    pair("tokenizer.tokens", 9, WORDS),
    pair("tokenizer.types", 9, NUMBERS),
    pair("llama.context_length", 4, struct.pack("<I", 8192)),
    pair("general.file_type", 4, struct.pack("<I", 15)),
    pair("general.license", 8, text("mit")),
    pair("tokenizer.chat_template", 8, text("{{ x }}")),
)


def test_a_header_is_read_past_arrays(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(WHOLE)
    header = read_header(tmp_path / "m.gguf")
    assert (header.architecture, header.context_tokens, header.quantisation) == ("llama", 8192, "Q4_K_M")
    assert (header.licence, header.has_chat_template, header.title) == ("mit", True, "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGML" + WHOLE[4:],
        gguf(version=1),
        gguf(count=2**40),
        gguf(pair("k", 99, b"")),
        gguf(pair("k", 8, struct.pack("<Q", 2**60))),
        gguf(pair("k", 9, struct.pack("<IQ", 4, 2**60))),
        gguf(pair("k", 9, struct.pack("<IQ", 9, 1))),
        WHOLE[:-3],
    ],
)
def test_what_is_no_gguf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(SetupError):
        read_header(tmp_path / "m.gguf")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=12))
def test_damage_never_makes_another_error(tmp_path: Path, at: int, damage: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(WHOLE[:at] + damage + WHOLE[at + len(damage) :])
    with contextlib.suppress(SetupError):
        read_header(tmp_path / "m.gguf")


@pytest.mark.real
def test_the_demonstration_model_says_what_its_manifest_says(model_file: Path, model_manifest) -> None:
    header = read_header(model_file)
    assert header.quantisation == model_manifest.quantisation
    assert header.context_tokens == model_manifest.context_tokens
