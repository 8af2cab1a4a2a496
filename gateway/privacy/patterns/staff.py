"""Numbers of people at work behind the words that name them: employees, operators, badges, access cards, passes.

Every plant numbers as it likes, so there is nothing to check; the noun is the proof
(:mod:`gateway.privacy.patterns.behind`)::

    Pers.-Nr. 4711      badge no. E10482      社員番号は A-4711      工号:G471147      matricola n. 47114

1. A noun for a person (:data:`_SPACED`, :data:`_EASTERN`) needs a word for "number" beside it, and three digits. One
   for what carries the number (:data:`_CARRIERS`: badge, Ausweis, 工牌) needs none, and four digits.
2. What a machine is called is no person's: ``pressa matricola 47114``, ``加工号 471147``.
3. Words that name things as often as people (card number, user id, P-Nr., chip, stamp) are in neither list.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.privacy.patterns.behind import NUMBER_OF, SAYS_NUMBER, Value, behind, spelled
from gateway.privacy.patterns.rule import Boundary, Rule

_SPACED: Final = {
    "en": "employee|emp|staff|personnel|pers|payroll|worker|associate|team member|team-member|operator|technician|"
    "inspector|welder|contractor|colleague|crew member|clock|clock card|time card|timecard|hr|works",
    "de": "personal|personalstamm|pers|mitarbeiter|mitarbeiterin|mitarb|stamm|beschäftigten|bediener|werker|prüfer|"
    "schweißer|fahrer|techniker|monteur|arbeiter|arbeitnehmer|angestellten|leiharbeiter|leiharbeitnehmer|"
    "zeitarbeiter|azubi|auszubildenden|kollegen|dienst|besucher|zeiterfassungs|werks|ma",
    "romance": "employé|employée|salarié|salariée|agent|opérateur|opératrice|personnel|pointage|collaborateur|"
    "dipendente|operatore|lavoratore|impiegato|addetto|personale|risorsa|empleado|empleada|trabajador|trabajadora|"
    "operario|operaria|operador|nómina|tarjeta de fichaje",
}
_EASTERN: Final = (
    "社員|社員管理|従業員|職員|従業者|作業者|作業員|担当者|検査員|検査者|オペレータ|オペレーター|"
    "スタッフ|溶接士|要員|人事|勤怠|タイムカード|氏名|メンバー|入館カード|idカード|icカード|社員カード|セキュリティカード|カードキー|"
    "入退室カード|名札|認証カード|员工|职工|职员|人员|工人|操作员|操作工|作业员|检验员|质检员|雇员|维修工|考勤|"
    "社员|工員|访客|门禁|厂牌|上岗证|一卡通|ic卡|员工卡|員工|職工"
)
_CARRIERS: Final = {
    "en": "badge|access card|swipe card|key card|keycard|prox card|proximity card|company card|staff card|id badge|"
    "employee card|clocking card|key fob|gate pass|visitor pass|works pass|security pass|site pass|plant pass",
    "de": "ausweis|werksausweis|werkausweis|betriebsausweis|firmenausweis|dienstausweis|mitarbeiterausweis|"
    "hausausweis|besucherausweis|lichtbildausweis|zutrittsausweis|parkausweis|fremdfirmenausweis|rfid-ausweis|"
    "rfid-karte|schlüsselkarte|zutrittskarte|zutrittskarten|zugangskarte|zugangskarten|chipkarte|chipkarten|stempelkarte|stempelkarten|stempelnummer|"
    "personalnummer|pnr",
    "romance": "matricule|carte d'accès|carte professionnelle|laissez-passer|matricola|matr.|tesserino|"
    "tessera di accesso|tessera accesso|pass visitatore|cartellino orologio|legajo|tarjeta de acceso|"
    "tarjeta identificativa|tarjeta de identificación|carnet de empresa|carné de empresa|credencial|gafete|"
    "pase de visitante|matrícula del trabajador|matrícula de empleado",
    "eastern": "社員証|入館証|入構証|入門証|入場証|来訪者証|従業員証|職員証|通行証|入退場カード|バッジ|社番|職番|"
    "個人コード|個人id|工号|工號|胸牌|胸卡|工牌|工卡|门禁卡|员工证|工作证|出入证|入厂证|访客证|通行证",
}

_VALUE: Final = r"(?:[A-Z]{1,4}[-_. ]?|[A-Z][0-9]-)?[0-9]{3,10}(?:[-/][0-9A-Z]{1,4})?[A-Z]?"
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}(?:/[0-9]{2})?")
_NO_PERSON: Final = re.compile(
    r"(?:(?:macchina|motore|pressa|impianto|utensile|tornio|robot|pompa|machine|moteur|presse|modello|mod\.|modèle)"
    r"[ ,:]{1,3}(?:n\.[ ]?)?|mod(?:\.|ello|èle)[ ][\w./-]{1,12}[ ,]{1,3}|[加施竣手完动])\Z",
    re.IGNORECASE,
)
_CHECK: Final = "named an employee's or badge number"


def _has_four_digits(value: str) -> bool:
    return not _YEAR.fullmatch(value) and sum(map(str.isdigit, value)) >= 4


def _rules(name: str, nouns: str, value: Value, tail: str = "", ahead: str = "") -> list[Rule]:
    """Return a rule for the nouns of ASCII and one for the others."""
    return [
        Rule(
            name=name if caseless else f"{name}_accented",
            type="EMPLOYEE_ID",
            expression=f"{ahead}{expression}",
            confirm=behind(value, _NO_PERSON),
            family="plant",
            score=0.85,
            caseless=caseless and not ahead,
            boundary=Boundary.START,
        )
        for expression, caseless in spelled(nouns.split("|"), tail)
    ]


_PERSON: Final = Value(_VALUE, _CHECK, numbered=True)
_NUMBERED_BEFORE: Final = Value(_VALUE, _CHECK)
_CARRIER: Final = Value(_VALUE, _CHECK, _has_four_digits)

RULES: tuple[Rule, ...] = (
    Rule(
        name="employee_number",
        type="EMPLOYEE_ID",
        expression="personal(?:nummer|-nr)",
        confirm=behind(_NUMBERED_BEFORE, _NO_PERSON),
        family="plant",
        score=0.85,
        caseless=True,
        boundary=Boundary.START,
        example="Personalnummer: 471147",
    ),
    *_rules("employee_number_said", "|".join(_SPACED.values()), _PERSON, SAYS_NUMBER),
    *_rules("employee_number_eastern", _EASTERN, _PERSON),
    *_rules("employee_number_of", _SPACED["romance"], _NUMBERED_BEFORE, ahead=NUMBER_OF),
    *_rules("badge_number", "|".join(_CARRIERS.values()), _CARRIER),
)
