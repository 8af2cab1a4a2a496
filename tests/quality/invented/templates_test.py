"""Templates of test: for measuring only. Nobody who writes rules reads what these make, let alone tunes on it."""

# ruff: noqa: E501 - documents are as wide as documents are

from __future__ import annotations

from invented.template import Split, Template

_DOCUMENTS = (
    Template(
        "en",
        "warranty claim",
        """WARRANTY CLAIM FORM (dealer copy)
claimant ........ ⟨person⟩, ⟨address⟩
reach at ........ ⟨phone⟩ / ⟨email⟩
chassis ......... ⟨vin⟩     reg. mark ..... ⟨plate_gb⟩
symptom ......... humming from rear axle above 80 km/h; DTC ⟨near:trouble⟩ stored twice
fitted .......... ⟨near:part⟩ on job card ⟨near:order⟩; odometer ⟨near:count⟩ km
breakdown spot .. ⟨gps_minutes⟩""",
    ),
    Template(
        "de",
        "visitor register",
        """Pforte West, Besucherliste
Name | Firma | Wagen | Ausweis | kommt zu
⟨person⟩ | Stanzwerk GmbH | ⟨plate_de⟩ | ⟨de_id_card⟩ | Einkauf, Apparat 4471
⟨person⟩ | Spedition | ⟨plate_it⟩ | ⟨de_passport⟩ | Rampe 12, Ladeliste ⟨near:order⟩
Hinweis: Fotografieren im Prototypenbau verboten, Unterlagen sind ⟨mark⟩.""",
    ),
    Template(
        "de",
        "payroll export",
        """MANDANT;PNR;NAME;GEB;STEUER-ID;SV-NR;BANK
001;⟨employee⟩;⟨person⟩;⟨date_of_birth⟩;⟨de_tax_id⟩;⟨de_social_security⟩;⟨iban⟩
001;⟨employee⟩;⟨person⟩;⟨date_of_birth⟩;⟨de_tax_id⟩;⟨de_social_security⟩;⟨iban⟩""",
    ),
    Template(
        "fr",
        "accident report",
        """Constat interne, parking nord. Le chariot n° ⟨near:serial⟩ a heurté la voiture ⟨plate_fr⟩ appartenant à ⟨person⟩
(né le ⟨date_of_birth⟩, sécurité sociale ⟨fr_nir⟩). Témoin joignable au ⟨phone⟩. Devis ⟨near:order⟩ : ⟨near:money⟩.
Pare-chocs réf. ⟨near:part⟩ à remplacer.""",
    ),
    Template(
        "it",
        "toolbox talk",
        """Verbale riunione sicurezza, turno B
presenti: ⟨person⟩ (CF ⟨it_fiscal_code⟩); ⟨person⟩, badge ⟨badge⟩
1) carroponte fermo per ⟨near:trouble⟩, ricambio ⟨near:part⟩ in arrivo con bolla ⟨near:order⟩
2) furgone ⟨plate_it⟩ lasciato davanti all'uscita: chiamare ⟨phone⟩
3) pressa: coppia di serraggio ⟨near:torque⟩, scarti al ⟨near:percent⟩""",
    ),
    Template(
        "es",
        "customs form",
        """DECLARANTE ⟨person⟩ NIE ⟨es_nie⟩ domicilio ⟨address⟩
EXPORTADOR NIF ⟨es_cif⟩ afiliación ⟨es_nss⟩ contacto ⟨email⟩
MERCANCÍA partida 8708.29, contenedor ⟨near:container⟩, bultos ⟨near:count⟩, valor ⟨near:money⟩
TRACTORA ⟨plate_es⟩ REMOLQUE bastidor ⟨vin⟩""",
    ),
    Template(
        "ja",
        "onboarding",
        """【入社手続き】人事部御中
新しく配属される⟨person⟩の書類を送ります。個人番号⟨jp_my_number⟩、生年月日⟨date_of_birth⟩。
通勤は車（⟨plate_jp⟩）、免許⟨jp_driving_licence⟩。緊急時は⟨phone⟩へ。現住所は⟨address⟩。
なお制服サイズの伝票は⟨near:order⟩、ロッカーは⟨near:count⟩番です。取扱い：⟨mark⟩""",
    ),
    Template(
        "ja",
        "fleet report",
        """走行試験日報：車両⟨vin⟩は⟨gps_decimal⟩付近で停止。担当⟨person⟩、端末IMEI⟨imei⟩、故障コード⟨near:trouble⟩、
ソフト⟨near:version⟩、計測値は⟨near:axis⟩。""",
    ),
    Template(
        "zh",
        "gate record",
        """门卫登记：⟨near:timestamp⟩ ⟨person⟩驾驶⟨plate_cn⟩入厂，证件⟨cn_resident_id⟩，联系方式⟨phone⟩，送货单⟨near:order⟩。
备注：货物为⟨near:part⟩共⟨near:count⟩件，托盘⟨near:lot⟩。""",
    ),
    Template(
        "zh",
        "contract",
        """乙方：长春某模具厂，信用代码⟨cn_social_credit⟩，住所⟨address⟩。授权代表⟨person⟩（护照⟨cn_passport⟩）。
付款账号⟨iban⟩（⟨bic⟩），金额⟨near:money⟩，合同编号⟨near:serial⟩，文件等级为⟨mark⟩。""",
    ),
    Template(
        "en",
        "manifest",
        """apiVersion: v1
kind: Secret
metadata: {name: mes-line, uid: ⟨near:uuid⟩}
stringData:
  dsn: ⟨connection_string⟩
  registry-token: ⟨cloud_key⟩
  bearer: ⟨jwt⟩
  owner: ⟨email⟩
""",
    ),
    Template(
        "en",
        "stack trace",
        """panic: dial tcp ⟨ipv4⟩:1883: i/o timeout (client id ⟨mac⟩)
goroutine 41 [running]:
    plant/edge/mqtt.(*Client).Connect(0xc00011⟨near:digest⟩)
        /build/edge/mqtt/client.go:218 +0x4d1
reported by ⟨person⟩ <⟨email⟩> on unit ⟨imei⟩, sim ⟨iccid⟩""",
    ),
    Template(
        "en", "ini", "[camera]\nstream = ⟨url_with_login⟩\n; v6 only: ⟨ipv6⟩\n[smtp]\npasswd = ⟨password⟩\nretry = 5\n"
    ),
    Template(
        "mixed",
        "chat",
        """ちょっと確認：Fahrer ⟨person:de⟩ (⟨phone:de⟩) hat ⟨plate_cn⟩ 停在⟨gps_decimal⟩，DNI ⟨es_dni⟩も必要？ teil ⟨near:part⟩ 在库""",
    ),
    Template(
        "mixed",
        "minutes",
        """议题2：il signor ⟨person:it⟩ (codice fiscale ⟨it_fiscal_code⟩) will bring car ⟨vin⟩到横浜、担当は⟨person:ja⟩、⟨phone:ja⟩。Budget ⟨near:money⟩.""",
    ),
    Template(
        "mixed",
        "form",
        """Employee/社員/员工: ⟨person:zh⟩ — staff no. ⟨employee⟩ — 身份证⟨cn_resident_id⟩ — NI number ⟨gb_nino⟩ — naissance ⟨date_of_birth:fr⟩""",
    ),
    Template(
        "en", "travel desk", "Booking for our guest; the machine printed this:\n⟨mrz⟩\ncharge ⟨credit_card⟩, thanks."
    ),
    Template("en", "vault", "restored from backup, rotate afterwards\n\n⟨private_key⟩\n"),
    Template(
        "de",
        "clinical letter",
        """Entlassbrief (vorläufig) – Station 4b
Pat.: ⟨person⟩ *⟨date_of_birth⟩ Kasse-Nr. ⟨insured⟩
Angehörige: Ehemann ⟨person⟩, Rückruf an ⟨phone⟩
Aufnahme wegen Belastungsdyspnoe NYHA III, EF 45 %, kein Erguss. RR 128/84, Puls 71, SpO2 96 %.
Wir gaben Bisoprolol 2,5 mg und Torasemid 10 mg. Frau ⟨family⟩ geht zurück nach ⟨address⟩.
gez. OÄ Dr. ⟨person⟩, Kopie per ⟨email⟩ an die Hausarztpraxis ⟨family⟩""",
    ),
    Template(
        "de",
        "clinical letter",
        """Orthopädischer Befund zur Vorlage beim Betriebsarzt. Herr ⟨family⟩, Vorname laut Karte ⟨given⟩, hob am Band
eine Last und spürte einen Stich in Höhe L4/L5. Lasègue links ab 40 Grad, keine Parese. MRT vom Vortag ohne Vorfall.
Empfehlung: 14 Tage Schonung, danach Wiedervorstellung bei Schwester ⟨given⟩ unter ⟨phone⟩. ⟨person⟩, ⟨address⟩""",
    ),
    Template("zh", "newsletter", "摄影比赛的评委有⟨person⟩、⟨person⟩以及去年的冠军⟨person⟩。"),
    Template("zh", "newsletter", "没有人比⟨person⟩更熟悉这台老机床，连学徒出身的⟨person⟩也这么说。"),
    Template("zh", "newsletter", "春节期间值班的⟨person⟩发现地下室漏水，立刻叫来了⟨person⟩。"),
    Template("zh", "newsletter", "⟨person⟩毕业于吉林大学，二十年前跟着师傅⟨person⟩学钳工。"),
    Template("zh", "newsletter", "足球队由⟨person⟩担任队长，守门员仍是仓库的⟨person⟩，比赛定在周六下午。"),
    Template("zh", "newsletter", "演讲结束后，⟨person⟩把奖杯交给了从柳州赶来的⟨person⟩。"),
    # --- quiet ------------------------------------------------------------------------------------------------------
    Template(
        "en",
        "sql dump",
        """INSERT INTO movement (id, article, batch, qty, booked, ref) VALUES
 (⟨near:count⟩, '⟨near:part⟩', '⟨near:lot⟩', ⟨near:count⟩, '⟨near:timestamp⟩', '⟨near:order⟩'),
 (⟨near:count⟩, '⟨near:part⟩', '⟨near:lot⟩', ⟨near:count⟩, '⟨near:timestamp⟩', '⟨wrong:cn_resident_id⟩'),
 (⟨near:count⟩, '⟨near:ean⟩', '⟨near:serial⟩', ⟨near:count⟩, '⟨near:timestamp⟩', '⟨near:uuid⟩');""",
        True,
    ),
    Template(
        "de",
        "inspection plan",
        """Erstmusterprüfbericht nach ⟨near:standard⟩, Zeichnung ⟨near:part⟩, Änderungsstand ⟨near:version⟩
Merkmal 1: ⟨near:tolerance⟩, gemessen ⟨near:percent⟩
Merkmal 2: Anzug ⟨near:torque⟩, Lage ⟨near:axis⟩
Rohmaterial 42CrMo4+QT, Schmelze ⟨near:lot⟩, Messmaschine ⟨near:serial⟩, Auftrag ⟨wrong:de_social_security⟩""",
        True,
    ),
    Template(
        "en",
        "structured text",
        """PROGRAM Station40
VAR
    rTarget : REAL := 87.25;  sArticle : STRING := '⟨near:part⟩';
    dwSerial : DWORD := 16#⟨near:count⟩;  tGuard : TIME := T#12s500ms;
END_VAR
IF %IX0.3 AND NOT bFault THEN  (* ⟨near:trouble⟩ *)
    fbDrive(pos := 1204.775, vel := 250.0, frame := '⟨near:frame⟩');
END_IF
END_PROGRAM""",
        True,
    ),
    Template(
        "en",
        "build output",
        """Step 7/12 : COPY --from=build /out /srv
 ---> ⟨near:digest⟩
Successfully tagged line/edge:⟨near:version⟩
go: downloading example.org/bus ⟨near:version⟩
test station_40 ... ok (0.412s)   commit ⟨near:digest⟩   at ⟨near:timestamp⟩
md5 ⟨near:digest⟩  firmware_⟨near:serial⟩.bin""",
        True,
    ),
    Template(
        "en",
        "openapi",
        """openapi: 3.1.0
info: {title: Part tracking, version: ⟨near:version⟩}
paths:
  /employees/{employeeId}/phone-numbers:
    get: {operationId: listPhones, parameters: [{name: employeeId, in: path, schema: {type: string, example: "string"}}]}
components:
  schemas:
    Address: {type: object, properties: {street: {type: string}, zip: {type: string}, iban: {type: string}}}
    Article: {type: object, properties: {number: {const: "⟨near:part⟩"}, etag: {const: "⟨near:digest⟩"}}}""",
        True,
    ),
    Template(
        "ja",
        "work standard",
        """作業標準書　工程40　改訂⟨near:version⟩
一、治具に部品⟨near:part⟩を置く。二、⟨near:torque⟩で締める。三、刻印⟨near:serial⟩を読み取る。
不良率⟨near:percent⟩以下、寸法⟨near:tolerance⟩。参考：⟨near:standard⟩。伝票⟨wrong:jp_corporate_number⟩""",
        True,
    ),
    Template(
        "zh",
        "inspection",
        """来料检验：供应批⟨near:lot⟩，图号⟨near:part⟩，抽检⟨near:count⟩件，合格率⟨near:percent⟩，公差⟨near:tolerance⟩。
仓位⟨near:serial⟩，箱号⟨near:container⟩，系统流水⟨wrong:cn_resident_id⟩，更新于⟨near:timestamp⟩。""",
        True,
    ),
    Template(
        "fr",
        "process sheet",
        """Gamme de montage poste 40. Visser à ⟨near:torque⟩, contrôler ⟨near:tolerance⟩ selon ⟨near:standard⟩.
Caisse ⟨near:container⟩, étiquette ⟨near:ean⟩, défaut ⟨near:trouble⟩, avancement ⟨near:percent⟩, OF ⟨near:order⟩.""",
        True,
    ),
    Template(
        "it",
        "calibration",
        """Certificato di taratura: strumento ⟨near:serial⟩, campione ⟨near:lot⟩, esito ⟨near:percent⟩, asse ⟨near:axis⟩.
Firmware ⟨near:version⟩, impronta ⟨near:digest⟩, prossima verifica ⟨near:timestamp⟩, commessa ⟨near:order⟩.""",
        True,
    ),
    Template(
        "es",
        "stock count",
        """Recuento de almacén ⟨near:timestamp⟩: estantería 12, código ⟨near:ean⟩, unidades ⟨near:count⟩; estantería 13, código
⟨near:part⟩, unidades ⟨near:count⟩; diferencia valorada en ⟨near:money⟩; palé ⟨near:lot⟩; albarán ⟨near:order⟩.""",
        True,
    ),
)

