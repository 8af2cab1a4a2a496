"""Phone numbers, by the numbering plans that :mod:`phonenumbers` carries.

Its matcher is not used: it searches a text once per country and gives up in silence. Candidates come from Vectorscan:

1. ``+49 841 …`` and ``0049 841 …``: an international number; its prefix says which plan it must fit.
2. ``0841 …`` or ``(0841) …``: a number within a country of :data:`TRUNK`, where such a zero begins long numbers.
3. Numbers without a zero before them: North American ones in groups, Chinese mobiles, Spanish and Italian ones.

Digits without a separator count only as a mobile number or beside a word such as "phone". Dates, decimals, dotted
versions and codes of dashed groups that are grouped as nowhere are none.
"""

from __future__ import annotations

import re
from functools import cache

import phonenumbers

from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

TRUNK = ("DE", "JP", "CN", "FR", "IT", "GB", "CH", "AT")

WORDS = (
    "phone",
    "tel",
    "telephone",
    "telef",
    "téléph",
    "mobil",
    "mobile",
    "handy",
    "cell",
    "rufnummer",
    "durchwahl",
    "fax",
    "call",
    "reach",
    "sms",
    "whatsapp",
    "hotline",
    "dial",
    "portable",
    "móvil",
    "cellulare",
    "cell.",
    "recapito",
    "numéro",
    "appeler",
    "anrufen",
    "llamar",
    "電話",
    "携帯",
    "連絡先",
    "内線",
    "ファックス",
    "电话",
    "手机",
    "座机",
    "联系方式",
    "传真",
)
WORDS_BESIDE = (
    "phone",
    "tel",
    "telephone",
    "telefon",
    "teléfono",
    "telefono",
    "téléphone",
    "mobile",
    "mobil",
    "handy",
    "cell",
    "fax",
    "call",
    "reach",
    "office",
    "desk",
    "sms",
    "whatsapp",
    "answering at",
    "rufnummer",
    "durchwahl",
    "móvil",
    "cellulare",
    "電話",
    "携帯",
    "内線",
    "电话",
    "手机",
    "传真",
)
AGAINST = (
    "article",
    "articolo",
    "artículo",
    "伝票番号",
    "管理番号",
    "注文番号",
    "运单号",
    "订单号",
    "part no",
    "part number",
    "part",
    "p/n",
    "pn",
    "order",
    "order no",
    "order number",
    "bestellnummer",
    "bestellung",
    "auftrag",
    "auftragsnummer",
    "artikel",
    "artikelnummer",
    "art.-nr",
    "teilenummer",
    "sachnummer",
    "materialnummer",
    "material",
    "invoice",
    "rechnung",
    "rechnungsnummer",
    "serial",
    "serial no",
    "s/n",
    "seriennummer",
    "ticket",
    "charge",
    "lot",
    "batch",
    "sku",
    "ean",
    "gtin",
    "drawing",
    "zeichnung",
    "référence",
    "réf",
    "commande",
    "pedido",
    "codice",
    "ordine",
    "品番",
    "部品番号",
    "図番",
    "型番",
    "製造番号",
    "订单",
    "零件号",
    "料号",
    "编号",
    *(  # what else is counted in a plant
        "report|bericht|8d|8d-report|8d report|nc|ncr|rma|claim|reklamation|reklamationsnummer|beanstandung|card no|"
        "kanban|kanban no|equipment|equipment no|asset|asset no|inventar|inventarnummer|inventar-nr|inventory no|"
        "tool no|werkzeug|werkzeug-nr|vorrichtung|vorrichtungs-nr|anlagen-nr|prüfplan|prüfplan-nr|numero di inventario|"
        "werkzeugnummer|lieferschein|lieferscheinnummer|delivery note|packing list|container|pallet|palette|project no|"
        "projektnummer|kostenstelle|cost center|document no|dokument|dokumentnummer|revision|version|build|"
        "matériel|série|numéro de série|lotto|matricola macchina|disegno|bolla|plano|albarán|lote|número de serie|"
        "delivery|delivery no|shipment|shipment no|waybill|tracking|tracking no|consignment|lieferung|sendung|"
        "sendungsnummer|frachtbrief|livraison|bon de livraison|expédition|consegna|spedizione|entrega|envío|"
        "awb|air waybill|hawb|mawb|bl no|"
        "治具番号|工具番号|金型番号|検査番号|作業番号|工程番号|資産番号|機番|製番|整理番号|受付番号|設備no|部番|"
        "送货单|送货单号|出库单|入库单|提单|快递单号|运单|采购单|采购订单|生产订单|発送番号|送り状|送り状番号|納品書|出荷番号|"
        "报告|工单|批次|序列号|图号|物料号|合同号|設備番号|管理no|ロット|ロット番号|シリアル|シリアル番号|図面番号|注番|受注番号|発注番号|報告書番号"
    ).split("|"),
)

