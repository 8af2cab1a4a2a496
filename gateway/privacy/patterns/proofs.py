"""What the national families share: expressions of grouped digits, confirmers by table, words that speak against an id.

A number that only a check digit of one in eleven proves is proved by one part number in eleven, too. The families
therefore follow these rules:

1. A form that nothing else has (letters and digits at fixed places, two check digits or more) counts alone.
2. Bare digits with one check digit count with a word near them, or in the grouping that only this id has.
3. No check digit: a word directly before them.
4. Words such as "part no", "品番", "Artikelnummer" directly before any of them rule it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from types import ModuleType

import msgspec

from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

NOT_PERSONAL = tuple(
    """part no|part number|part no.|p/n|pn|part|sku|item no|item number|article no|order no|order number|order id|
    po number|po no|batch|batch no|lot|lot no|serial no|serial number|serial|s/n|drawing no|tracking number|
    tracking no|ticket|invoice no|invoice number|version|build|commit|checksum|timestamp|ean|gtin|upc|jan|hash|
    teilenummer|teile-nr|teilenr|artikelnummer|artikel-nr|artikelnr|bestellnummer|bestell-nr|auftragsnummer|
    auftrags-nr|chargennummer|charge|seriennummer|serien-nr|sachnummer|sach-nr|zeichnungsnummer|materialnummer|
    sendungsnummer|rechnungsnummer|rechnungs-nr|lieferschein|inventarnummer|inventar-nr|inventory no|asset no|tool no|
    werkzeugnummer|werkzeug-nr|vorrichtungsnummer|vorrichtungs-nr|anlagennummer|anlagen-nr|prüfplannummer|prüfplan-nr|
    inspection plan no|n° d'inventaire|numéro d'inventaire|numero di inventario|número de inventario|
    référence|réf|ref|numéro de pièce|numéro de lot|n° de lot|commande|numéro de série|n° de série|
    codice articolo|articolo|numero d'ordine|lotto|matricola macchina|numero di serie|codice ricambio|
    número de pieza|pieza|referencia|número de pedido|pedido|lote|número de serie|
    品番|部品番号|部番|品目コード|商品コード|製品番号|製造番号|型番|図番|図面番号|ロット|ロット番号|注文番号|発注番号|受注番号|
    伝票番号|送り状番号|追跡番号|お問い合わせ番号|問い合わせ番号|管理番号|請求書番号|シリアル番号|シリアル|シリアルナンバー|
    零件号|零件号码|物料号|物料编码|料号|图号|批号|批次号|订单号|订单编号|运单号|快递单号|流水号|序列号|产品编号|合同编号|
    发票号码|工单号|设备编号|
    drawing|dwg|dwg no|sheet|kit|catalog no|catalogue no|治具番号|工具番号|金型番号|検査番号|整理番号|
    機番|製番|送货单号|送货单|入库单|出库单""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)
"""Words directly before a number that say it counts things, not people."""

SEPARATOR = "[ -]"


def grouped(*lengths: int, separator: str = SEPARATOR) -> str:
    """Return the expression of digits in groups, each pair of groups with one separator: ``1234-5678-9018``."""
    return separator.join(f"[0-9]{{{length}}}" for length in lengths)


def loose(*lengths: int, separator: str = SEPARATOR) -> str:
    """Return the expression of digits in groups, separated or not."""
    return grouped(*lengths, separator=f"{separator}?")


def valid(module: ModuleType, check: str, score: float | None = None) -> Confirm:
    """Return a confirmer by ``module.is_valid`` of python-stdnum."""
    holds: Callable[[str], bool] = module.is_valid

    def confirm(text: str, start: int, end: int) -> Proof | None:
        return Proof(start, end, check, score) if holds(text[start:end]) else None

    return confirm


def stepped(holds: Callable[[str], bool], check: str, scores: tuple[float, float]) -> Confirm:
    """Return a confirmer that trusts a grouped number (``scores[1]``) more than a bare one (``scores[0]``)."""

    def confirm(text: str, start: int, end: int) -> Proof | None:
        value = text[start:end]
        if not holds(value):
            return None
        return Proof(start, end, check, scores[0] if value.isalnum() else scores[1])

    return confirm


