"""Templates of development: rules may be tuned on what these make. None may be a variation of one of the test's."""

# ruff: noqa: E501 - documents are as wide as documents are

from __future__ import annotations

from invented.template import Split, Template

_DOCUMENTS = (
    Template(
        "de",
        "8D report",
        """8D-Report ⟨near:order⟩   Stand: ⟨near:timestamp⟩   Einstufung: ⟨mark⟩
D1 Team: Leitung ⟨person⟩ (Personalnummer ⟨employee⟩), Tel. ⟨phone⟩
D2 Problem: Am Fahrzeug ⟨vin⟩ (Kennzeichen ⟨plate_de⟩) löst sich die Halterung, Teilenummer ⟨near:part⟩, Charge ⟨near:lot⟩.
D3 Sofortmaßnahme: Sperrung von ⟨near:count⟩ Teilen, Los ⟨near:lot⟩, Prüfung auf ⟨near:tolerance⟩.
D4 Ursache: Drehmoment ⟨near:torque⟩ nicht erreicht, Schrauber ⟨near:serial⟩, Software ⟨near:version⟩.
D5 Rückfragen bitte an ⟨email⟩.""",
    ),
    Template(
        "en",
        "8D report",
        """D4 ROOT CAUSE: bracket ⟨near:part⟩ from lot ⟨near:lot⟩ was torqued to ⟨near:torque⟩.
The complaint came from ⟨person⟩, phone ⟨phone⟩. VIN ⟨vin⟩, registration ⟨plate_gb⟩, IMEI of the unit ⟨imei⟩.
D7: PFMEA updated per ⟨near:standard⟩; ECU software ⟨near:version⟩, checksum ⟨near:digest⟩.""",
    ),
    Template(
        "de",
        "maintenance ticket",
        """Störung ⟨near:trouble⟩ an Presse 4 seit ⟨near:timestamp⟩. Achse steht auf ⟨near:axis⟩.
Gemeldet von: ⟨person⟩, Ausweis-Nr. ⟨badge⟩, erreichbar unter ⟨phone⟩.
Steuerung ⟨ipv4⟩, MAC ⟨mac⟩. Ersatzteil ⟨near:part⟩ bestellt, Bestellung ⟨near:order⟩.""",
    ),
    Template(
        "ja",
        "maintenance ticket",
        """設備不具合連絡票　番号⟨near:order⟩
発生日時：⟨near:timestamp⟩　設備：3号プレス　異常コード：⟨near:trouble⟩
報告者：⟨person⟩（社員番号⟨employee⟩）　内線ではなく携帯⟨phone⟩まで連絡ください。
部品番号⟨near:part⟩を交換、締付トルク⟨near:torque⟩。""",
    ),
    Template(
        "zh",
        "maintenance ticket",
        """设备维修单 编号⟨near:order⟩ 报修时间⟨near:timestamp⟩
报修人：⟨person⟩，工号⟨employee⟩，手机⟨phone⟩。故障代码⟨near:trouble⟩，零件号⟨near:part⟩，批次⟨near:lot⟩。
更换后扭矩为⟨near:torque⟩，车辆⟨plate_cn⟩的车架号⟨vin⟩已登记。""",
    ),
    Template(
        "fr",
        "supplier mail",
        """Bonjour ⟨person⟩,

la livraison ⟨near:order⟩ (référence ⟨near:part⟩, lot ⟨near:lot⟩) est bloquée. Merci de rappeler le ⟨phone⟩.
Le véhicule d'essai immatriculé ⟨plate_fr⟩, n° de série ⟨vin⟩, est garé à la position ⟨gps_decimal⟩.
Virement sur ⟨iban⟩, BIC ⟨bic⟩, SIRET ⟨fr_siret⟩, montant ⟨near:money⟩.

Cordialement,
⟨person⟩
⟨address⟩""",
    ),
    Template(
        "it",
        "supplier mail",
        """Gentile ⟨person⟩,
in allegato la bolla ⟨near:order⟩ per il particolare ⟨near:part⟩, quantità ⟨near:count⟩.
La fattura va intestata alla partita IVA ⟨it_vat⟩, bonifico su ⟨iban⟩ per ⟨near:money⟩.
L'autista ha il codice fiscale ⟨it_fiscal_code⟩ e guida il furgone targato ⟨plate_it⟩; cellulare ⟨phone⟩.""",
    ),
    Template(
        "es",
        "supplier mail",
        """Estimada ⟨person⟩:
el pedido ⟨near:order⟩ de la pieza ⟨near:part⟩ sale hoy. El conductor, con DNI ⟨es_dni⟩ y matrícula ⟨plate_es⟩,
llega a las 14:00. Facturación: CIF ⟨es_cif⟩, cuenta ⟨iban⟩, importe ⟨near:money⟩. Teléfono ⟨phone⟩, correo ⟨email⟩.""",
    ),
    Template(
        "ja",
        "supplier mail",
        """⟨person⟩様
いつもお世話になっております。品番⟨near:part⟩（ロット⟨near:lot⟩）の件、注文書⟨near:order⟩をご確認ください。
弊社の法人番号は⟨jp_corporate_number⟩です。試作車（⟨plate_jp⟩、車台番号⟨vin⟩）の写しを送ります。【⟨mark⟩】
⟨address⟩
⟨email⟩""",
    ),
    Template(
        "zh",
        "supplier mail",
        """⟨person⟩您好：
订单⟨near:order⟩的零件⟨near:part⟩已发货，数量⟨near:count⟩。我司统一社会信用代码⟨cn_social_credit⟩，
司机身份证号⟨cn_resident_id⟩，车牌⟨plate_cn⟩，电话⟨phone⟩。地址：⟨address⟩。密级：⟨mark⟩""",
    ),
    Template(
        "de",
        "shift log",
        """Schichtbuch Halle 2
06:00 Übergabe durch ⟨person⟩
06:40 ⟨near:count⟩ Teile, Ausschuss ⟨near:percent⟩, Nacharbeit an ⟨near:part⟩
09:15 Fahrer von ⟨plate_de⟩ hat Ladung ⟨near:container⟩ abgeholt, Lieferschein ⟨near:order⟩
11:30 Testfahrzeug steht bei ⟨gps_degrees⟩
13:50 Werkzeug ⟨near:serial⟩ gewechselt, ⟨near:torque⟩""",
    ),
    Template(
        "en",
        "code",
        """def load(path: str) -> dict:
    # owner of this script, please ask first: ⟨email⟩
    connection = connect("⟨connection_string⟩")
    revision = "⟨near:digest⟩"
    return connection.fetch("select part, torque from steps where id = '⟨near:uuid⟩'")
""",
    ),
    Template(
        "en",
        "code",
        """import os
API_KEY = "⟨cloud_key⟩"
password = "⟨password⟩"
RETRIES, TIMEOUT = 3, 12.5
HOST = "⟨ipv4⟩"  # gateway of line 7
""",
    ),
    Template(
        "en",
        "log",
        """{"ts":"⟨near:timestamp⟩","level":"warn","trace":"⟨near:uuid⟩","msg":"login failed","user":"⟨email⟩","ip":"⟨ipv4⟩"}
{"ts":"⟨near:timestamp⟩","level":"info","trace":"⟨near:uuid⟩","msg":"token issued","token":"⟨jwt⟩"}
{"ts":"⟨near:timestamp⟩","level":"info","trace":"⟨near:uuid⟩","msg":"position","gga":"⟨gps_nmea⟩"}""",
    ),
    Template(
        "mixed",
        "supplier mail",
        """Hello ⟨person:de⟩, die VIN ⟨vin⟩ が⟨plate_jp⟩に登録されました。请联系⟨person:zh⟩，电话⟨phone:zh⟩, oder ⟨email:de⟩.""",
    ),
    Template(
        "mixed",
        "chat",
        """⟨person:ja⟩さんのマイナンバーは⟨jp_my_number⟩、Steuer-ID ⟨de_tax_id⟩, 身份证⟨cn_resident_id⟩, NIR ⟨fr_nir⟩. Part no ⟨near:part⟩ OK?""",
    ),
    Template(
        "mixed",
        "form",
        """氏名 ⟨person:ja⟩ / Geburtsdatum ⟨date_of_birth:de⟩ / 住所 ⟨address:ja⟩ / Tel ⟨phone:ja⟩ / IBAN ⟨iban⟩""",
    ),
    Template("en", "passport copy", "Scan of the passport, machine readable zone:\n⟨mrz⟩\n"),
    Template("en", "key", "Here is the deploy key of the plant server:\n⟨private_key⟩\nPlease install it."),
    Template("de", "mail", "Kamera 3: ⟨url_with_login⟩, IPv6 ⟨ipv6⟩, SIM ⟨iccid⟩. Gruß, ⟨person⟩"),
    Template(
        "de",
        "clinical letter",
        """Klinikum am Prüffeld, Innere Medizin, ⟨address⟩
Sehr geehrter Herr Kollege ⟨family⟩, lieber ⟨given⟩,
wir berichten über ⟨person⟩, geb. ⟨date_of_birth⟩, Versichertennummer ⟨insured⟩, wohnhaft ⟨address⟩.
Diagnosen: arterielle Hypertonie, Zustand nach Appendektomie. Labor: Hb 13,2 g/dl, CRP 4,1 mg/l, Kreatinin 0,9 mg/dl.
Therapie: Ramipril 5 mg 1-0-0. Die Patientin ist unter ⟨phone⟩ zu erreichen.
Mit freundlichen Grüßen
Dr. med. ⟨person⟩""",
    ),
    Template(
        "de",
        "HR form",
        """Stammblatt Beschäftigte
Name: ⟨person⟩ | Mitarb.-Nr.: ⟨employee⟩ | Steuer-IdNr.: ⟨de_tax_id⟩
Vers.-Nr. ⟨insured⟩, Perso-Nr. ⟨de_id_card⟩, Pass Nr. ⟨de_passport⟩
Gehalt auf ⟨iban⟩ / ⟨bic⟩
Werksausweis ⟨badge⟩, Spind 114, Schlüssel ⟨near:serial⟩""",
    ),
    Template(
        "de",
        "access log",
        """Pforte Süd, Tagesliste
Besucherausweis ⟨badge⟩ an ⟨person⟩, Kfz-Kz. ⟨plate_de⟩, Lieferschein ⟨near:order⟩
Zutrittskarte ⟨badge⟩ gesperrt, Meldung ⟨near:order⟩""",
    ),
    Template(
        "de",
        "test-drive report",
        """Erprobungsfahrt, Strecke Alb, Bauteil ⟨near:part⟩
Fahrer-Nr. ⟨employee⟩, Erprobungsträger ⟨plate_de⟩, abgestellt bei ⟨gps_decimal⟩
Telematikeinheit ⟨imei⟩, Stand ⟨near:version⟩, Anzugsmoment ⟨near:torque⟩""",
    ),
    Template(
        "en",
        "access log",
        """Gatehouse register, sheet ⟨near:count⟩
Visitor pass ⟨badge⟩ issued to ⟨person⟩, vehicle ⟨plate_gb⟩, delivery ⟨near:order⟩
Operator ID: ⟨employee⟩ locked out of cell ⟨near:count⟩, asset tag ⟨near:serial⟩""",
    ),
    Template(
        "en",
        "HR form",
        """{"employeeNumber": "⟨employee⟩", "badgeId": "⟨badge⟩", "passportNo": "⟨de_passport⟩", "taxId": "⟨de_tax_id⟩", "partNumber": "⟨near:part⟩"}""",
    ),
    Template(
        "fr",
        "complaint report",
        """Réclamation ⟨near:order⟩, lot ⟨near:lot⟩, signalée par ⟨person⟩
Matricule du salarié : ⟨employee⟩ ; badge d'accès n° ⟨badge⟩
Véhicule garé : ⟨gps_decimal⟩ ; remboursement ⟨iban⟩ (⟨bic⟩)""",
    ),
    Template(
        "it",
        "shift log",
        """Registro turno notte, linea ⟨near:count⟩
Cod. dipendente: ⟨employee⟩ (⟨person⟩), tesserino n. ⟨badge⟩
Stampo sostituito, disegno ⟨near:part⟩, matricola macchina ⟨near:serial⟩
Bonifico anticipo: ⟨iban⟩ - ⟨bic⟩""",
    ),
    Template(
        "es",
        "shift log",
        """Parte del turno, línea ⟨near:count⟩
Nº de operario: ⟨employee⟩, tarjeta de acceso ⟨badge⟩, avisó ⟨person⟩
Útil cambiado: plano ⟨near:part⟩, nº de serie ⟨near:serial⟩""",
    ),
    Template(
        "ja",
        "access log",
        """入構記録　守衛所
入館証番号：⟨badge⟩　作業者コード：⟨employee⟩　氏名：⟨person⟩
免許証No.⟨jp_driving_licence⟩　駐車位置：⟨gps_decimal⟩
金型番号⟨near:serial⟩、伝票番号⟨near:order⟩""",
    ),
    Template(
        "zh",
        "access log",
        """门卫登记
胸牌号⟨badge⟩，操作员编号：⟨employee⟩，姓名：⟨person⟩
停放位置：⟨gps_decimal⟩，模具编号⟨near:serial⟩，送货单⟨near:order⟩""",
    ),
    Template("zh", "report", "在昨天的例会上，⟨person⟩介绍了冲压线的改造进度，⟨person⟩对节拍提出了疑问。"),
    Template("zh", "report", "据了解，这套夹具最早由⟨person⟩设计，后来⟨person⟩把它改成了气动的。"),
    Template("zh", "report", "⟨person⟩和⟨person⟩都认为应该先修旧模具，只有⟨person⟩主张重新开模。"),
    Template("zh", "report", "获得本月改善提案一等奖的是涂装车间的⟨person⟩。"),
    Template("zh", "report", "退休之前，⟨person⟩一直在总装厂负责淋雨试验。"),
    # --- quiet ------------------------------------------------------------------------------------------------------
    Template(
        "de",
        "maintenance plan",
        """Anlagen-Nr. ⟨near:serial⟩, Inventar-Nr. ⟨near:order⟩, Werkzeug-Nr. ⟨near:part⟩
Prüfplan-Nr. ⟨near:order⟩; Dokument-Nr. ⟨near:lot⟩; Länge ⟨near:tolerance⟩; Breite 12,345 mm
Personalplanung Nr. ⟨near:count⟩, Fahrerkabine ⟨near:part⟩, Chip-Nr. ⟨near:serial⟩""",
        True,
    ),
    Template(
        "en",
        "asset list",
        """asset tag;tool no.;gauge ID;card no.;operation
⟨near:serial⟩;⟨near:part⟩;⟨near:lot⟩;⟨near:count⟩;⟨near:count⟩
Kanban card no. ⟨near:order⟩, badge reader firmware ⟨near:version⟩, operator panel ⟨near:part⟩""",
        True,
    ),
    Template(
        "de",
        "parts list",
        """Pos;Teilenummer;Benennung;Menge;Charge;Norm
10;⟨near:part⟩;Halter links;⟨near:count⟩;⟨near:lot⟩;⟨near:standard⟩
20;⟨near:part⟩;Schraube M8;⟨near:count⟩;⟨near:lot⟩;⟨near:standard⟩
30;⟨near:part⟩;Dichtring;⟨near:count⟩;⟨near:lot⟩;⟨near:tolerance⟩
40;⟨near:ean⟩;Klebstoff;2;⟨near:lot⟩;⟨near:serial⟩
50;⟨wrong:de_tax_id⟩;Kappe;4;⟨near:order⟩;-""",
        True,
    ),
    Template(
        "en",
        "torque table",
        """| Station | Screw | Result | Order |
| --- | --- | --- | --- |
| 110 | ⟨near:torque⟩ | ⟨near:percent⟩ | ⟨near:order⟩ |
| 120 | ⟨near:torque⟩ | ⟨near:percent⟩ | ⟨near:order⟩ |
| 130 | ⟨near:torque⟩ | ⟨near:percent⟩ | ⟨near:order⟩ |
Frame sent: ⟨near:frame⟩, fault ⟨near:trouble⟩, position ⟨near:axis⟩""",
        True,
    ),
    Template(
        "en",
        "schema",
        """{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "title": "Tightening",
 "properties": {"station": {"type": "integer", "minimum": 1}, "vin": {"type": "string", "pattern": "^[A-HJ-NPR-Z0-9]{17}$"},
 "email": {"type": "string", "format": "email"}, "phone": {"type": "string", "maxLength": 20},
 "password": {"type": "string", "minLength": 12}, "name": {"type": "string", "examples": ["⟨near:part⟩"]}},
 "required": ["station", "vin"], "x-revision": "⟨near:digest⟩"}""",
        True,
    ),
    Template(
        "en",
        "code",
        """class Spindle:
    \"\"\"Drives one axis; see drawing ⟨near:part⟩.\"\"\"
    OFFSETS = (12.50412, 48.20931, 0.00125)
    BUILD = "⟨near:digest⟩"

    def move(self, x: float, y: float) -> None:
        self.bus.send(0x7E8, bytes.fromhex("⟨near:digest⟩"))
        assert 0 <= x < 1250.75, f"out of range: {x}"
        raise Fault("⟨near:trouble⟩", order=⟨near:count⟩)
""",
        True,
    ),
    Template(
        "en",
        "log",
        """⟨near:timestamp⟩ INFO  mes.line7 order=⟨near:order⟩ part=⟨near:part⟩ lot=⟨near:lot⟩ ok
⟨near:timestamp⟩ WARN  plc.s7 can=⟨near:frame⟩ code=⟨near:trouble⟩ retry=3
⟨near:timestamp⟩ INFO  mes.line7 trace=⟨near:uuid⟩ image=registry/mes:⟨near:version⟩ sha256:⟨near:digest⟩
⟨near:timestamp⟩ ERROR spindle axis=⟨near:axis⟩ serial=⟨near:serial⟩""",
        True,
    ),
    Template(
        "ja",
        "parts list",
        """部品表　図番⟨near:part⟩
1　品番⟨near:part⟩　ブラケット　数量⟨near:count⟩　ロット⟨near:lot⟩
2　品番⟨near:part⟩　ボルト　締付⟨near:torque⟩　規格⟨near:standard⟩
3　管理番号⟨near:serial⟩　伝票番号⟨wrong:jp_my_number⟩　注文番号⟨near:order⟩
合計金額⟨near:money⟩　公差⟨near:tolerance⟩""",
        True,
    ),
    Template(
        "zh",
        "parts list",
        """物料清单 版本⟨near:version⟩
零件号⟨near:part⟩，支架，数量⟨near:count⟩，批号⟨near:lot⟩
零件号⟨near:part⟩，螺栓，扭矩⟨near:torque⟩，标准⟨near:standard⟩
采购订单⟨near:order⟩，序列号⟨near:serial⟩，金额⟨near:money⟩，坐标⟨near:axis⟩，故障码⟨near:trouble⟩""",
        True,
    ),
    Template(
        "fr",
        "parts list",
        """Nomenclature, indice ⟨near:version⟩
Réf. ⟨near:part⟩ support gauche, quantité ⟨near:count⟩, lot ⟨near:lot⟩
Réf. ⟨near:part⟩ vis, couple ⟨near:torque⟩, cote ⟨near:tolerance⟩
Commande ⟨near:order⟩, conteneur ⟨near:container⟩, prix ⟨near:money⟩, n° d'article ⟨wrong:fr_siret⟩""",
        True,
    ),
    Template(
        "it",
        "parts list",
        """Distinta base, disegno ⟨near:part⟩, rev. ⟨near:version⟩
Codice ⟨near:part⟩ staffa, quantità ⟨near:count⟩, lotto ⟨near:lot⟩, coppia ⟨near:torque⟩
Ordine ⟨near:order⟩, matricola macchina ⟨near:serial⟩, scarto ⟨near:percent⟩, articolo ⟨wrong:it_vat⟩""",
        True,
    ),
    Template(
        "es",
        "parts list",
        """Lista de materiales, plano ⟨near:part⟩
Referencia ⟨near:part⟩ soporte, cantidad ⟨near:count⟩, lote ⟨near:lot⟩, par ⟨near:torque⟩
Pedido ⟨near:order⟩, contenedor ⟨near:container⟩, rechazo ⟨near:percent⟩, artículo ⟨wrong:es_dni⟩""",
        True,
    ),
)

