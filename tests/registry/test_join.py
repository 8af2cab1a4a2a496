"""A model in parts becomes one file, always the same one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from gguf_files import of_tensors

from gateway.errors import SetupError
from gateway.registry.gguf import read_layout
from gateway.registry.inspection import inspect
from gateway.registry.join import find_models, join

SAID = {"general.architecture": "llama", "llama.context_length": 64, "words": ["a", "b"]}
FIRST = {"token_embd.weight": (5, 3), "blk.0.attn_q.weight": (32, 32)}
SECOND = {"blk.1.attn_q.weight": (32, 3)}


def part(number: int, count: int = 2, tensors: int = 3) -> bytes:
    split: dict[str, object] = {"split.no": number, "split.count": count, "split.tensors.count": tensors}
    return of_tensors({**SAID, **split} if number == 0 else split, FIRST if number == 0 else SECOND, number + 1)


def lay(folder: Path, *contents: bytes, name: str = "big") -> list[Path]:
    paths = [folder / f"{name}-{n:05}-of-{len(contents):05}.gguf" for n in range(1, len(contents) + 1)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def test_the_whole_has_all_metadata_and_all_tensors_bytes(tmp_path: Path) -> None:
    parts = lay(tmp_path, part(0), part(1))
    with (tmp_path / "whole").open("wb") as target:
        join(parts, target)

    whole = inspect(tmp_path / "whole")

    assert whole.metadata == {"general.architecture": "llama", "llama.context_length": 64}
    assert whole.lengths == {"words": 2}
    assert {tensor.name: tensor.dims for tensor in whole.tensors} == FIRST | SECOND
    raw = (tmp_path / "whole").read_bytes()
    for tensor in whole.tensors:
        start = whole.data_start + tensor.offset
        expected = 2 if tensor.name in SECOND else 1
        assert raw[start : start + tensor.bytes] == bytes([expected]) * tensor.bytes


def test_the_same_parts_make_the_same_bytes_as_a_file_that_never_was_in_parts(tmp_path: Path) -> None:
    parts = lay(tmp_path, part(0), part(1))
    made = [io.BytesIO(), io.BytesIO()]
    for target in made:
        join(parts, target)
    assert made[0].getvalue() == made[1].getvalue()
    (tmp_path / "whole").write_bytes(made[0].getvalue())
    assert read_layout(tmp_path / "whole").file_bytes == len(made[0].getvalue())


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ((part(1), part(0)), "is not part 1 of 2"),
        ((part(0), part(1, count=3)), "is not part 2 of 2"),
        ((part(0, tensors=4), part(1)), "do not make a whole"),
        ((part(0), part(1)[:-200]), "truncated"),
    ],
)
def test_what_are_not_the_parts_of_one_model_is_refused(tmp_path: Path, contents: tuple[bytes, ...], why: str) -> None:
    with pytest.raises(SetupError) as refusal:
        join(lay(tmp_path, *contents), io.BytesIO())
    assert why in str(refusal.value)


def test_a_folder_is_told_model_by_model(tmp_path: Path) -> None:
    lay(tmp_path, part(0), part(1))
    (tmp_path / "small.gguf").write_bytes(b"x")
    (tmp_path / "README.md").write_text("x")

    assert [(found.name, len(found.files)) for found in find_models(tmp_path)] == [("big", 2), ("small", 1)]


def test_a_missing_part_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no GGUF file"):
        find_models(tmp_path)
    lay(tmp_path, part(0), part(1))[1].unlink()
    with pytest.raises(SetupError, match="part 2 is not there"):
        find_models(tmp_path)