_FRAMES = {
    "en": (
        "Could someone verify the ⟨label⟩ (⟨value⟩) before Monday?",
        "visitor | ⟨label⟩ | ⟨value⟩ | gate 4",
        "new ⟨label⟩=⟨value⟩",
    ),
    "de": (
        "Laut Akte lautet die ⟨label⟩ auf ⟨value⟩; Auftrag ⟨near:order⟩ ruht.",
        "„⟨label⟩ ⟨value⟩“ steht im Formular",
    ),
    "fr": ("Mon collègue m'a transmis son ⟨label⟩, à savoir ⟨value⟩.", "[⟨label⟩] ⟨value⟩ ; pièce ⟨near:part⟩"),
    "it": ("Mi conferma che ⟨label⟩ corrisponde a ⟨value⟩?", "⟨label⟩ → ⟨value⟩ (lotto ⟨near:lot⟩)"),
    "es": ("¿Puede confirmar si ⟨label⟩ ⟨value⟩ sigue vigente?", "Dato: ⟨label⟩=⟨value⟩, bulto ⟨near:lot⟩"),
    "ja": (
        "提出された⟨label⟩⟨value⟩に誤りがないか見てください",
        "担当者より⟨label⟩「⟨value⟩」と回答あり、伝票⟨near:lot⟩",
    ),
    "zh": ("麻烦确认一下⟨label⟩为⟨value⟩的员工", "表格里填的⟨label⟩（⟨value⟩）与批次⟨near:lot⟩无关"),
}

