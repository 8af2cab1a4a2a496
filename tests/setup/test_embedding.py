"""Set-up's step for the embedding model: what it takes for done, and what it says when it cannot go on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gateway.errors import SetupError

Part = Callable[[str], ModuleType]


def place_of(embedding: ModuleType, layout: ModuleType) -> Path:
    digest = re.search(r"^sha256: (\w+)", embedding.MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    assert digest is not None
    place: Path = layout.STORE / "sha256" / digest[1]
    place.parent.mkdir(parents=True)
    return place


def test_a_file_of_another_size_is_not_taken_for_the_model(part: Part) -> None:
    embedding, layout = part("embedding"), part("layout")
    place = place_of(embedding, layout)

    place.write_bytes(b"GGUF")

    assert not embedding.is_stored()


def test_what_is_stored_is_neither_fetched_nor_made_again(part: Part) -> None:
    embedding, layout = part("embedding"), part("layout")
    size = re.search(r"^size_bytes: (\d+)", embedding.MANIFEST.read_text(encoding="utf-8"), re.MULTILINE)
    assert size is not None
    with place_of(embedding, layout).open("wb") as file:
        file.truncate(int(size[1]))  # the server hashes it at every load

    embedding.fetch(None)
    embedding.store(None)


def test_a_wheel_that_is_gone_is_told_with_the_mend(part: Part) -> None:
    embedding, progress = part("embedding"), part("progress")

    with progress.Board() as board, pytest.raises(progress.StepFailed, match="wheel of the embedding model is gone"):
        embedding.store(board)


def test_another_wheel_is_not_stored(part: Part, tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    wheel.write_bytes(b"no wheel")

    with pytest.raises(SetupError, match=r"other\.whl"):
        part("embedding_take").take("all-minilm-l6-v2", str(wheel), str(tmp_path / "store"))

    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.real
@pytest.mark.slow
def test_what_set_up_made_is_what_the_manifest_names(part: Part, embedding_file: Path) -> None:
    assert hashlib.sha256(embedding_file.read_bytes()).hexdigest() == embedding_file.name
    assert f"sha256: {embedding_file.name}" in part("embedding").MANIFEST.read_text(encoding="utf-8")
