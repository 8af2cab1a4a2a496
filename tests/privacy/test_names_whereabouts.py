"""Where somebody lives, comes from, goes, in seven languages; and where a firm, a part, a machine does."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.privacy.names import features
from gateway.privacy.names.whereabouts import Whereabouts

_LEXICON = Path(features.__file__).with_name("lexicon.bin")


@pytest.fixture(scope="module")
def whereabouts() -> Whereabouts:
    return Whereabouts(features.Lexicon(_LEXICON.read_bytes()))


def found(whereabouts: Whereabouts, text: str) -> set[str]:
    return {text[span.start : span.end] for span in whereabouts.find(text)}


TOLD = [
    ("I grew up in Ystrad and work nights.", "Ystrad"),
    ("She moved here from New Zealand last year.", "New Zealand"),
    ("Bought the ticket for my flight to Quito, Ecuador.", "Quito"),
    ("Bought the ticket for my flight to Quito, Ecuador.", "Ecuador"),
    ("We have a customer from Aberdeen on the line.", "Aberdeen"),
    ("I'm in Wuppertal, at the fair, until Friday.", "Wuppertal"),
    ("Could you ship it to Porto, please?", "Porto"),
    ("Iceland was really fun!", "Iceland"),
    ("Mrs Tuohy returned to Killarney on Sunday.", "Killarney"),
    ("He rents an apartment in Lausanne.", "Lausanne"),
    ("i was born in norway and live in oslo", "norway"),
    ("Sie wohnt in Bad Tölz und pendelt.", "Bad Tölz"),
    ("Mein Flug nach Lissabon fällt aus.", "Lissabon"),
    ("Ich komme aus Klagenfurt.", "Klagenfurt"),
    ("Elle est née à Quimper.", "Quimper"),
    ("Je suis originaire de Namur.", "Namur"),
    ("Abita a Frosinone con la madre.", "Frosinone"),
    ("Vengo da Trieste.", "Trieste"),
    ("Vive en Albacete desde enero.", "Albacete"),
    ("Se mudó a Valparaíso con su mujer.", "Valparaíso"),
    ("彼は浜松市に住んでいます。", "浜松市"),
    ("母は北海道出身です。", "北海道"),
    ("他住在苏州市吴中区。", "苏州市吴中区"),
]


@pytest.mark.parametrize(("text", "place"), TOLD)
def test_a_place_told_as_somebodys_is_found(whereabouts: Whereabouts, text: str, place: str) -> None:
    assert place in found(whereabouts, text)


QUIET = [
    "The supplier in Germany changed the resin.",
    "Parts come from the plant in Poland by rail.",
    "Our sales in Japan rose; Spain and Italy follow.",
    "The AGV returned to Station 4 and arrived at Gate West.",
    "Move the part to Fixture B, then go to Step 7.",
    "The dashboard is based in Grafana.",
    "Der Lieferant aus Tschechien liefert die Halter.",
    "Der Stapler fährt nach Halle 2.",
    "Le fournisseur en Espagne a livré les vis.",
    "Il fornitore in Polonia consegna domani.",
    "El proveedor en México cambió la resina.",
    "I am in Production today, she is in Quality.",
    "ドイツの工場から部品が届いた。",
    "来自德国的供应商已交货。",
    "GET /Users/In/Chad HTTP/1.1",
]


@pytest.mark.parametrize("text", QUIET)
def test_where_business_is_done_is_left_alone(whereabouts: Whereabouts, text: str) -> None:
    assert found(whereabouts, text) == set()


@pytest.mark.parametrize(
    "text", ["I am in " * 30_000, "A " * 100_000, "lives in X" * 20_000, "My Chad " * 30_000, "東" * 200_000]
)
def test_whereabouts_take_time_in_proportion(whereabouts: Whereabouts, text: str) -> None:
    assert sum(1 for _ in whereabouts.find(text)) < len(text)
