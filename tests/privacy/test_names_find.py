"""Names and addresses in invented sentences of seven languages, with the real models; and what must stay quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare
from gateway.privacy.span import Span

Find = Callable[[str], list[Span]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder: Path = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    return Models(folder)


@pytest.fixture(scope="module")
def find(models: Models) -> Find:
    names = Names(models)
    return lambda text: names.find([text], lambda: None)[0]


def values(find: Find, text: str, type: str) -> set[str]:
    return {text[span.start : span.end] for span in find(text) if span.type == type}


PERSONS = [
    ("Please ask Miriam Castleton about the torque report.", "Miriam Castleton"),
    ("Dear Jonathan Ashworth, the samples arrived.", "Jonathan Ashworth"),
    ("Herr Kowalczyk hat den Prüfstand freigegeben.", "Kowalczyk"),
    ("Die Messung wurde von Annegret Lindenthal durchgeführt.", "Annegret Lindenthal"),
    ("Mit freundlichen Grüßen\nThorsten Wiegand\nQualitätssicherung", "Thorsten Wiegand"),
    ("Schichtleiterin: Jolanta Brzezicka, Linie 4", "Jolanta Brzezicka"),
    ("Mme Perrichon a signé le rapport de contrôle.", "Perrichon"),
    ("Le contrôle a été fait par Bertrand Lagarrigue hier.", "Bertrand Lagarrigue"),
    ("La pompa è stata riparata da Ottavio Bellomo.", "Ottavio Bellomo"),
    ("Gentile Sig.ra Zanardelli, in allegato il verbale.", "Zanardelli"),
    ("El turno lo cubre Marisol Iturralde esta semana.", "Marisol Iturralde"),
    ("Estimado Sr. Valdivieso, adjunto el informe.", "Valdivieso"),
    ("品質保証部の高梨健吾が承認しました。", "高梨健吾"),
    ("アンドレアス・シュミットさんから連絡がありました。", "アンドレアス・シュミット"),
    ("担当:小笠原美緒", "小笠原美緒"),
    ("质量部的陈晓东已经确认了报告。", "陈晓东"),
    ("联系人：欧阳建国", "欧阳建国"),
    ("ライン3のHerr Baumgartnerさんに報告済み。", "Baumgartner"),
]


@pytest.mark.parametrize(("text", "name"), PERSONS)
def test_a_name_is_found_in_its_language(find: Find, text: str, name: str) -> None:
    assert name in values(find, text, "PERSON")


ADDRESSES = [
    ("Lieferung an: Fliederstraße 17b, 86150 Augsburg", "Fliederstraße 17b, 86150 Augsburg"),
    ("wohnhaft Am Brunnen 5, 07743 Jena", "Am Brunnen 5, 07743 Jena"),
    ("Il habite 23 rue des Tilleuls, 69003 Lyon.", "23 rue des Tilleuls, 69003 Lyon"),
    ("Abita in Via Boccaccio 12, 10122 Torino.", "Via Boccaccio 12, 10122 Torino"),
    ("Domicilio: Calle Almendros 9, 28013 Madrid", "Calle Almendros 9, 28013 Madrid"),
    ("He moved to 48 Hawthorn Avenue last year.", "48 Hawthorn Avenue"),
    ("送付先は東京都港区芝浦3-9-21です。", "東京都港区芝浦3-9-21"),
    ("请寄到上海市浦东新区金桥路188号。", "上海市浦东新区金桥路188号"),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_found_by_its_form(find: Find, text: str, address: str) -> None:
    assert any(address in value for value in values(find, text, "LOCATION"))


QUIET = [
    "The pump pressure dropped below the limit after the filter was changed.",
    "Use an Allen key on the Phillips screw and check the torque.",
    "Order 40 pieces from Bosch GmbH before the audit.",
    "Die Hydraulikpumpe am Prüfstand ist defekt, der Motor läuft heiß.",
    "Das Ishikawa-Diagramm zeigt die Ursachen des Fehlers.",
    "La vanne de purge fuit depuis le démarrage de la ligne.",
    "La valvola perde olio dopo la manutenzione del motore.",
    "La bomba pierde aceite después del mantenimiento.",
    "サーボアンプを交換し、シリンダーを清掃した。",
    "山田町駅の倉庫から部品を出荷した。",
    "请更换金属垫片并检查发动机的温度。",
    '{"status": "ok", "retries": 3, "queue": "paint-shop"}',
    "def load_parts(path): return [Part(row) for row in path]",
]


@pytest.mark.parametrize("text", QUIET)
def test_text_without_persons_stays_quiet(find: Find, text: str) -> None:
    assert not values(find, text, "PERSON")


def test_a_title_outweighs_a_firm_of_that_name(find: Find) -> None:
    assert "Bosch" in values(find, "Herr Bosch hat angerufen.", "PERSON")


def test_findings_do_not_depend_on_the_other_texts(models: Models) -> None:
    texts = [text for text, _ in PERSONS + ADDRESSES] + QUIET
    together = Names(models).find(texts, lambda: None)
    alone = [Names(models).find([text], lambda: None)[0] for text in texts[::6]]
    assert together[::6] == alone


def test_names_far_into_a_long_text_are_found(find: Find) -> None:
    filler = "The conveyor was stopped and the sensor cleaned before the next shift started again. "
    text = filler * 60 + "Please call Miriam Castleton about it. " + filler * 60
    assert "Miriam Castleton" in values(find, text, "PERSON")


def test_a_long_sentence_without_an_end_is_not_cut_off(find: Find) -> None:
    text = "the valve and the pump and " * 800 + "Annegret Lindenthal"
    assert "Annegret Lindenthal" in values(find, text, "PERSON")


def test_a_search_that_is_no_longer_wanted_stops(models: Models) -> None:
    class Stopped(Exception):
        pass

    def proceed() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Names(models).find(["Please ask Miriam Castleton."], proceed)


@pytest.mark.parametrize("text", ["." * 100_000, "東" * 100_000, "a@" * 50_000, '{"a":' * 20_000, "", "\n" * 50_000])
def test_odd_text_holds_no_names(find: Find, text: str) -> None:
    assert find(text) == []


def test_spans_are_sorted_and_lie_inside_the_text(find: Find) -> None:
    text = "Herr Kowalczyk, 高梨健吾さん, 陈晓东 und Miriam Castleton wohnen Am Brunnen 5, 07743 Jena."
    spans = find(text)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


def test_the_version_names_the_models(models: Models) -> None:
    assert Names(models).version.startswith("names-")
