"""Words that programs, tables and forms write above or before a person's name, in seven languages.

:data:`SURE` keys hold nothing but names; :data:`ROLES` hold somebody, who may be a firm, a team or a login;
:data:`NAMES` hold what anything may be called. A key counts as it is written in any convention: ``lastName``,
``last_name``, ``Last Name``, ``LAST-NAME`` are one (:func:`kind_of`).
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["sure", "role", "name", ""]

SURE = frozenset(
    "firstname lastname givenname familyname middlename surname forename maidenname birthname fullname legalname "
    "personname employeename workername operatorname drivername patientname studentname teachername managername "
    "contactname contactpersonname ownername authorname cardholdername accountholdername passengername guestname "
    "membername applicantname candidatename buyername sellername ownerfirstname ownerlastname nameofperson "
    "emergencycontact nextofkin mothersmaidenname "
    "vorname nachname familienname zuname geburtsname mitarbeitername fahrername bearbeitername kundenname "
    "vorundnachname nachnamevorname namevorname vornamename ansprechpartnername patientenname "
    "prénom prenom nomdefamille nomdenaissance nomcomplet nometprénom nometprenom nomprénom nomprenom prénomnom "
    "cognome nomeecognome nomecognome cognomenome nominativo nomecompleto "
    "apellido apellidos primerapellido segundoapellido nombrecompleto nombreyapellidos nombreyapellido nombredepila "
    "氏名 姓名 お名前 御氏名 ご氏名 フリガナ ふりがな 担当者名 担当者氏名 社員名 従業員名 作業者名 "
    "運転者名 申請者名 作成者名 "
    "承認者名 責任者名 顧客氏名 患者名 名字 联系人姓名 员工姓名 操作员姓名 客户姓名 真实姓名 负责人姓名 "
    "患者姓名".split()
)
ROLES = frozenset(
    "author reviewer assignee reporter creator createdby updatedby modifiedby approvedby preparedby checkedby "
    "signedby requestedby submittedby reportedby inspectedby testedby releasedby changedby editedby "
    "openedby closedby "
    "assignedto operator driver worker employee inspector technician engineer supervisor foreman teamlead shiftlead "
    "contact contactperson person manager owner sender recipient patient applicant requester requestor approver "
    "accountholder cardholder passenger guest visitor trainer auditor buyer "
    "ansprechpartner ansprechpartnerin mitarbeiter mitarbeiterin fahrer fahrerin prüfer prüferin bearbeiter "
    "bearbeiterin sachbearbeiter sachbearbeiterin ersteller erstellerin bediener bedienerin werker werkerin "
    "schichtleiter schichtführer meister verantwortlich verantwortlicher freigegebenvon geprüftvon erstelltvon "
    "gemeldetvon kontakt kontaktperson teilnehmer teilnehmerin absender empfänger patientin besucher "
    "opérateur operateur technicien conducteur chauffeur salarié employé responsable rédacteur vérificateur "
    "approbateur interlocuteur demandeur destinataire expéditeur "
    "operatore operatrice tecnico conducente autista dipendente responsabile referente redattore richiedente "
    "mittente destinatario approvatore collaudatore "
    "operador operaria operario técnico conductor empleado responsable supervisor solicitante remitente "
    "担当 担当者 作業者 作成者 承認者 確認者 責任者 検査員 運転者 申請者 報告者 記入者 班長 受講者 来訪者 "
    "联系人 操作员 操作工 负责人 检验员 司机 驾驶员 班长 申请人 审批人 报告人 审核人 编制人 填写人 员工 "
    "客户 收件人 寄件人".split()
)
NAMES = frozenset("name nom nome nombre user customer client kunde kundin cliente displayname 名前 名称 姓 名".split())
_PARTS = re.compile(r"[\s_.\-/()（）'’]+")
_HUMP = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")


def kind_of(written: str) -> Kind:
    """Return what a key holds. Of a longer one its end counts, where that says enough: ``employee_last_name``."""
    parts = [part for part in _PARTS.split(_HUMP.sub("_", written).lower()) if part]
    if not parts:
        return ""
    whole = _kind("".join(parts))
    if whole or len(parts) == 1:
        return whole
    for many in (3, 2, 1):
        end = _kind("".join(parts[-many:]))
        if len(parts) > many and (end == "sure" or (end == "role" and many > 1)):
            return end
    return ""


def _kind(key: str) -> Kind:
    if key in SURE:
        return "sure"
    if key in ROLES:
        return "role"
    return "name" if key in NAMES else ""