_FRAMES = {
    "en": (
        "The ⟨label⟩ of the driver is ⟨value⟩, please file it.",
        "⟨label⟩: ⟨value⟩",
        "He gave us ⟨value⟩ as his ⟨label⟩.",
    ),
    "de": (
        "Bitte ⟨label⟩ ⟨value⟩ im System nachtragen.",
        "⟨label⟩: ⟨value⟩",
        "Als ⟨label⟩ wurde ⟨value⟩ gemeldet, Teil ⟨near:part⟩ ist frei.",
    ),
    "fr": ("Veuillez noter ⟨label⟩ ⟨value⟩ dans le dossier.", "⟨label⟩ : ⟨value⟩"),
    "it": ("Inserire ⟨label⟩ ⟨value⟩ nella scheda.", "⟨label⟩: ⟨value⟩"),
    "es": ("Anote ⟨label⟩ ⟨value⟩ en la ficha.", "⟨label⟩: ⟨value⟩"),
    "ja": ("⟨label⟩は⟨value⟩です。", "⟨label⟩⟨value⟩を登録した。品番⟨near:part⟩も確認。", "⟨label⟩：⟨value⟩"),
    "zh": ("⟨label⟩是⟨value⟩，请登记。", "⟨label⟩⟨value⟩已录入，零件号⟨near:part⟩。", "⟨label⟩：⟨value⟩"),
}

