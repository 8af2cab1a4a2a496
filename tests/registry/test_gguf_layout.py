"""The whole header of a GGUF file, and every way in which it can lie."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from gguf_files import Q4_1, adapter, gguf, model, pair, tensor, text

from gateway.errors import SetupError
from gateway.registry.gguf import Tensor, read_layout
from gateway.registry.gguf_words import ARCHITECTURES, QUANTISATIONS, TENSOR_TYPES

LLAMA = pair("general.architecture", "llama")


def refused(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(SetupError) as refusal:
        read_layout(tmp_path / "m.gguf")
    return str(refusal.value)


def test_metadata_lengths_numbers_and_tensors_are_told(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(
        gguf(
            [LLAMA, pair("llama.attention.head_count_kv", [2, 4]), pair("words", ["a", "b", "c"]), pair("half", 0.5)],
            [tensor("a", (32, 3), 0, Q4_1), tensor("b", (2, 3, 4), 64)],
            bytes(160),
        )
    )

    layout = read_layout(tmp_path / "m.gguf")

    assert layout.metadata == {"general.architecture": "llama", "half": 0.5}
    assert layout.lengths == {"llama.attention.head_count_kv": 2, "words": 3}
    assert layout.numbers == {"llama.attention.head_count_kv": (2, 4)}
    assert layout.tensors == (Tensor("a", (32, 3), "Q4_1", 60, 0), Tensor("b", (2, 3, 4), "F32", 96, 64))
    assert layout.file_bytes == layout.data_start + 160


@pytest.mark.parametrize("file", [model(), adapter()])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, file: bytes) -> None:
    for end in (*range(0, 400, 7), len(file) - 1):
        said = refused(tmp_path, file[:end])
        assert "truncated" in said or "does not begin with GGUF" in said, (end, said)


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ([tensor("a", (8,), 0), tensor("b", (8,), 0)], "the tensors a and b overlap"),
        ([tensor("a", (16,), 0), tensor("b", (8,), 32)], "the tensors a and b overlap"),
        ([tensor("a", (64,), 32)], "the tensor a reaches 160 bytes past its end"),
        ([tensor("a", (8,), 2**62)], "past its end"),
        ([tensor("a", (2**31, 2**31), 0)], "past its end"),
        ([tensor("a", (2**63, 2, 2, 2), 0)], "past its end"),
        ([tensor("a", (8,), 4)], "the tensor a is not aligned"),
        ([tensor("a", (8,), 0, 99)], "the tensor a is of the unknown type 99"),
        ([tensor("a", (8,), 0, 4)], "the tensor a is of the unknown type 4"),
        ([tensor("a", (33,), 0, Q4_1)], "the tensor a is not made of whole blocks of Q4_1"),
        ([tensor("a", (8, 0), 0)], "not made of whole blocks"),
        ([tensor("a", (), 0)], "the tensor a has 0 dimensions"),
        ([tensor("a", (1, 1, 1, 1, 1), 0)], "the tensor a has 5 dimensions"),
        ([tensor("a", (8,), 0), tensor("a", (8,), 32)], "two tensors have one name"),
        ([tensor("a" * 64, (8,), 0)], "longer than any model's"),
        ([tensor("\x1b[31m", (8,), 4)], "the tensor ?[31m is not aligned"),
    ],
)
def test_a_tensor_table_that_lies_is_refused_naming_the_tensor(tmp_path: Path, tensors: list[bytes], why: str) -> None:
    assert why in refused(tmp_path, gguf([LLAMA], tensors, bytes(128)))


def test_tensors_that_only_touch_are_fine(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(gguf([LLAMA], [tensor("b", (8,), 32), tensor("a", (8,), 0)], bytes(64)))

    assert [each.name for each in read_layout(tmp_path / "m.gguf").tensors] == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GGML" + model()[4:], "does not begin with GGUF"),
        (b"GGUF" + struct.pack(">I", 3) + model()[8:], "the other byte order"),
        (b"GGUF" + struct.pack("<I", 4) + model()[8:], "version is 4"),
        (gguf([LLAMA, LLAMA]), "the key general.architecture twice"),
        (gguf([pair("general.alignment", 3)]), "alignment"),
        (gguf([pair("general.alignment", 2**30)]), "alignment"),
        (gguf([pair("general.alignment", "x")]), "alignment"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "more entries"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2) + b"\xff\xfe" + bytes(16), "not UTF-8"),
        (gguf([text("k") + struct.pack("<II", 13, 0)]), "unknown type 13"),
    ],
)
def test_a_header_that_lies_is_refused_with_the_reason(tmp_path: Path, content: bytes, why: str) -> None:
    assert why in refused(tmp_path, content)


def test_the_words_are_those_of_the_gguf_package() -> None:
    from gguf import GGML_QUANT_SIZES, MODEL_ARCH_NAMES, GGMLQuantizationType, LlamaFileType

    sizes = {kind.value: (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}
    assert sizes.items() <= TENSOR_TYPES.items()
    assert set(MODEL_ARCH_NAMES.values()) <= ARCHITECTURES
    known = {kind.value: kind.name.split("_", 1)[1] for kind in LlamaFileType if kind.name != "GUESSED"}
    assert known.items() <= QUANTISATIONS.items()


@pytest.mark.real
def test_the_gguf_package_reads_the_same_of_the_demonstration_model(model_file: Path) -> None:
    from gguf import GGUFReader

    theirs = GGUFReader(model_file)
    ours = read_layout(model_file)

    assert [(t.name, tuple(map(int, t.shape)), t.tensor_type.name, int(t.n_bytes)) for t in theirs.tensors] == [
        (t.name, t.dims, t.type, t.bytes) for t in ours.tensors
    ]
    assert [int(t.data_offset) for t in theirs.tensors] == [ours.data_start + t.offset for t in ours.tensors]
    assert {key for key in theirs.fields if not key.startswith("GGUF.")} == set(ours.metadata) | set(ours.lengths)
