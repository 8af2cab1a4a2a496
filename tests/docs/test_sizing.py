"""The sizing page's figures stand on the pages that measured them, and its tables follow from these by its formulas."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sizing_page
from made_models import Recipe, write
from sizing_page import FIGURES, GB, MODELS, SITES, Dense

from gateway.fleet.fit.memory import Wish, price_of
from gateway.fleet.fit.shape import shape_of
from gateway.registry.gguf import read_layout


def test_every_figure_stands_on_the_page_that_it_names() -> None:
    assert sizing_page.unfounded() == []


def test_a_shape_is_priced_as_the_file_of_that_shape_is(tmp_path: Path) -> None:
    """What the page makes of numbers, `models fit` makes of a real file with them, but for the norms."""
    made = Dense("small", 4, 1024, 16, 4, 4096, 32000, head=64, kind="Q8_0")
    file = write(Recipe(layers=4, width=1024, heads=16, kv_heads=4, head=64, inner=4096), tmp_path / "m.gguf")
    wish = Wish(4096, 4)
    real = price_of(shape_of(read_layout(file)), wish).total()

    assert sizing_page.price(made, wish).total() == pytest.approx(real, rel=0.01)
    assert sizing_page.file_bytes(made) == pytest.approx(file.stat().st_size, rel=0.02)


def test_larger_models_and_longer_contexts_cost_more() -> None:
    prices = [sizing_page.price(model, Wish(4096, 4)).total() for model in MODELS if model.kind == "Q4_K"]

    assert prices == sorted(prices)
    assert all(
        sizing_page.price(m, Wish(8192, 8)).total() > sizing_page.price(m, Wish(4096, 4)).total() for m in MODELS
    )


def test_a_site_by_hand() -> None:
    """200 users × 12 requests × 3 at the peak ÷ 3600 = 2; × 8 hours × 220 days = 4,224,000 a year."""
    site = SITES[1]

    assert (site.peak_requests, site.tokens, site.kept_requests) == (2.0, 600.0, 4_224_000)
    assert sizing_page.cores(site) == pytest.approx(2 / 82)
    each = FIGURES["packed"].value + FIGURES["index"].value
    assert sizing_page.log_bytes(site) == pytest.approx(4_224_000 * each)


def test_a_model_of_the_demonstrations_size_is_as_fast_as_it() -> None:
    assert sizing_page.speed(sizing_page.DEMONSTRATION_BYTES) == FIGURES["one"].value
    assert sizing_page.speed(GB) < FIGURES["one"].value / 10


def test_the_demonstration_model_is_as_large_as_its_manifest_says(repository: Path) -> None:
    said = (repository / "models" / "smollm2-135m-instruct.yaml").read_text(encoding="utf-8")

    assert f"size_bytes: {sizing_page.DEMONSTRATION_BYTES}\n" in said