_SEP = r"[ ()./\-]"
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}([-./ ])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])"
    r"|[0-9]{1,2}([-./ ])[0-9]{1,2}\2(?:19|20)?[0-9]{2}(?![0-9])"
)
_FRENCH = re.compile(r"0[1-9](?:[ .-][0-9]{2}){4}")  # begins as a date does
_IN_A_ROW = re.compile(r"[0-9)][ ./)-]?\Z")  # digits go before it
_EXTENSION = re.compile("[xe]")
_PAIRS = re.compile("[0-9]{2}(?:([-. ])[0-9]{2})(?:\\1[0-9]{2}){2,3}")  # longer than a date
_CODES = {code: regions for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}
_MOBILE = re.compile(
    r"01[567][0-9]{8,9}|0[789]0[0-9]{8}|07[1-9][0-9]{8}|0[67][0-9]{8}|06[5-9][0-9]{7,9}|07[5-9][0-9]{7}"
)


@cache
def _plan(region: str) -> re.Pattern[str]:
    """Return the forms of a region's significant numbers: fixed, mobile and the other kinds a person may have."""
    meta = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(
        phonenumbers.country_code_for_region(region) if region != "001" else 800, region
    )
    if meta is None:
        return re.compile("(?!)")
    kinds = (meta.fixed_line, meta.mobile, meta.toll_free, meta.shared_cost, meta.personal_number, meta.voip, meta.uan)
    forms = [kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern]
    return re.compile("|".join(f"(?:{form})" for form in forms) or "(?!)")


def _fits(digits: str, region: str) -> bool:
    return _plan(region).fullmatch(digits) is not None


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _is_plain(text: str, start: int, end: int) -> bool:
    """Whether parentheses pair, and it does not run on as a decimal or a code does."""
    run = text[start:end]
    if run.count("(") != run.count(")") or "()" in run or run.endswith(("(", ")")):
        return False
    after = text[end : end + 2]
    before = text[max(0, start - 2) : start]
    if after[:1] in ".,:" and after[1:].isdigit():
        return False
    if before[1:] == "_" and not (after[:1] == "_" and not before[:1].isalnum() and not after[1:].isalnum()):
        return False  # within a longer code, but for emphasis: _089 1234567_
    return not (before[1:] in (".", ",", ":") and before[:1].isdigit()) and before[1:] not in ("+", "#")


def _international(text: str, start: int, end: int) -> Proof | None:
    run = text[start:end].lstrip("(")
    digits = _digits(_EXTENSION.split(run, maxsplit=1)[0].replace("(0)", ""))
    digits = digits if run.startswith("+") else digits.removeprefix("00")
    if not _is_plain(text, start, end) or not 8 <= len(digits) <= 15:  # ITU-T E.164 6.2.1
        return None
    for length in (1, 2, 3):
        regions = _CODES.get(int(digits[:length] or 0), ())
        rest = digits[length:]
        for region in regions:
            if region != "001" and (_fits(rest, region) or _fits(rest.lstrip("0"), region)):
                return Proof(start, end, f"numbering plan of {region} (phonenumbers)", None)
    known = any(int(digits[:length]) in _CODES for length in (1, 2, 3))
    if run.startswith("+") and known and len(digits) >= 9:
        return Proof(start, end, "country calling code", 0.5)
    return None