_BARE = {
    "en": ("⟨value⟩ bounced, any idea?", "fwd: ⟨value⟩ / pallet ⟨near:lot⟩"),
    "de": ("Wer kennt ⟨value⟩ und kann helfen?",),
    "fr": ("Quelqu'un a laissé ⟨value⟩ sur le bureau.",),
    "it": ("Sul foglio c'era scritto ⟨value⟩ a penna.",),
    "es": ("En la nota ponía ⟨value⟩ a mano.",),
    "ja": ("メモに⟨value⟩とだけ書いてあった",),
    "zh": ("纸条上只写着⟨value⟩这一行",),
}

_LABELS = {
    "iban": ("IBAN", "bank account", "銀行口座"),
    "credit_card": ("Kartennummer", "card number", "信用卡号", "tarjeta de crédito"),
    "jp_my_number": ("マイナンバー", "個人番号（12桁）", "マイナンバーカード"),
    "jp_corporate_number": ("法人番号", "インボイス登録番号"),
    "jp_driving_licence": ("免許証番号", "運転免許"),
    "jp_residence_card": ("在留カード", "在留カードの番号"),
    "jp_passport": ("パスポート", "Japanese passport"),
    "cn_resident_id": ("公民身份号码", "身份证", "身份证号码"),
    "cn_social_credit": ("信用代码", "统一代码"),
    "cn_passport": ("护照号", "Chinese passport"),
    "de_tax_id": ("Steueridentifikationsnummer", "Steuer-IdNr.", "German tax ID"),
    "de_social_security": ("SV-Nr.", "Versicherungsnummer", "German social insurance number"),
    "de_id_card": ("Personalausweisnummer", "German ID card"),
    "de_passport": ("Reisepass-Nr.", "German passport"),
    "fr_nir": ("numéro d'inscription (NIR)", "numéro de sécu", "French social security number"),
    "fr_siren": ("n° SIREN", "SIREN"),
    "fr_siret": ("numéro SIRET", "SIRET"),
    "it_fiscal_code": ("cod. fiscale", "codice fiscale"),
    "it_vat": ("P.IVA", "partita iva"),
    "es_dni": ("DNI", "NIF"),
    "es_nie": ("NIE", "tarjeta de residencia"),
    "es_cif": ("CIF", "NIF"),
    "es_nss": ("nº de Seguridad Social", "número de afiliación"),
    "gb_nino": ("NI no.", "National Insurance no."),
    "gb_nhs": ("NHS", "NHS number"),
    "us_ssn": ("SSN", "Social Security no."),
    "eu_vat": ("Umsatzsteuer-ID", "VAT ID", "n° de TVA"),
    "imei": ("IMEI", "handset IMEI"),
    "iccid": ("SIM", "ICCID"),
    "vin": (
        "chassis number",
        "Fahrzeug-Identifizierungsnummer",
        "車体番号",
        "车辆识别代号",
        "telaio",
        "bastidor",
        "VIN",
    ),
    "plate_de": ("Nummernschild", "amtliches Kennzeichen", "plate"),
    "plate_fr": ("plaque", "immatriculé"),
    "plate_it": ("targato", "targa"),
    "plate_es": ("placa", "matrícula"),
    "plate_jp": ("車両ナンバー", "ナンバープレート"),
    "plate_cn": ("车牌号码", "号牌"),
    "plate_gb": ("reg no", "vehicle registration"),
    "gps_nmea": ("raw GGA", "tracker"),
    "gps_decimal": ("GPS-Position", "lat/lon", "coordonnées", "定位"),
    "gps_degrees": ("coordinate", "Lage", "地点"),
    "gps_minutes": ("fix", "coordenadas", "位置"),
}

SPLIT = Split(_DOCUMENTS, _FRAMES, _BARE, _LABELS)
