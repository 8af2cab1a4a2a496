"""A model's shape: from real files with random weights, and from headers of architectures too large to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from made_models import RECIPES, smaller, write

from gateway.errors import SetupError
from gateway.fleet.fit.memory import Wish, price_of
from gateway.fleet.fit.shape import Layer, Shape, shape_of
from gateway.registry.gguf import read_layout


@dataclass(frozen=True)
class Row:
    name: str
    dims: tuple[int, ...] = (64, 64)
    type: str = "F16"
    bytes: int = 8192
    offset: int = 0


@dataclass(frozen=True)
class Header:
    metadata: dict[str, int | float | bool | str]
    tensors: tuple[Row, ...] = ()
    lengths: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, tuple[int | float, ...]] = field(default_factory=dict)


def header(architecture: str, layers: int, part: str = "attn_q.weight", **said: int) -> Header:
    """A header of 64 wide with 4 heads, and what a test says; every layer has one tensor."""
    usual = {"block_count": layers, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2}
    named = {f"{architecture}.{key.replace('__', '.')}": value for key, value in {**usual, **said}.items()}
    rows = tuple(Row(f"blk.{number}.{part}") for number in range(layers))
    return Header({"general.architecture": architecture, **named}, rows)


def windows(shape: Shape) -> list[int]:
    return [layer.window for layer in shape.layers]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("dense", Layer(256, 256, 0, 0)),
        ("many-heads", Layer(1024, 1024, 0, 0)),
        ("experts", Layer(256, 256, 0, 0)),
        ("windows", Layer(512, 512, 512, 0)),
        ("embedding", Layer(0, 0, 0, 0)),
        ("state", Layer(0, 0, 0, 2048 * 16 + 2048 * 3)),
        ("latent", Layer(576, 0, 0, 0)),
    ],
)
def test_a_files_first_layer(tmp_path: Path, name: str, first: Layer) -> None:
    recipe = smaller(RECIPES[name], layers=26 if name == "latent" else 2, vocabulary=512, inner=256)

    shape = shape_of(read_layout(write(recipe, tmp_path / "m.gguf")))

    assert shape.layers[0] == first
    assert (shape.vocabulary, shape.inner, shape.keeps) == (512, 0 if name == "state" else 256, name != "embedding")


@pytest.mark.parametrize(
    ("architecture", "layers", "expected"),
    [
        ("gemma3", 12, [32] * 5 + [0] + [32] * 5 + [0]),
        ("gpt-oss", 4, [32, 0, 32, 0]),
        ("smallthinker", 4, [0, 32, 32, 32]),
        ("llama", 3, [0, 0, 0]),
        ("phi3", 2, [0, 0]),
    ],
)
def test_which_layers_look_back_only_so_far(architecture: str, layers: int, expected: list[int]) -> None:
    assert windows(shape_of(header(architecture, layers, attention__sliding_window=32))) == expected


def test_the_header_may_say_which_layers_look_back_only_so_far() -> None:
    said = header("gemma4", 3, attention__sliding_window=32, attention__key_length=16, attention__key_length_swa=8)
    said.numbers["gemma4.attention.sliding_window_pattern"] = (1, 0, 1)

    shape = shape_of(said)

    assert windows(shape) == [32, 0, 32]
    assert [layer.keys for layer in shape.layers] == [16, 32, 16]


def test_layers_may_share_the_keys_of_others() -> None:
    shape = shape_of(header("gemma4", 6, attention__shared_kv_layers=2))

    assert [layer.keys > 0 for layer in shape.layers] == [True] * 4 + [False] * 2


def test_heads_may_differ_by_layer() -> None:
    said = header("llama", 3)
    said.numbers["llama.attention.head_count_kv"] = (4, 2, 1)

    assert [layer.keys for layer in shape_of(said).layers] == [64, 32, 16]


def test_a_hybrid_keeps_a_state_in_some_layers_and_keys_in_others() -> None:
    said = header("qwen3next", 2, ssm__inner_size=128, ssm__state_size=16, ssm__conv_kernel=4, ssm__group_count=2)
    mixed = Header(
        said.metadata, (Row("blk.0.ssm_in.weight"), Row("blk.0.attn_qkv.weight"), Row("blk.1.attn_q.weight"))
    )

    first, second = shape_of(mixed).layers

    assert (first.keys, first.state) == (0, 3 * (128 + 2 * 2 * 16) + 16 * 128)
    assert (second.keys, second.state) == (32, 0)


def test_layers_that_only_guess_ahead_keep_nothing() -> None:
    assert [layer.keys for layer in shape_of(header("glm4moe", 3, nextn_predict_layers=1)).layers] == [32, 32, 0]


def test_a_header_that_says_no_layers_is_refused() -> None:
    with pytest.raises(SetupError, match="does not say its architecture, layers and width"):
        shape_of(Header({"general.architecture": "llama"}))


def test_an_architecture_that_keeps_more_is_called_rough() -> None:
    assert shape_of(header("deepseek4", 2)).rough
    assert not shape_of(header("llama", 2)).rough


KEYS = """block_count embedding_length context_length attention.head_count attention.head_count_kv expert_count
    attention.key_length attention.value_length attention.key_length_mla attention.sliding_window nextn_predict_layers
    attention.sliding_window_pattern attention.shared_kv_layers ssm.inner_size ssm.conv_kernel wkv.head_size
    shortconv.l_cache kda.head_dim expert_used_count""".split()
NAMES = [
    "token_embd.weight",
    "output.weight",
    "blk.0.attn_k.weight",
    "blk.1.ssm_in.weight",
    "blk.99999.x",
    "blk.0.ffn_up",
]
WHOLE = some.integers(-2, 2**40) | some.integers(0, 600)


@given(
    architecture=some.sampled_from(["llama", "gemma3", "gemma4", "deepseek2", "mamba", "falcon-h1", "bert", "", "new"]),
    said=some.dictionaries(some.sampled_from(KEYS), WHOLE | some.floats() | some.booleans() | some.text(max_size=3)),
    listed=some.dictionaries(some.sampled_from(KEYS), some.lists(WHOLE | some.floats(), max_size=4).map(tuple)),
    rows=some.lists(some.tuples(some.sampled_from(NAMES), some.lists(some.integers(1, 9), max_size=4)), max_size=6),
)
def test_no_header_makes_the_planner_stumble(
    architecture: str,
    said: dict[str, int | float | bool | str],
    listed: dict[str, tuple[int | float, ...]],
    rows: list[tuple[str, list[int]]],
) -> None:
    """Whatever a file says, it has a price that is not negative, or is refused."""
    metadata = {"general.architecture": architecture, **{f"{architecture}.{key}": each for key, each in said.items()}}
    tensors = tuple(Row(name, tuple(dims)) for name, dims in rows)
    made = Header(metadata, tensors, {}, {f"{architecture}.{key}": each for key, each in listed.items()})
    try:
        shape = shape_of(made)
    except SetupError:
        return

    price = price_of(shape, Wish(512, 2), gpu_layers=3, gpus={"gpu:0": 1})

    assert all(parts.total >= 0 for parts in price.by_device.values())
