"""LAC's tagger (Baidu, Apache-2.0): a character GRU with its transition scores, decoded here.

It has 59 tags (begin and inside of 29 kinds); ``nr`` and ``PER`` are names. The network's tensors are taken out
of its file and put into a graph that reads several clauses at once, each as long as it is: a clause's scores are the
same, bit by bit, whatever clauses are read beside it. Of its vocabulary only single characters are kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.errors import SetupError
from gateway.privacy.names.chinese_names import Word, names
from gateway.privacy.names.classifier import session
from gateway.privacy.names.proto import Attribute, Graph, Node, read, write
from gateway.privacy.names.weights import MEND, Weights

ROUNDING = 0.05  # of a clause's sums
INT32 = 6  # of ONNX
_CANARY = "张建国和王丽华昨天在上海开会。"
_UNKNOWN = "OOV"


class Lac:
    """The model; shared by threads."""

    def __init__(self, weights: Weights) -> None:
        numbers = {word: int(number) for number, word in _pairs(weights.read("lac.words"))}
        kept = [word for word in numbers if len(word) == 1 or word == _UNKNOWN]
        places = {word: place for place, word in enumerate(kept)}
        self._other = places[_UNKNOWN]
        forms = {mark: places.get(form, self._other) for mark, form in _pairs(weights.read("lac.forms"))}
        self._places = {word: place for word, place in places.items() if len(word) == 1} | forms
        self._session = session(_graph(weights.read("lac.onnx"), [numbers[word] for word in kept]))
        tags = {int(number): tag for number, tag in _pairs(weights.read("lac.tags"))}
        transitions = np.load(io.BytesIO(weights.read("lac.npy")), allow_pickle=False)
        self._tags = [tags.get(number, "O").removesuffix("-I") for number in range(len(transitions))]
        self._of_names = np.array([tag.removesuffix("-B") in ("nr", "PER") for tag in self._tags])
        self._path = Path(transitions)
        if "张建国" not in {_CANARY[start:end] for start, end in names(_CANARY, self.words([_CANARY])[0])}:
            raise SetupError("The Chinese tagger does not find the names in its canary text.", MEND)

    def words(self, clauses: Sequence[str]) -> list[list[Word]]:
        """Return the words of each clause, in order; clauses are read at once and best of about one length."""
        lengths = [len(clause) for clause in clauses]
        ids = np.full((max(lengths), len(clauses)), self._other)
        for column, clause in enumerate(clauses):
            ids[: len(clause), column] = [self._places.get(mark, self._other) for mark in clause.replace("\t", " ")]
        feed = {"ids": ids.ravel(), "shape": np.array([*ids.shape, -1]), "lengths": np.array(lengths)}
        scores = self._session.run(None, feed)[0]
        return [self._of_one(scores[:length, column]) for column, length in enumerate(lengths)]

    def _of_one(self, scores: NDArray[np.float32]) -> list[Word]:
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        masses = (likely[:, self._of_names].sum(axis=1) / likely.sum(axis=1)).tolist()
        tags = [self._tags[number] for number in self._path.best(scores)]
        begins = [at for at, tag in enumerate(tags) if not at or tag.endswith("-B") or tag != _inside(tags[at - 1])]
        return [
            Word(start, end, _inside(tags[start]), sum(masses[start:end]) / (end - start))
            for start, end in pairwise([*begins, len(tags)])
        ]


def _graph(data: bytes, kept: Sequence[int]) -> bytes:
    """Return the network of a model file for several clauses at once, with the ``kept`` rows of its vocabulary.

    Inputs: ``ids`` of all characters, time by time; their ``shape`` [longest, clauses, -1]; the clauses' ``lengths``.
    """
    given = read(data)
    grus = [node.inputs[1:4] for node in given.nodes if node.kind == "GRU"]
    [words] = [node.inputs[0] for node in given.nodes if node.kind == "Gather"]
    matrix, bias = (node.inputs[1] for node in given.nodes if node.kind in ("MatMul", "Add"))
    nodes = [
        Node("Gather", (words, "ids"), ("rows",)),
        Node("Reshape", ("rows", "shape"), ("seen0",)),
        Node("Cast", ("lengths",), ("long",), {"to": INT32}),
    ]
    for layer, inputs in enumerate(grus):
        nodes += _layer(layer, inputs, given.tensors[inputs[1]].shape[2])
    nodes += [Node("MatMul", (f"seen{len(grus)}", matrix), ("sums",)), Node("Add", ("sums", bias), ("scores",))]
    used = {name: given.tensors[name] for name in (matrix, bias, *(name for inputs in grus for name in inputs))}
    used |= {words: given.tensors[words][np.array(kept)], "joined": np.array([0, 0, -1])}
    return write(Graph(nodes, used), ("ids", "shape", "lengths"), "scores")


def _layer(number: int, weights: Sequence[str], size: int) -> list[Node]:
    """Return a layer that reads in both directions, and what joins them."""
    ways: dict[str, Attribute] = {"hidden_size": size, "direction": "bidirectional", "linear_before_reset": 1}
    return [
        Node("GRU", (f"seen{number}", *weights, "long"), (f"both{number}",), ways),
        Node("Transpose", (f"both{number}",), (f"beside{number}",), {"perm": (0, 2, 1, 3)}),
        Node("Reshape", (f"beside{number}", "joined"), (f"seen{number + 1}",)),
    ]


class Path:
    """The best path through a clause's tags (Viterbi), worked out only where it is open.

    Transitions weigh little beside the network's scores. Where a character's best score leads by more than any
    transitions before and after it could make up for, the path leads through that tag, whatever stands around it.

    Args:
        transitions: what it weighs to go from a tag (row) to another (column).
    """

    def __init__(self, transitions: NDArray[np.float32]) -> None:
        self._from = np.ascontiguousarray(transitions.T)
        into = (transitions[:, :, None] - transitions[:, None, :]).max(axis=0)
        onward = (transitions[:, None, :] - transitions[None, :, :]).max(axis=2)
        self._lead = (into + onward).T + ROUNDING  # [tag, other]: leading so far, no other tag comes into question
        np.fill_diagonal(self._lead, -np.inf)

    def best(self, scores: NDArray[np.float32]) -> list[int]:
        """Return the tag of each character."""
        firsts = scores.argmax(axis=1)
        leads = scores[np.arange(len(scores)), firsts, None] - scores
        open_ = (leads < self._lead[firsts]).any(axis=1)
        tags: list[int] = firsts.tolist()
        for first, last in _stretches(open_):
            tags[first:last] = self._between(scores, tags, first, last)
        return tags

    def _between(self, scores: NDArray[np.float32], tags: Sequence[int], first: int, last: int) -> list[int]:
        """Return the best path from ``first`` to before ``last``; the tags before and after are known."""
        total, back = scores[first], []
        if first:
            total = total + self._from[:, tags[first - 1]]
        for row in scores[first + 1 : last]:
            paths = self._from + total
            back.append(paths.argmax(axis=1))
            total = paths.max(axis=1) + row
        if last < len(scores):
            total = total + self._from[tags[last]]
        path = [int(total.argmax())]
        for came in reversed(back):
            path.append(int(came[path[-1]]))
        return path[::-1]


def _stretches(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield [first, last) of each run of flags that are set."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False)).tolist()
    yield from zip(edges[::2], edges[1::2], strict=True)


def _pairs(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the tab-separated pairs of a dictionary file."""
    for line in data.decode().split("\n"):
        first, tab, second = line.rstrip("\r").partition("\t")
        if tab:
            yield first, second


def _inside(tag: str) -> str:
    return tag.removesuffix("-B")
