"""Number plates of Germany, France, Italy, Spain, Japan, China and Great Britain, each by its own law.

A form that nothing else has counts alone: a Japanese office with class and kana, a Chinese province with its letter, a
German district with hyphen and blank (``M-AB 1234``), the French ``AB-123-CD``. Every other form looks like a part
number and needs a word near it ("Kennzeichen", "targa", "車両", "van").
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.privacy.patterns.behind import Value, behind, spelled
from gateway.privacy.patterns.offices import CHINESE_PROVINCES, GERMAN_DISTRICTS, JAPANESE_OFFICES, SPANISH_PROVINCES
from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule

WORDS: Final = tuple(
    """number plate|numberplate|license plate|licence plate|licence number|license number|plate|plates|
    registration|registered|reg. no|reg no|reg|vrm|vrn|kennzeichen|nummernschild|kfz-kennzeichen|amtl. kennz|kennz|
    zulassung|zugelassen|immatriculation|immatriculé|immatriculée|plaque|immat|targa|targato|targata|targhe|
    matrícula|matricula|matrículas|placa|ナンバー|登録番号|車両番号|車番|自動車登録|车牌|车号|牌照|号牌|車牌""".replace(
        "\n    ", ""
    ).split("|")
)
"""Words that say "here stands a number plate"."""

VEHICLES: Final = tuple(
    """vehicle|car|cars|truck|lorry|van|driver|parked|parking|gate|fleet|trailer|motorbike|motorcycle|rental|taxi|
    bus|towed|dvla|visitor|courier|haulier|forklift|fahrzeug|pkw|lkw|kfz|auto|wagen|dienstwagen|firmenwagen|
    transporter|anhänger|fahrer|fahrerin|parkplatz|geparkt|stapler|mietwagen|leihwagen|lieferwagen|sattelzug|
    auflieger|fuhrpark|abgeschleppt|besucher|tor|pforte|spedition|véhicule|voiture|camion|camionnette|fourgon|
    remorque|poids lourd|utilitaire|stationné|chauffeur|conducteur|garé|veicolo|vettura|auto aziendale|autocarro|
    fzg|kfz-kz|kz|versuchsfahrzeug|testfahrzeug|prüffahrzeug|erprobungsfahrzeug|erprobungsträger|vorserienfahrzeug|
    poolfahrzeug|firmenfahrzeug|dienstfahrzeug|unfallfahrzeug|einsatzfahrzeug|testwagen|vorführwagen|shuttle|zugmaschine|
    sattelzugmaschine|prototype|mule|試験車|試作車|营运车|试验车|试制车|
    furgone|autista|parcheggiata|rimorchio|automobile|noleggio|parcheggio|tir|vehículo|coche|camión|furgoneta|
    conductor|aparcado|remolque|automóvil|turismo|alquiler|estacionado|車両|社用車|トラック|乗用車|駐車|車|车辆|
    货车|轿车|停车|司机|车""".replace("\n    ", "").split("|")
)
"""Words that say that a vehicle is spoken of."""

_PARTS: Final = tuple(
    """part no|part number|part|parts|p/n|pn|item|sku|model|type|code|variant|version|rev|revision|order no|order|
    project|drawing|gearbox|engine|motor|sensor|valve|pump|connector|bolt|screw|bearing|bracket|housing|controller|
    line|station|machine|robot|material|batch|lot|serial|s/n|ticket|document|doc|standard|spec|typ|teil|teilenummer|
    sachnummer|artikel|artikelnummer|bestellnummer|werkstoff|norm|din|iso|zeichnung|getriebe|ventil|pumpe|schraube|
    lager|gehäuse|halter|linie|anlage|maschine|roboter|charge|variante|projekt|auftrag|bauteil|stecker|réf|
    référence|ref|pièce|plan|commande|ligne|machine|articolo|codice|disegno|ordine|linea|macchina|particolare|pieza|
    referencia|plano|pedido|línea|máquina|品番|部品番号|型番|型式|図番|図面番号|設備|工程|图号|零件号|料号|型号|
    设备|批次号""".replace("\n    ", "").split("|")
)

# What looks like "district-letters digits" and is a norm, an alloy or a plastic.
_MATERIALS: Final = frozenset(
    """DIN-EN DIN-IS DIN-VD EN-AW EN-AC EN-AB EN-AM EN-MC EN-MB EN-GJ EN-JS EN-JL EN-JM EN-JN EN-IS EN-CM NI-CR
    NI-CU NI-FE AL-SI PE-HD PE-LD PE-MD PA-GF PA-CF HB-SC CR-NI CR-MO CO-CR CO-NI GG-GG M-SE S-SE SO-DI SO-IC
    SE-SN""".split()
)


def _german(text: str, start: int, end: int) -> Proof | None:
    held = _GERMAN.match(text, start, end)
    if not held or held["district"] not in GERMAN_DISTRICTS or f"{held['district']}-{held['letters']}" in _MATERIALS:
        return None
    if len(held["district"] + held["letters"] + held["digits"]) > 8:  # Anlage 4 FZV: at most eight characters
        return None
    months = held["from"] and held["to"]
    if months and not (1 <= int(held["from"]) <= 12 and 1 <= int(held["to"]) <= 12):
        return Proof(start, held.end("plate"), "district of Anlage 1 FZV")
    return Proof(start, held.end(), "district of Anlage 1 FZV")


_GERMAN = re.compile(
    r"(?P<plate>(?P<district>[A-ZÄÖÜ]{1,3})[ -]?(?P<letters>[A-Z]{1,2})[ -]?(?P<digits>[1-9][0-9]{0,3})[EH]?)"
    r"(?: (?P<from>[0-9]{2})[/-](?P<to>[0-9]{2}))?"
)


def _german_special(text: str, start: int, end: int) -> Proof | None:
    """Trade, collector's and short-term plates: a district and five or six digits that begin with 03 to 07."""
    district = re.split("[ -]", text[start:end])[0]
    return Proof(start, end, "district of Anlage 1 FZV") if district in GERMAN_DISTRICTS else None