def _is_date(run: str) -> bool:
    return _DATE.match(run) is not None and not _FRENCH.fullmatch(run)


def _trunk(text: str, start: int, end: int) -> Proof | None:
    run = text[start:end]
    digits = _digits(run)
    if not _is_plain(text, start, end) or not 9 <= len(digits) <= 12 or _is_date(run) or len({*digits}) < 3:
        return None
    region = _trunk_region(digits)
    if not region:
        return None
    if run.isdigit():
        return Proof(start, end, f"numbering plan of {region}", 0.5 if _MOBILE.fullmatch(digits) else 0.3)
    if _PART.fullmatch(run) or _PART_BEGINS.search(text, max(0, start - 7), start):
        return Proof(start, end, f"numbering plan of {region}", 0.3)
    return Proof(start, end, f"numbering plan of {region}", _grouping(run, digits))


def _trunk_region(digits: str) -> str:
    for region in TRUNK:
        if _fits(digits if region == "IT" else digits[1:], region):
            return region
    return ""


_GROUPED = re.compile(
    r"\(?0[0-9]{1,4}\)?[ /-]{1,3}[0-9]{4,9}"  # area, subscriber
    r"|\(?0[0-9]{1,5}\)?[ /]{1,3}[0-9]{2,5}(?:[ -][0-9]{1,5}){1,4}"  # area, groups
    r"|0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}|0[1-9][0-9]0-[0-9]{3}-[0-9]{3}"  # Japan
    r"|0[0-9]{1,4}\([0-9]{1,4}\)[0-9]{4}"
    r"|0[1-9](?:[ .-][0-9]{2}){4}"  # France
    r"|0[0-9]{2} [0-9]{3} [0-9]{2} [0-9]{2}"  # Switzerland
)


def _grouping(run: str, digits: str) -> float:
    return 0.6 if _GROUPED.fullmatch(run) else 0.3


_PART = re.compile("[0-9]{5}-[0-9]{5}")  # how a maker in Japan writes its parts
_PART_BEGINS = re.compile(r"(?:\A|[^0-9A-Za-z])(?:[0-9]{1,4}|[A-Z]{1,2}) \Z")  # A 072 455 52 84; 0 022 225 077
_AMERICAN_PART = re.compile("[0-9]{6}-[0-9]{4}")  # 275800-1234: Denso's
_NANP = re.compile("[2-9][0-9]{2}[2-9][0-9]{6}")


def _american(text: str, start: int, end: int) -> Proof | None:
    run = text[start:end]
    digits = _digits(re.split("[xe]", run, maxsplit=1)[0]).removeprefix("00")
    if _AMERICAN_PART.fullmatch(run):
        return None
    digits = digits[1:] if len(digits) == 11 else digits
    if not _is_plain(text, start, end) or not _NANP.fullmatch(digits):
        return None
    if run.isdigit():
        return Proof(start, end, "form of North America", 0.3)
    if _fits(digits, "US") or digits[3:6] == "555":
        return Proof(start, end, "numbering plan of US", 0.85 if "(" in run else 0.6)
    return Proof(start, end, "form of North America", 0.6 if "(" in run else 0.5)


def _grouped(text: str, start: int, end: int) -> Proof | None:
    """Whatever is grouped as a telephone number may be, beside a word that says so."""
    run = text[start:end]
    digits = _digits(re.split("[xe]", run, maxsplit=1)[0])
    after = text[end : end + 2]
    if not _is_plain(text, start, end) or _IN_A_ROW.search(text, max(0, start - 2), start):
        return None
    if (
        not 7 <= len(digits) <= 13
        or (_is_date(run) and not _PAIRS.fullmatch(run))
        or len({*digits}) < 3
        or (after[:1] in "-/" and after[1:].isdigit())
    ):
        return None
    return Proof(start, end, "groups of digits", 0.3)


