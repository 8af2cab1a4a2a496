"""What papers are called in the seven languages, whoever issued them: an Italian form asks for a German passport.

Words that mean nothing else. :data:`VAGUE` ones name other things as well (a document, a licence): they speak for a
value with a check digit only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.privacy.patterns.rule import Rule


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("|"))


PASSPORT: Final = _listed(
    """passport|travel document|reisepass|reisepaß|reisepaßnummer|passnummer|paßnummer|pass-nr|passnr|pass nr|pass no|
    passport_no|passeport|document de voyage|passaporto|documento di viaggio|pasaporte|documento de viaje|
    パスポート|旅券|渡航文書|护照|護照|旅行证件"""
)
ID_CARD: Final = _listed(
    """id card|identity card|identification card|identity document|id document|national id|photo id|government id|
    personalausweis|personalausweisnummer|pers.-ausweis|pers.-ausw|pers.ausw|german id|ci n|doc. identità|
    perso-nr|perso nr|perso:|persoausweis|bundespersonalausweis|
    bpa-nr|npa|ausweis|ausweisnummer|ausweis-nr|ausweisnr|ausweisdokument|lichtbildausweis|identitätskarte|
    identitätsnachweis|identitätsdokument|id-karte|eid-karte|
    carte d'identité|carte nationale d'identité|carte identité|pièce d'identité|document d'identité|titre d'identité|
    cni|cnie|carta d'identità|carta di identità|carta identità|documento d'identità|documento di identità|
    documento di riconoscimento|cie|c.i.|documento de identidad|documento nacional de identidad|carné de identidad|
    carnet de identidad|tarjeta de identidad|cédula de identidad|carta de identidad|documento identificativo|
    身分証|身分証明書|身元証明書|本人確認書類|idカード|身份证|身份證|身份证件|证件号|证件号码|證件號碼|身份证明"""
)
LICENCE: Final = _listed(
    """driving licence|driving license|driver's licence|driver's license|drivers licence|drivers license|driver licence|
    driver license|driver_license|driving_licence|driving permit|führerschein|fuehrerschein|führerscheinnummer|
    führerschein-nr|führerscheinnr|fahrerlaubnis|fahrerlaubnisnummer|fs-nr|permis de conduire|n° de permis|no de permis|
    numéro de permis|permis b|patente|patente di guida|numero patente|permiso de conducir|carné de conducir|
    carnet de conducir|licencia de conducir|運転免許|運転免許証|免許証|免許番号|免許|免許no|運転者免許|驾驶证|驾照|駕照|
    驾驶执照|驾驶证号"""
)
HEALTH: Final = _listed(
    """health insurance|health card|insured person|insured no|insured number|insurance number|insurance no|
    krankenversicherung|krankenversicherungsnummer|krankenversichertennummer|krankenversicherten-nr|
    krankenversicherungs-nr|krankenvers|kvnr|kv-nr|kvnr.|kv-nummer|krankenkasse|krankenkassennummer|kassen-nr|kassennr|
    kasse-nr|kasse nr|kasse-nummer|kassennummer|
    versichertennummer|versicherten-nr|versichertennr|versicherten-id|versichertenkarte|versichertenausweis|
    versicherungsnummer|versicherungs-nr|versicherungsnr|vers.-nr|vers.nr|vers. nr|vers-nr|versnr|versicherte|
    versicherter|versichert|mitgliedsnummer|mitglieds-nr|gesundheitskarte|gesundheitskarten|egk|gkv|aok|barmer|dak|
    bkk|ikk|techniker krankenkasse|knappschaft|assurance maladie|assuré|assurée|caisse maladie|adhérent|
    assicurato|assicurata|insured|insured id|insurance id|member id|member number|membership|policy|vnr|v-nr|assurance|
    kassenpatient|assicurazione|seguro|保険|
    assicurazione sanitaria|assicurazione malattia|cassa malattia|tessera sanitaria|asegurado|asegurada|seguro médico|
    seguro de enfermedad|tarjeta sanitaria|número de afiliación|健康保険|保険証|被保険者|保険番号|医保|医疗保险|参保|
    健康保险|被保险人|保险号"""
)
TAX: Final = _listed(
    """tax id|tax-id|tax_id|taxid|tax identification|tax number|tax no|taxpayer|tin|etin|steuer-id|steuer id|steuerid|
    steuer_id|steuer-idnr|steuer-ident|steuerident|steueridentifikationsnummer|steuer-identifikationsnummer|
    steueridentnummer|steuer-identnummer|steuerliche|steuernummer|steuer-nr|steuernr|st-id|st.-id|stid|lohnsteuer-id|
    identifikationsnummer|identifikationsnr|identifikationsmerkmal|ident.-nr|ident-nr|idnr|id-nr|elstam|finanzamt|
    identifiant fiscal|numéro fiscal|n° fiscal|no fiscal|identification fiscale|référence fiscale|contribuable|nif|
    numero fiscale|identificativo fiscale|identificazione fiscale|codice fiscale|n. fiscale|identificación fiscal|
    número fiscal|id fiscal|contribuyente|納税者番号|納税者id|納税者|納税番号|税務id|税務番号|税番号|税識別番号|税号|
    纳税人|纳税识别号|纳税号|税务识别号|税务编号|税务登记号|個人稅號"""
)
VAGUE: Final = _listed(
    """document no|document number|dokumentennummer|dokumentnummer|dokument-nr|dokumenten-nr|ausweis-/passnummer|
    legitimation|legitimationspapier|pass|ppt|pp no|n° de document|no de document|numéro de document|documento|
    n. documento|numero documento|número de documento|no de documento|identificación|証明書番号|证件|証件|licence|
    license|lizenz|id no|id number|id-nr|ausgewiesen|papers|papiere"""
)


def with_words(rules: Sequence[Rule], words: Mapping[str, Sequence[str]]) -> tuple[Rule, ...]:
    """Return the rules, those named in ``words`` with these context words besides their own."""
    return tuple(
        msgspec.structs.replace(rule, context=tuple(dict.fromkeys((*rule.context, *words[rule.name]))))
        if rule.name in words
        else rule
        for rule in rules
    )
