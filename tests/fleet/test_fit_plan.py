"""Prices and plans, by hand-made shapes and machines: what a load takes, what is missing, what would fit instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from made_models import RECIPES, smaller, write

from gateway.fleet.fit.devices import Device, Machine
from gateway.fleet.fit.memory import Price, Wish, batch_of, compute_bytes, price_of
from gateway.fleet.fit.plan import plan, shortage
from gateway.fleet.fit.shape import Layer, Shape, Tensor, shape_of
from gateway.registry.gguf import read_layout

MIB = 1024 * 1024
GIB = 1024 * MIB


def a_shape(layers: int = 4, matrix: int = 100 * MIB, kind: str = "Q8_0", window: int = 0) -> Shape:
    """Layers of one matrix each, between a table of tokens and an output of 50 MiB."""
    names = ["token_embd.weight", *(f"blk.{n}.ffn_up.weight" for n in range(layers)), "output.weight"]
    sizes = [50 * MIB, *[matrix] * layers, 50 * MIB]
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    numbers = [-1, *range(layers), -1]
    rows = [
        Tensor(name, (512, 512), kind, size, start, number)
        for name, size, start, number in zip(names, sizes, starts, numbers, strict=True)
    ]
    kept = tuple(Layer(512, 512, window, 0) for _ in range(layers))
    return Shape("llama", 8192, 512, 8, 64, 512, 0, 0, 1000, 0, kept, tuple(rows), rough=False)


def a_machine(ram: int, *gpus: int) -> Machine:
    found = tuple(Device(f"gpu:{number}", "GPU", free, free) for number, free in enumerate(gpus))
    return Machine(Device("ram", "CPU", ram, ram), found, frozenset({"avx2"}))


def test_a_cache_is_as_large_as_llama_cpp_says() -> None:
    """256.00 MiB for 16 layers, 4 slots of 4,096 tokens; 60.00 and 64.00 MiB for ten layers of a window and two not."""
    dense = replace(a_shape(16), layers=(Layer(256, 256, 0, 0),) * 16)
    windows = replace(a_shape(12), layers=(*(Layer(512, 512, 512, 0),) * 10, *(Layer(512, 512, 0, 0),) * 2))
    wish = Wish(4096, 4)

    assert price_of(dense, wish).by_device["ram"].cache == 256 * MIB
    assert price_of(windows, wish).by_device["ram"].cache == 124 * MIB


@pytest.mark.parametrize(("kind", "share"), [("f32", 2.0), ("q8_0", 34 / 64), ("q4_0", 18 / 64)])
def test_a_cache_of_another_type_takes_its_share(kind: str, share: float) -> None:
    usual, other = (price_of(a_shape(), Wish(4096, 4, cache_type=each)) for each in ("f16", kind))

    assert other.by_device["ram"].cache == usual.by_device["ram"].cache * share


def test_a_context_is_rounded_up_to_whole_cells() -> None:
    odd, even = (price_of(a_shape(), Wish(tokens, 1)).by_device["ram"].cache for tokens in (1025, 1280))

    assert odd == even


def test_matrices_that_are_rearranged_are_there_once_in_the_price_and_once_as_spare_pages() -> None:
    price = price_of(a_shape(kind="Q4_0"), Wish(256, 1), build=frozenset({"avx2"}))

    assert price.by_device["ram"].weights == 500 * MIB
    assert price.spare == 0  # only the table of tokens is still mapped, which comes first in the file
    tied = replace(a_shape(kind="Q4_0"), tensors=a_shape(kind="Q4_0").tensors[:-1])
    assert price_of(tied, Wish(256, 1)).by_device["ram"].weights == (50 + 400 + 50) * MIB


def test_pages_between_two_mapped_tensors_are_spare() -> None:
    shape = a_shape(kind="Q4_0")
    last = replace(shape.tensors[-1], type="F32")

    price = price_of(replace(shape, tensors=(*shape.tensors[:-1], last)), Wish(256, 1))

    assert price.spare == 400 * MIB
    assert price.resident == price.total() + 400 * MIB


def test_nothing_is_rearranged_for_an_engine_that_was_not_built_for_it() -> None:
    assert price_of(a_shape(kind="Q2_K"), Wish(256, 1)).spare == 0
    assert (
        price_of(a_shape(kind="Q2_K"), Wish(256, 1), build=frozenset({"avx512"})).by_device["ram"].weights == 500 * MIB
    )


def test_layers_on_a_gpu_take_their_weights_and_cache_along() -> None:
    price = price_of(a_shape(), Wish(4096, 1), gpu_layers=3, gpus={"gpu:0": 8 * GIB})

    gpu, ram = price.by_device["gpu:0"], price.by_device["ram"]
    assert (gpu.weights, ram.weights) == (250 * MIB, 250 * MIB)  # two layers and the output
    assert gpu.cache == ram.cache == 2 * 4096 * 1024 * 2


def test_two_gpus_share_the_layers_by_what_is_free() -> None:
    price = price_of(a_shape(7), Wish(256, 1), gpu_layers=8, gpus={"gpu:0": 3 * GIB, "gpu:1": GIB})

    assert price.by_device["gpu:0"].weights == 600 * MIB
    assert price.by_device["gpu:1"].weights == 150 * MIB


def test_as_many_layers_as_fit_go_onto_a_gpu() -> None:
    roomy = plan(a_shape(), Wish(256, 1), a_machine(8 * GIB, 8 * GIB))
    narrow = plan(a_shape(), Wish(256, 1), a_machine(8 * GIB, 850 * MIB))
    none = plan(a_shape(), Wish(256, 1, gpu_layers=0), a_machine(8 * GIB, 8 * GIB))

    assert (roomy.fits, roomy.price.gpu_layers) == (True, 5)
    assert narrow.fits
    assert 0 < narrow.price.gpu_layers < 5
    assert set(none.price.by_device) == {"ram"}


def test_what_does_not_fit_says_what_would() -> None:
    found = plan(a_shape(), Wish(65536, 4), a_machine(2 * GIB))

    assert not found.fits
    assert 0 < found.most_context < 65536
    assert found.line.startswith("It needs 2.5 GiB of ram, of which 2.0 are free. It fits with context_tokens ")
    assert plan(a_shape(), replace(found.wish, context_tokens=found.most_context), a_machine(2 * GIB)).fits
    assert not plan(a_shape(), replace(found.wish, context_tokens=found.most_context + 256), a_machine(2 * GIB)).fits
    assert plan(a_shape(), replace(found.wish, slots=found.most_slots), a_machine(2 * GIB)).fits


def test_what_never_fits_says_only_what_is_missing() -> None:
    found = plan(a_shape(), Wish(4096, 4), a_machine(300 * MIB))

    assert (found.most_context, found.most_slots) == (0, 0)
    assert found.short["ram"] == found.price.total() - 300 * MIB
    assert found.line.endswith("of which 0.3 are free.")


def test_what_is_kept_free_is_not_planned_with() -> None:
    wish, machine = Wish(256, 1), a_machine(1 * GIB)

    assert plan(a_shape(), wish, machine).fits
    assert not plan(a_shape(), wish, machine, kept_free={"ram": 600 * MIB}).fits


def test_an_allowance_is_made_for_what_is_not_modelled() -> None:
    wish = Wish(4096, 4)

    rough, exact = (price_of(replace(a_shape(), rough=each), wish) for each in (True, False))

    assert rough.by_device["ram"].cache == exact.by_device["ram"].cache * 1.25


@given(
    tokens=some.integers(1, 100_000),
    slots=some.integers(1, 64),
    batch=some.integers(0, 4096),
    more=some.sampled_from(["context_tokens", "slots", "batch_tokens"]),
    window=some.sampled_from([0, 512]),
    layers=some.integers(0, 6),
)
def test_asking_for_more_never_costs_less(
    tokens: int, slots: int, batch: int, more: str, window: int, layers: int
) -> None:
    wish = Wish(tokens, slots, batch or 1)
    wider = replace(wish, **{more: getattr(wish, more) + 256})

    def price(each: Wish) -> Price:
        return price_of(a_shape(window=window), each, gpu_layers=layers, gpus={"gpu:0": GIB, "gpu:1": GIB})

    assert not shortage(price(wish), {device: parts.total for device, parts in price(wider).by_device.items()})


@given(layers=some.integers(0, 6), free=some.lists(some.integers(1, 2**40), min_size=1, max_size=4))
def test_every_weight_lies_somewhere_and_only_once(layers: int, free: list[int]) -> None:
    gpus = {f"gpu:{number}": each for number, each in enumerate(free)}

    price = price_of(a_shape(), Wish(256, 1), gpu_layers=layers, gpus=gpus)

    assert sum(parts.weights for parts in price.by_device.values()) == 500 * MIB


def test_a_real_files_weights_are_its_tensors(tmp_path: Path) -> None:
    recipe = smaller(RECIPES["dense"], layers=2, width=512, heads=8, inner=512, vocabulary=1000)
    layout = read_layout(write(recipe, tmp_path / "m.gguf"))

    price = price_of(shape_of(layout), Wish(256, 1))

    assert price.by_device["ram"].weights == sum(tensor.bytes for tensor in layout.tensors)


REPORTED = [
    ("dense", 1, Wish(4096, 4), 0.89),
    ("dense", 1, Wish(4096, 4, 508), 38.02),
    ("dense", 1, Wish(8192, 1, 255, flash_attention=False), 142.51),
    ("dense", 1, Wish(4096, 4, 252, flash_attention=False), 74.51),
    ("windows", 6, Wish(4096, 4, 508), 39.03),
    ("experts", 1, Wish(4096, 4, 508), 26.02),
    ("state", 1, Wish(4096, 4, 508), 30.60),
    ("embedding", 1, Wish(2048, 1, mode="embed"), 62.05),
    ("embedding", 1, Wish(2048, 1, mode="embed", flash_attention=False), 250.05),
]
"""What llama.cpp said of its compute buffer, in MiB, when it loaded the whole recipe so."""


@pytest.mark.parametrize(("name", "layers", "wish", "reported"), REPORTED)
def test_the_buffer_of_a_step_is_no_smaller_than_llama_cpps_and_little_larger(
    tmp_path: Path, name: str, layers: int, wish: Wish, reported: float
) -> None:
    file = write(smaller(RECIPES[name], layers=layers, vocabulary=512), tmp_path / "m.gguf")

    counted = compute_bytes(shape_of(read_layout(file)), wish, batch_of(wish, has_gpu=False)) / MIB

    assert reported <= counted <= reported + max(16.0, 0.7 * reported)