def _french(text: str, start: int, end: int) -> Proof | None:
    letters, digits = re.sub("[^A-Z]", "", text[start:end]), re.sub("[^0-9]", "", text[start:end])
    if letters[:2] == "SS" or letters[2:] in ("SS", "WW") or digits == "000":
        return None
    return Proof(start, end, "SIV: letters without I, O, U; no SS")


_UNITS: Final = frozenset(
    """RPM PPM PPB MHZ KHZ GHZ KWH MWH LBS KGS MPH KPH KMH PCS PTS SRL LTD PLC CNC PCB SPS NCR BPM FPS BPS KBS MBS
    GBS DPS HRS MTS MTR MMS CMS GMT CST PST TBD BTN STK STD STR CHF GBP CNY HKD BRL RMB TRY PLN CZK DKK NTC
    PTC LTR""".split()
)


def _spanish(text: str, start: int, end: int) -> Proof | None:
    return None if text[end - 3 : end] in _UNITS else Proof(start, end, "RD 2822/1998: consonants without Ñ, Q")


def _spanish_old(text: str, start: int, end: int) -> Proof | None:
    province = re.split("[ -]", text[start:end])[0]
    return Proof(start, end, "province before 2000") if province in SPANISH_PROVINCES else None


_LONGEST_OFFICE: Final = max(map(len, JAPANESE_OFFICES))
_OFFICE_ENDS: Final = "".join(sorted({office[-1] for office in JAPANESE_OFFICES}))


def _japanese(text: str, start: int, end: int) -> Proof | None:
    """Hold when an office ends at the first character and the serial is not all zeros; the proof holds the office."""
    digits = re.sub("[^0-9]", "", re.split("[ぁ-ゖA-Z]", text[start + 1 : end])[-1])
    for length in range(min(_LONGEST_OFFICE, start + 1), 0, -1):
        if text[start + 1 - length : start + 1] in JAPANESE_OFFICES and digits.strip("0"):
            return Proof(start + 1 - length, end, "office, class, kana, serial")
    return None


