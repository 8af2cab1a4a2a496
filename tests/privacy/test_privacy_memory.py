"""What is remembered, for whom, how much of it; and that cutting a text never changes what is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.memory import LEAST, MOST, SEAM, WHOLE, Memory, cuts, find_by_pieces, pieces
from gateway.privacy.span import Proceed, Span

LINE = "The press in hall four stopped twice during the night shift, and nobody wrote down why it did so.\n"
PASSAGES = ["".join(f"{number} {part} {LINE}" for number in range(30)) for part in ("alpha", "beta", "gamma")]


class Finder:
    """Finds ``Xnnn``; counts the characters that it was given."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        self.seen += sum(map(len, texts))
        return [[Span(*m.span(), "X", 1.0, "test") for m in re.finditer("X[0-9]{3,200}", text)] for text in texts]


def memory(most_bytes: int = 2**20) -> Memory[tuple[Span, ...]]:
    return Memory(most_bytes, len)


def find(finder: Finder, remembered: Memory[tuple[Span, ...]], text: str, scope: bytes = b"t1") -> set[Span]:
    [spans] = find_by_pieces(remembered, scope, [text], finder, lambda: None)
    return set(spans)


@given(st.text("ab. \n。", max_size=60), st.integers(1, 400))
def test_cuts_cover_the_text_in_order_and_pieces_are_not_too_long(part: str, times: int) -> None:
    text = part * times
    places = cuts(text)
    assert places[0] == 0 and places[-1] == len(text)
    assert all(0 < right - left <= MOST for left, right in pairwise(places))


def test_a_text_without_an_end_is_cut_all_the_same() -> None:
    assert max(right - left for left, right in pairwise(cuts("名" * 20_000))) <= MOST


def test_a_passage_is_cut_alike_wherever_it_stands() -> None:
    one, other = (
        set(text for _, text, across in pieces(before + PASSAGES[0]) if across is None) for before in ("", LINE * 3)
    )
    assert len(one & other) >= len(one) - 2


def test_a_paragraph_is_cut_only_where_it_is_long() -> None:
    paragraph = (LINE * 20)[: WHOLE - 2].rstrip()
    assert [piece.text for piece in pieces(f"{paragraph}\n\n{paragraph}")] == [paragraph, paragraph]
    assert len(pieces(paragraph + LINE + "".join(PASSAGES))) > 5


def test_chunks_of_one_paragraph_are_neither_short_nor_uncut() -> None:
    lengths = [right - left for left, right in pairwise(cuts("".join(PASSAGES)))]
    assert min(lengths) >= LEAST and max(lengths) <= MOST // 2 + LEAST


@given(st.integers(0, 9_000), st.integers(3, SEAM - 2))
def test_what_lies_across_a_cut_is_found_whole_and_once(at: int, digits: int) -> None:
    text = "".join(PASSAGES)[:9_000]
    text = f"{text[:at]} X{'7' * digits} {text[at:]}"
    assert find(Finder(), memory(), text) == {Span(at + 1, at + 2 + digits, "X", 1.0, "test")}


def test_known_passages_put_together_anew_cost_their_seams() -> None:
    finder, remembered = Finder(), memory()
    find(finder, remembered, "".join(PASSAGES))
    before = finder.seen

    find(finder, remembered, "".join(reversed(PASSAGES)))

    assert finder.seen - before < before * 0.4


def test_what_is_known_is_not_searched_again() -> None:
    finder, remembered = Finder(), memory()
    first = find(finder, remembered, PASSAGES[0] + "X123456")
    seen = finder.seen

    assert find(finder, remembered, PASSAGES[0] + "X123456") == first
    assert finder.seen == seen


def test_another_tenant_does_not_meet_it() -> None:
    finder, remembered = Finder(), memory()
    find(finder, remembered, "X123 was here")
    seen = finder.seen
    find(finder, remembered, "X123 was here", b"t2")
    assert finder.seen == 2 * seen


def test_nothing_of_a_text_is_kept() -> None:
    remembered = memory()
    find(Finder(), remembered, "X424242 canary")
    assert "424242" not in repr(remembered.__dict__) and "canary" not in repr(remembered.__dict__)


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    finder, remembered = Finder(), memory(10_000)
    for number in range(200):
        find(finder, remembered, f"text {number}")
        assert remembered.bytes <= 10_000
    seen = finder.seen
    find(finder, remembered, "text 199")
    assert finder.seen == seen
    find(finder, remembered, "text 0")
    assert finder.seen > seen


def test_a_search_that_fails_is_not_remembered() -> None:
    remembered = memory()

    def fail(texts: Sequence[str], proceed: Proceed) -> list[list[Span]]:
        raise RuntimeError

    try:
        find_by_pieces(remembered, b"", ["text"], fail, lambda: None)
    except RuntimeError:
        assert remembered.bytes == 0
    else:
        raise AssertionError("the error was swallowed")


def test_short_texts_are_one_piece() -> None:
    assert [piece.text for piece in pieces("a" * LEAST)] == ["a" * LEAST]


def test_passages_with_blank_lines_between_them_put_together_anew_cost_nothing() -> None:
    passages = [f"{name} {LINE * 9}\n" for name in ("one", "two", "three", "four")]
    finder, remembered = Finder(), memory()
    find(finder, remembered, "".join(passages))
    seen = finder.seen

    find(finder, remembered, "".join(reversed(passages)))

    assert finder.seen == seen