def grown(before: re.Pattern[str] | None, after: re.Pattern[str] | None, check: str, width: int = 80) -> Confirm:
    """Return a confirmer that widens an anchor to both sides: a street's ending to its name, its number, its city.

    ``before`` is searched in the ``width`` characters before the anchor and MUST reach it (ends in ``\\Z``); ``after``
    matches directly behind it. Either may be None: nothing is asked of that side. Bounded work for each anchor.
    """

    def confirm(text: str, start: int, end: int) -> Proof | None:
        if after is not None:
            behind = after.match(text, end, min(len(text), end + width))
            if behind is None:
                return None
            end = behind.end()
        if before is not None:
            origin = max(0, start - width)
            ahead = before.search(text[origin:start])
            if ahead is None:
                return None
            start = origin + ahead.start()
        return Proof(start, end, check)

    return confirm


def digits_of(value: str) -> str:
    """Return the ASCII digits of ``value``."""
    return "".join(c for c in value if "0" <= c <= "9")


def weighed(digits: str, weights: Sequence[int]) -> int:
    """Return the sum of the products of digits and weights, pairwise from the left."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    """Return whether the calendar has that day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_short_date(year: str, month: str, day: str) -> bool:
    """Return whether two-digit year, month and day are a day of the twentieth or the twenty-first century."""
    return any(is_date(century + int(year), int(month), int(day)) for century in (1900, 2000))


_LINK = (
    r"[\s:=#\"'|>*_().,/-]{0,6}"
    r"(?:(?i:is|ist|lautet|number|num|no|nr|n°|nº|numéro|numero|número|id|code|est|è|es|番号|号码|号|は|が|为|是|の)"
    r"[\s:=#\"'|>*_().-]{0,5}){0,3}"
)


def labelled(labels: Sequence[str], value: str) -> str:
    """Return the expression of a value right behind one of its labels (any case), with "is", "no.", ``": "`` between.

    ``labels`` are expressions. Use :func:`trimmed` as the rule's confirmer: what is found is the value alone.
    """
    return f"(?i:{'|'.join(labels)}){_LINK}(?:{value})"


def trimmed(value: str, holds: Callable[[str], bool] | None = None, behind: re.Pattern[str] | None = None) -> Confirm:
    """Return the confirmer of a :func:`labelled` rule: it drops the label, and asks ``holds`` of the value.

    What matches ``behind`` right after the value belongs to it, too: the city after a postcode.
    """
    ending = re.compile(rf"(?<![0-9A-Za-z])(?:{value})\Z")

    def confirm(text: str, start: int, end: int) -> Proof | None:
        found = ending.search(text, start, end)
        if found is None or (holds is not None and not holds(found.group())):
            return None
        more = behind.match(text, end, end + 80) if behind else None
        return Proof(found.start(), more.end() if more else end, "labelled")

    return confirm


def icao_digit(value: str) -> int:
    """Return the check digit of ICAO 9303 part 3, 4.9: weights 7, 3, 1; letters from 10; ``<`` is 0."""
    total = 0
    for place, character in enumerate(value):
        worth = 0 if character == "<" else int(character, 36)
        total += worth * (7, 3, 1)[place % 3]
    return total % 10


def glued(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return a rule for each of ``rules`` that has words of letters: its value glued to one of them (``DNI53169059M``).

    The boundary of the rule itself cannot hold there: a letter stands before the value. Rules whose family is
    addresses are left out, as are values that could be the rest of the word.
    """
    return tuple(
        _glued(rule) for rule in rules if _labels_of(rule) and rule.family in {"national", "travel", "finance"}
    )


def _labels_of(rule: Rule) -> list[str]:
    return [word for word in rule.context if len(word) > 2 and word[-1].isalpha() and word[-1] < "\u0590"]


_GLUE = "(?:[ -]?(?i:number|nummer|no|nr|num|code|id))?[.:#_-]?"


def _glued(rule: Rule) -> Rule:
    labels = "|".join(re.escape(label) for label in sorted(_labels_of(rule), key=len, reverse=True))
    labelled_value = re.compile(rf"(?:{labels}){_GLUE}(?P<value>(?:{rule.expression}))\Z", re.IGNORECASE)

    def confirm(text: str, start: int, end: int) -> Proof | None:
        found = labelled_value.match(text, start, end)
        if found is None:
            return None
        proof = rule.confirm(text, found.start("value"), end) if rule.confirm else Proof(found.start("value"), end, "")
        return None if proof is None else proof._replace(score=rule.context_score)

    return msgspec.structs.replace(
        rule,
        name=f"{rule.name}_glued",
        expression=f"(?i:{labels}){_GLUE}(?:{rule.expression})",
        confirm=confirm,
        boundary=Boundary.TOKEN,
        needs_context=False,
        context=(),
        example="",
    )