_CN_PLATE = re.compile(
    rf"[{CHINESE_PROVINCES}][A-HJ-NP-Z][ ·・•.\-]?"
    r"(?P<rest>[DABCEFGHJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[DABCEFGHJK]|[A-HJ-NP-Z0-9]{5}|[A-HJ-NP-Z0-9]{4}[警学挂港澳领试超])"
)
_WORDS_BEFORE: Final = {"新": "最更全革刷创崭翻重", "云": "青白乌风", "宁": "安", "青": "年", "川": "河山"}


def _chinese(text: str, start: int, end: int) -> Proof | None:
    held = _CN_PLATE.fullmatch(text, start, end)
    if not held or text[start - 1 : start] in [*_WORDS_BEFORE.get(text[start], "")]:
        return None
    digits = sum(map(str.isdigit, held["rest"]))
    return Proof(start, end, "GA 36-2018: province, office, serial") if digits >= 3 else None


def _british(text: str, start: int, end: int) -> Proof | None:
    """Current plates: the age identifier was issued (02 to 29 in March, 51 to 79 in September)."""
    age = int(text[start + 2 : start + 4])
    return Proof(start, end, "area, age, letters (2001 scheme)") if 2 <= age <= 29 or 51 <= age <= 79 else None


_BRITISH: Final = ("registration", "reg", "number plate", "licence plate", "license plate", "plate", "vrm", "vrn")
_DATELESS: Final = re.compile(
    r"(?:mark|number|no\.?)?[ :.]{0,3}(?P<plate>[A-Z]{1,3} [1-9][0-9]{0,3}|[1-9][0-9]{0,3} [A-Z]{1,3})(?![A-Za-z0-9])"
)


def _british_dateless(text: str, start: int, end: int) -> Proof | None:
    """Read a plate from before 1963, or of Northern Ireland, directly behind the word that names it."""
    held = _DATELESS.match(text, end)
    return Proof(*held.span("plate"), "dateless plate behind its name") if held else None


def _is_named_plate(value: str) -> bool:
    """Whether what stands behind "Kennzeichen" is a plate of one of the countries that write capitals and digits."""
    plain = re.sub("[ .:·-]", "", value).upper()
    if _FOREIGN.fullmatch(plain):
        return True
    held = _PLAIN_GERMAN.fullmatch(plain)
    lengths = range(1, 4) if held else ()
    return any(plain[:at] in GERMAN_DISTRICTS and 1 <= len(held["head"]) - at <= 2 for at in lengths if held)


_PLAIN_GERMAN: Final = re.compile(r"(?P<head>[A-ZÄÖÜ]{2,5})[1-9][0-9]{0,3}[EH]?")
_FOREIGN: Final = re.compile(
    "[A-HJ-NP-TV-Z]{2}[0-9]{3}[A-HJ-NP-TV-Z]{2}|[0-9]{4}[BCDFGHJ-NPR-TV-Z]{3}|[A-HJ-PR-Y]{2}[0-9]{2}[A-HJ-PR-Z]{3}"
)
_NOUNS: Final = (
    "kennzeichen|kfz-kennzeichen|fahrzeugkennzeichen|kfz-kz|kfz-kennz|kennz|kz.|nummernschild|plate|number plate|"
    "licence plate|license plate|registration|vehicle registration|reg.|immatriculation|plaque|immat.|targa|targato|"
    "targata|matricula|placa"
)
_NAMED_FORM: Final = (
    "[A-ZÄÖÜ]{1,3}[ ]?[-·:.]?[ ]?[A-Z]{1,2}[ -]?[1-9][0-9]{0,3}(?:[ ]?[EH])?"
    "|[A-Z]{2}[ -]?[0-9]{2,3}[ -]?[A-Z]{2,3}|[0-9]{4}[ -]?[A-Z]{3}"
)