def _plain(*regions: str) -> Confirm:
    def confirm(text: str, start: int, end: int) -> Proof | None:
        run = text[start:end]
        digits = _digits(run)
        if not _is_plain(text, start, end) or _is_date(run) or len({*digits}) < 3:
            return None
        if _IN_A_ROW.search(text, max(0, start - 2), start):
            return None
        region = next((region for region in regions if _fits(digits, region)), "")
        return Proof(start, end, f"numbering plan of {region}", 0.3 if run.isdigit() else None) if region else None

    return confirm


_CELL = {"|", ";", "\t", "'", '"', "=", "[", "]"}
_CHINESE = re.compile("[\u4e00-\u9fff]")


def _chinese_mobile(text: str, start: int, end: int) -> Proof | None:
    digits = _digits(text[start:end])
    if not _is_plain(text, start, end) or not _fits(digits, "CN") or len({*digits}) < 3:
        return None
    # Eleven digits alone in a table's cell or between quotation marks are many a part's or an order's number.
    cell = text[start:end].isdigit() and _CELL & {*text[max(0, start - 2) : start], *text[end : end + 2]}
    bare = cell and not _CHINESE.search(text, max(0, start - 40), end + 40)
    return Proof(start, end, "numbering plan of CN", 0.3 if bare else 0.6)


def _rule(name: str, expression: str, confirm: Confirm, score: float, example: str) -> Rule:
    return Rule(
        name=name,
        type="PHONE_NUMBER",
        expression=expression,
        boundary=Boundary.TOKEN,
        confirm=confirm,
        family="contact",
        score=score,
        context=WORDS,
        against=AGAINST,
        reference="ITU-T E.164, national numbering plans",
        example=example,
    )


RULES: tuple[Rule, ...] = (
    _rule(
        "phone_international",
        rf"\(?\+\(?[1-9](?:{_SEP}{{0,3}}[0-9]){{7,14}}(?: ?(?:x|ext\.?) ?[0-9]{{1,6}})?",
        _international,
        0.85,
        "+49 841 123456",
    ),
    _rule("phone_double_zero", rf"00[1-9](?:{_SEP}{{0,3}}[0-9]){{8,14}}", _international, 0.6, "0049 841 123456"),
    _rule("phone_trunk", rf"\(?0[0-9](?:{_SEP}{{0,3}}[0-9]){{7,10}}", _trunk, 0.6, "0841 123456"),
    _rule(
        "phone_us",
        r"(?:(?:00|\+)?1[ .\-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .\-]?)[2-9][0-9]{2}[ .\-]?[0-9]{4}"
        r"(?: ?(?:x|ext\.?) ?[0-9]{1,6})?",
        _american,
        0.6,
        "(202) 555-0143",
    ),
    _rule("phone_cn_mobile", r"1[3-9][0-9][ \-]?[0-9]{4}[ \-]?[0-9]{4}", _chinese_mobile, 0.6, "138 1234 5678"),
    _rule(
        "phone_es_it",
        r"[6789][0-9]{2}[ .\-]?[0-9]{3}[ .\-]?[0-9]{3}|[6789][0-9]{2}(?: [0-9]{2}){3}"
        r"|3[0-9]{2}[ ./\-]?[0-9]{3}[ ]?[0-9]{3,4}|9[0-9] [0-9]{3} [0-9]{2} [0-9]{2}",
        _plain("ES", "IT"),
        0.5,
        "612 345 678",
    ),
    Rule(
        name="phone_in_context",
        type="PHONE_NUMBER",
        expression=r"\(?[0-9]{2,5}\)?(?:[ .\-/][0-9]{2,9}){1,4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?",
        boundary=Boundary.ALNUM,
        confirm=_grouped,
        family="contact",
        score=0.3,
        context=WORDS_BESIDE,
        needs_context=True,
        context_score=0.6,
        context_before=24,
        context_after=10,
        against=AGAINST,
        reference="ITU-T E.164",
        example="467 3395",
    ),
)
