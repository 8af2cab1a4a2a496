"""What token ids spell, by vocabularies of each kind; the GGUF files are made here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.registry.vocabulary import Vocabulary, read_vocabulary

Make = Callable[..., Path]
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a GGUF file of a vocabulary alone."""

    def write(kind: str, words: Sequence[str], types: Sequence[int] = ()) -> Path:
        file = tmp_path / "vocabulary.gguf"
        writer = gguf.GGUFWriter(file, "bert")
        writer.add_tokenizer_model(kind)
        writer.add_token_list(list(words))
        if types:
            writer.add_token_types(list(types))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        return file

    return write


def text(file: Path, tokens: Sequence[int]) -> str:
    vocabulary = read_vocabulary(file)
    assert vocabulary is not None
    return vocabulary.text(tokens)


def test_word_pieces_join_to_words_and_marks_spell_nothing(make: Make) -> None:
    words = ["[PAD]", "[CLS]", "[SEP]", "▁press", "es", "▁stop", "▁,"]
    file = make("bert", words, [CONTROL, CONTROL, CONTROL, NORMAL, NORMAL, NORMAL, NORMAL])

    assert text(file, [1, 3, 4, 6, 5, 2, 0, 0]) == "presses , stop"


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_pieces_of_sentences_keep_their_spaces_and_bytes_are_utf_8(make: Make, kind: str) -> None:
    words = ["<unk>", "<s>", "▁die", "▁Pr", "esse", "<0xC3>", "<0xA4>", "▁▁"]
    file = make(kind, words, [UNKNOWN, CONTROL, NORMAL, NORMAL, NORMAL, BYTE, BYTE, NORMAL])

    assert text(file, [1, 2, 3, 4, 5, 6, 7, 2]) == "die Presseä   die"
    assert text(file, [0, 4]) == "esse"


def test_byte_level_words_are_utf_8_by_gpt_2s_table(make: Make) -> None:
    words = ["<|end|>", "Gr", "Ã¼ÃŁ", "Ġdich", "Ċ", "<tool ü>"]
    file = make("gpt2", words, [CONTROL, NORMAL, NORMAL, NORMAL, NORMAL, USER])

    assert text(file, [1, 2, 3, 4, 5, 0]) == "Grüß dich\n<tool ü>"


def test_half_a_character_is_shown_as_what_it_is(make: Make) -> None:
    file = make("gpt2", ["Ã"], [NORMAL])

    assert text(file, [0]) == "\ufffd"


def test_without_types_every_word_is_one(make: Make) -> None:
    assert text(make("bert", ["[CLS]", "▁a"]), [0, 1]) == "[CLS] a"


@pytest.mark.parametrize("token", [-1, 2, 2**31])
def test_an_id_that_is_not_there_is_an_error(make: Make, token: int) -> None:
    vocabulary = read_vocabulary(make("bert", ["▁a", "b"], [NORMAL, NORMAL]))
    assert vocabulary is not None

    with pytest.raises(ValueError, match="id"):
        vocabulary.text([0, token])


def test_of_an_unknown_kind_nothing_is_spelled(make: Make) -> None:
    assert read_vocabulary(make("rwkv", ["a"])) is None


@pytest.mark.parametrize("word", ["<0xZZ>", "<0x100>", "0x41", ""])
def test_a_byte_that_is_none_is_refused_when_the_file_is_read(make: Make, word: str) -> None:
    with pytest.raises(SetupError, match="vocabulary"):
        read_vocabulary(make("llama", [word], [BYTE]))


@pytest.mark.parametrize("kind", ["bert", "llama", "gpt2"])
def test_kinds_for_others_than_the_words_there_are_are_refused(make: Make, kind: str) -> None:
    with pytest.raises(SetupError, match="vocabulary"):
        read_vocabulary(make(kind, ["a", "b"], [NORMAL]))


@given(content=st.text(max_size=40))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_survives_as_bytes(content: str) -> None:
    words = tuple(f"<0x{byte:02X}>" for byte in range(256))
    vocabulary = Vocabulary("llama", words, (BYTE,) * 256)

    # the first space stands for the beginning of a text, as SentencePiece writes it
    assert vocabulary.text(list((" " + content).encode())) == content.replace("\u2581", " ")