_BARE = {
    "en": ("Please check ⟨value⟩ again.", "We received ⟨value⟩ yesterday (see ⟨near:order⟩)."),
    "de": ("Zu ⟨value⟩ liegt nichts vor.", "Eingang ⟨value⟩ geprüft."),
    "fr": ("Nous avons bien reçu ⟨value⟩ hier.",),
    "it": ("Abbiamo ricevuto ⟨value⟩ ieri.",),
    "es": ("Ayer recibimos ⟨value⟩ por correo.",),
    "ja": ("昨日⟨value⟩を受け取りました。", "確認済⟨value⟩の写し"),
    "zh": ("昨天收到⟨value⟩的资料。", "请核对⟨value⟩后回复"),
}

_LABELS = {
    "iban": ("IBAN", "Kontonummer IBAN", "口座"),
    "credit_card": ("credit card", "Kreditkarte", "クレジットカード", "carta di credito"),
    "jp_my_number": ("マイナンバー", "個人番号", "My Number"),
    "jp_corporate_number": ("法人番号", "登録番号", "corporate number"),
    "jp_driving_licence": (
        "運転免許証番号",
        "免許証の番号",
        "Japanese driving licence",
        "免許No.",
        "driver's license no.",
        "Führerschein-Nr.",
    ),
    "jp_residence_card": ("在留カード番号", "residence card"),
    "jp_passport": ("旅券番号", "passport number", "パスポート番号"),
    "cn_resident_id": ("身份证号", "居民身份证", "Chinese ID card"),
    "cn_social_credit": ("统一社会信用代码", "social credit code"),
    "cn_passport": ("护照号码", "护照", "passport no."),
    "de_tax_id": ("Steuer-ID", "Identifikationsnummer", "steuerliche IdNr.", "Steuer ID", "taxpayer ID", "税号"),
    "de_social_security": ("Sozialversicherungsnummer", "Rentenversicherungsnummer", "SV-Nummer"),
    "de_id_card": (
        "Personalausweis",
        "Ausweisnummer",
        "Personalausweis-Nr.",
        "Perso-Nr.",
        "carta d'identità n.",
        "ID document",
        "身份证件号码",
    ),
    "de_passport": (
        "Reisepass",
        "Reisepassnummer",
        "Pass-Nr.",
        "Pass Nr.",
        "passeport n°",
        "passaporto",
        "travel document",
    ),
    "fr_nir": ("numéro de sécurité sociale", "NIR", "n° de sécu"),
    "fr_siren": ("SIREN", "numéro SIREN"),
    "fr_siret": ("SIRET", "n° SIRET"),
    "it_fiscal_code": ("codice fiscale", "C.F."),
    "it_vat": ("partita IVA", "P. IVA"),
    "es_dni": ("DNI", "documento de identidad"),
    "es_nie": ("NIE", "número de extranjero"),
    "es_cif": ("CIF", "NIF de la empresa"),
    "es_nss": ("número de la Seguridad Social", "NSS"),
    "gb_nino": ("National Insurance number", "NI number", "NINO"),
    "gb_nhs": ("NHS number", "NHS no."),
    "us_ssn": ("social security number", "SSN"),
    "eu_vat": ("VAT number", "USt-IdNr.", "TVA intracommunautaire"),
    "imei": ("IMEI", "IMEI-Nummer", "Geräte-ID", "端末番号"),
    "iccid": ("ICCID", "SIM-Karte"),
    "vin": (
        "VIN",
        "FIN",
        "Fahrgestellnummer",
        "車台番号",
        "车架号",
        "numero di telaio",
        "n° de châssis",
        "número de bastidor",
    ),
    "plate_de": ("Kennzeichen", "registration", "amtl. Kennzeichen", "Kfz-Kz.", "Testwagen"),
    "plate_fr": ("immatriculation", "Kennzeichen"),
    "plate_it": ("targa", "number plate"),
    "plate_es": ("matrícula", "license plate"),
    "plate_jp": ("ナンバー", "登録番号", "Kennzeichen"),
    "plate_cn": ("车牌号", "车牌", "plate"),
    "plate_gb": ("registration", "number plate", "reg"),
    "gps_nmea": ("NMEA", "GPS-Rohdaten"),
    "gps_decimal": (
        "GPS",
        "position",
        "位置",
        "Koordinaten",
        "Fahrzeugstandort",
        "garé",
        "停车位置",
        "last known position",
    ),
    "gps_degrees": ("GPS", "coordinates", "座標", "Standort"),
    "gps_minutes": ("position", "Position", "坐标"),
}

SPLIT = Split(_DOCUMENTS, _FRAMES, _BARE, _LABELS)
