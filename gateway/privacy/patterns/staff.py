"""Numbers of people at work behind the words that name them: employees, operators, badges, access cards, passes.

Every plant numbers as it likes, so there is nothing to check; the noun is the proof
(:mod:`gateway.privacy.patterns.behind`)::

    Pers.-Nr. 4711      badge no. E10482      社員番号は A-4711      工号:G471147      matricola n. 47114

1. A noun for a person (:data:`_PEOPLE`) needs a word for "number" beside it, and three digits behind that. One for what
   carries the number (:data:`_CARRIERS`: badge, Ausweis, 工牌) needs none, and four digits.
2. What a machine is called is no person's: ``pressa matricola 47114``, ``加工号 471147``.
3. Words that name things as often as people (card number, user id, P-Nr., chip, stamp) are in neither list.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.privacy.patterns.behind import Value, behind
from gateway.privacy.patterns.rule import Boundary, Rule

_PEOPLE: Final = {
    "en": "employee|emp|staff|personnel|pers|payroll|worker|associate|team[ _-]?member|operator|technician|inspector|"
    "welder|contractor|colleague|crew[ _-]?member|clock|clock[ _-]card|time[ _-]?card|hr|works",
    "de": "personal|personalstamm|pers|mitarbeiter|mitarbeiterin|mitarb|stamm|beschäftigten|bediener|werker|prüfer|"
    "schweißer|fahrer|techniker|monteur|arbeiter|arbeitnehmer|angestellten|leiharbeiter|leiharbeitnehmer|"
    "zeitarbeiter|azubi|auszubildenden|kollegen|dienst|besucher|zeiterfassungs|werks|ma",
    "romance": "employé|employée|salarié|salariée|agent|opérateur|opératrice|personnel|pointage|collaborateur|"
    "dipendente|operatore|lavoratore|impiegato|addetto|personale|risorsa|empleado|empleada|trabajador|trabajadora|"
    "operario|operaria|operador|nómina|tarjeta de fichaje",
    "eastern": "社員|社員管理|従業員|職員|従業者|作業者|作業員|担当者|検査員|検査者|オペレータ|オペレーター|"
    "スタッフ|溶接士|要員|人事|勤怠|タイムカード|氏名|メンバー|入館カード|idカード|icカード|社員カード|セキュリティカード|カードキー|"
    "入退室カード|名札|認証カード|员工|职工|职员|人员|工人|操作员|操作工|作业员|检验员|质检员|雇员|维修工|考勤|"
    "访客|门禁|厂牌|上岗证|一卡通|ic卡|员工卡|員工|職工",
}
_CARRIERS: Final = {
    "en": "badge|access card|swipe card|key card|keycard|gate pass|visitor pass|works pass|security pass",
    "de": "ausweis|werksausweis|werkausweis|betriebsausweis|firmenausweis|dienstausweis|mitarbeiterausweis|"
    "hausausweis|besucherausweis|zutrittsausweis|parkausweis|fremdfirmenausweis|zutrittskarte|zutrittskarten|"
    "zugangskarte|zugangskarten|chipkarte|chipkarten|stempelkarte|stempelkarten|stempelnummer|personalnummer|pnr",
    "romance": "matricule|carte d'accès|laissez-passer|matricola|matr\\.|tesserino|tessera di accesso|legajo|"
    "tarjeta de acceso|credencial|gafete|pase de visitante|matrícula del trabajador|matrícula de empleado",
    "eastern": "社員証|入館証|入構証|入門証|来訪者証|従業員証|職員証|バッジ|社番|職番|個人コード|工号|工號|胸牌|"
    "胸卡|工牌|工卡|门禁卡|员工证|工作证|出入证|访客证|通行证",
}

_VALUE: Final = r"(?:[A-Z]{1,4}[-_. ]?|[A-Z][0-9]-)?[0-9]{3,10}(?:[-/][0-9A-Z]{1,4})?[A-Z]?"
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}(?:/[0-9]{2})?")
_NO_PERSON: Final = re.compile(
    r"(?:(?:macchina|motore|pressa|impianto|utensile|tornio|robot|pompa|machine|moteur|presse|modello|mod\.|modèle)"
    r"[ ,:]{1,3}(?:n\.[ ]?)?|[加施竣手完动])\Z",
    re.IGNORECASE,
)
_CHECK: Final = "named an employee's or badge number"


def _has_four_digits(value: str) -> bool:
    return not _YEAR.fullmatch(value) and sum(map(str.isdigit, value)) >= 4


def _rule(name: str, nouns: str, value: Value, example: str = "") -> Rule:
    return Rule(
        name=name,
        type="EMPLOYEE_ID",
        expression=nouns,
        confirm=behind(value, _NO_PERSON),
        family="plant",
        score=0.85,
        caseless=True,
        boundary=Boundary.START,
        example=example,
    )


_PERSON: Final = Value(_VALUE, _CHECK, numbered=True)
_CARRIER: Final = Value(_VALUE, _CHECK, _has_four_digits)

RULES: tuple[Rule, ...] = (
    *(_rule(f"employee_number_{area}", nouns, _PERSON) for area, nouns in _PEOPLE.items()),
    *(_rule(f"badge_number_{area}", nouns, _CARRIER) for area, nouns in _CARRIERS.items()),
)