_FR: Final = "[A-HJ-NP-TV-Z]"
_IT: Final = "[A-HJ-NPR-TV-Z]"
_ES: Final = "[BCDFGHJ-NPR-TV-Z]"
_KANA: Final = "[あいうえか-こがさ-そた-とな-のは-ほま-もやゆよら-ろわれを]"


def _plate(name: str, country: str, expression: str, confirm: Confirm | None = None, **more: Any) -> Rule:
    """Return a rule of a plate that counts alone when ``score`` is given, else near a word."""
    options = {"context": (*WORDS, *VEHICLES), "against": _PARTS, "score": 0.4, "context_after": 40}
    options["needs_context"] = "score" not in more
    return Rule(
        name=name,
        type="LICENSE_PLATE",
        expression=expression,
        confirm=confirm,
        family="vehicles",
        jurisdiction=country,
        **{**options, **more},
    )


RULES: tuple[Rule, ...] = (
    _plate(
        "de_plate",
        "DE",
        "[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} [1-9][0-9]{2,3}[EH]?(?: [0-9]{2}[/-][0-9]{2})?",
        _german,
        score=0.6,
        boundary=Boundary.TOKEN,
        context_score=0.95,
        reference="FZV (2023) § 9, Anlage 1",
        example="M-XY 4711",
    ),
    _plate(
        "de_plate_in_context",
        "DE",
        "[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2}[ -]?[1-9][0-9]{0,3}[EH]?(?: [0-9]{2}[/-][0-9]{2})?",
        _german,
        reference="FZV (2023) § 9, Anlage 1",
        example="Kennzeichen M XY 4711",
    ),
    _plate(
        "plate_named",
        "",
        spelled(_NOUNS.split("|"))[0][0],
        behind(Value(_NAMED_FORM, "form of a plate, behind its name", _is_named_plate)),
        score=0.85,
        caseless=True,
        context=(),
        against=(),
        boundary=Boundary.START,
        reference="FZV (2023) § 9; Arrêté du 9 février 2009; DPR 495/1992; RD 2822/1998",
        example="Kennzeichen: m-xy 4711",
    ),
    _plate(
        "de_plate_special",
        "DE",
        "[A-ZÄÖÜ]{1,3}[ -]0[3-7][0-9]{2,4}",
        _german_special,
        context=WORDS,
        reference="FZV (2023) §§ 41 to 43",
        example="Kennzeichen M-06471",
    ),
    _plate(
        "de_plate_army",
        "DE",
        "Y-[0-9]{3}[ .]?[0-9]{3}",
        context=WORDS,
        reference="FZV (2023) Anlage 2",
        example="Kennzeichen Y-471 147",
    ),
    _plate(
        "fr_plate",
        "FR",
        f"{_FR}{{2}}-[0-9]{{3}}-{_FR}{{2}}",
        _french,
        score=0.6,
        boundary=Boundary.TOKEN,
        context_score=0.95,
        reference="Arrêté du 9 février 2009, art. 1",
        example="FX-471-GP",
    ),
    _plate(
        "fr_it_plate_in_context",
        "",
        f"{_FR}{{2}}[ -]?[0-9]{{3}}[ -]?{_FR}{{2}}",
        _french,
        reference="Arrêté du 9 février 2009, art. 1; DPR 495/1992 art. 256",
        example="immatriculation FX 471 GP",
    ),
    _plate(
        "fr_plate_old",
        "FR",
        "[1-9][0-9]{1,3}[ -]?[A-HJ-NP-TV-Z]{2,3}[ -]?(?:[0-9]{2}|2[AB]|97[1-6])",
        context=(*WORDS, "véhicule", "voiture", "camion"),
        reference="FNI, until 2009",
        example="immatriculation 471 GPX 75",
    ),
    _plate(
        "it_plate",
        "IT",
        f"{_IT}{{2}}[ -]?[0-9]{{3}}[ -]?{_IT}{{2}}",
        reference="DPR 495/1992 art. 256",
        example="targa GP 471 XV",
    ),
    _plate(
        "es_plate",
        "ES",
        f"[0-9]{{4}}[ -]?{_ES}{{3}}",
        _spanish,
        reference="RD 2822/1998, anexo XVIII",
        example="matrícula 4711 GPX",
    ),
    _plate(
        "es_plate_old",
        "ES",
        "[A-Z]{1,2}[ -]?[0-9]{4}[ -][A-Z]{1,2}",
        _spanish_old,
        context=(*WORDS, "vehículo", "coche", "camión", "furgoneta"),
        reference="Orden de 15 de septiembre de 2000",
        example="matrícula M-4711-GP",
    ),
    _plate(
        "jp_plate",
        "JP",
        f"[{_OFFICE_ENDS}][ ]?[0-9]{{1,2}}[0-9ACFHKLMPXY]?[ ]?(?:{_KANA}|[EHKMTY])[ ]?"
        "(?:[0-9]{2}[-‐–][0-9]{2}|[.・]{1,3}[ ]?[0-9]{1,3}|[0-9]{1,4})",
        _japanese,
        score=0.9,
        context_score=1.0,
        reference="道路運送車両法施行規則 art. 11",
        example="品川 330 さ 47-11",
    ),
    _plate(
        "cn_plate",
        "CN",
        f"[{CHINESE_PROVINCES}][A-HJ-NP-Z][ ·・•.-]?"
        "(?:[A-HJ-NP-Z0-9][A-HJ-NP-Z0-9][0-9A-HJ-NP-Z]{3,4}|[A-HJ-NP-Z0-9]{4}[警学挂港澳领试超])",
        _chinese,
        score=0.85,
        context_score=1.0,
        reference="GA 36-2018",
        example="沪A·47G11",
    ),
    _plate(
        "cn_plate_embassy",
        "CN",
        "(?:使[ ·]?[0-9]{6}|[0-9]{6}[ ·]?使)",
        score=0.6,
        reference="GA 36-2018",
        example="使471114",
    ),
    _plate(
        "cn_plate_police",
        "CN",
        f"WJ[ ·]?[{CHINESE_PROVINCES}]?[ ·]?[0-9]{{4}}[0-9A-Z]",
        context=(*WORDS, "车辆", "武警", "车"),
        reference="GA 36-2018",
        example="车牌 WJ京47114",
    ),
    _plate(
        "cn_plate_army",
        "CN",
        "[军空海北沈兰济南广成][A-Z][ ·]?[0-9]{5}",
        context=("车牌", "车号", "牌照", "号牌", "军车"),
        reference="2013 式军车号牌",
        example="车牌 军A47114",
    ),
    _plate(
        "gb_plate",
        "GB",
        "[A-HJ-PR-Y][A-HJ-PR-Y][0-9]{2} ?[A-HJ-PR-Z]{3}",
        _british,
        reference="Road Vehicles (Display of Registration Marks) Regulations 2001",
        example="registration GP17 XYZ",
    ),
    _plate(
        "gb_plate_old",
        "GB",
        "(?:[A-HJ-NP-TV-Y][1-9][0-9]{0,2} ?[A-Z]{3}|[A-Z]{3} ?[1-9][0-9]{0,2}[A-HJ-NP-TV-Y])",
        context=_BRITISH,
        context_before=25,
        context_after=0,
        reference="Vehicle Excise and Registration Act 1994",
        example="registration P471 GPX",
    ),
    _plate(
        "gb_plate_dateless",
        "GB",
        "(?:registration|number plate|licence plate|vrm|vrn)[ :.]",
        _british_dateless,
        score=0.85,
        context=(),
        against=(),
        caseless=True,
        boundary=Boundary.START,
        reference="Vehicle Excise and Registration Act 1994",
        example="number plate: GPX 471",
    ),
)
