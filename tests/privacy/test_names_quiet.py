# ruff: noqa: E501 - documents are told as they stand
"""Code, logs, schemas, part lists, torque tables, columns: what holds no name and no address, with the real models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare

Find = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    folder = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    names = Names(Models(folder))
    return lambda text: {text[span.start : span.end] for span in names.find([text], lambda: None)[0]}


CODE = [
    "class Gripper(Tool):\n    MAX_FORCE = 240\n\n    def close(self, width: float) -> Status:\n        return Status.OK",
    "import { Router } from 'express';\nconst app = Router();\napp.get('/Parts/:id', async (Req, Res) => Res.json(Part));",
    'public static void main(String[] args) {\n    Conveyor belt = new Conveyor("Halle");\n    belt.Start();\n}',
    "#include <Servo.h>\nServo Arm;\nvoid setup() { Arm.attach(9); Serial.begin(9600); }",
    "SELECT Station, Torque FROM Results WHERE Line = 'L4' AND Created > '2027-01-04' ORDER BY Station;",
    "IF Druck > 4.5 THEN\n  Ventil_Auf := FALSE;\n  Meldung := 'Druck zu hoch';\nEND_IF;",
    "N10 G90 G54\nN20 T3 M6 (Schaftfräser D12)\nN30 S4200 M3\nN40 G0 X12.5 Y-40.2 Z5",
    '  File "/srv/mes/Loader.py", line 88, in Load\n    raise Timeout(Queue)\nTimeoutError: Queue Paint is full',
    "fn torque(&self) -> Option<Newton> { self.last.map(Newton::from) }",
    'services:\n  broker:\n    image: registry/Broker:4.2\n    ports: ["1883:1883"]\n    restart: always',
    'FROM debian:12-slim\nRUN apt-get install -y Mosquitto\nCMD ["Mosquitto", "-c", "/etc/Broker.conf"]',
    'git commit -m "Fix Gantry homing" && git push origin Release/4.2',
]
DATA = [
    '{"Part": "Halter links", "Norm": "DIN 7991", "Menge": 250, "Werk": "W04", "Lager": {"Regal": "B", "Fach": 12}}',
    '{"type": "object", "properties": {"Operator": {"type": "string"}, "City": {"type": "string", "maxLength": 40}}}',
    '<Order><Item No="40">Flansch</Item><Unit>Stk</Unit><Plant>Werk 2</Plant></Order>',
    "Artikel;Bezeichnung;Menge;Einheit;Lagerort\n4711;Kugellager 6204;120;Stk;Halle 3\n4712;Kappe schwarz;40;Stk;Halle 3",
    "Station,Result,Torque,Angle,Unit\nST110,OK,42.1,90,Nm\nST120,NOK,12.7,30,Nm",
    "| Pos | Schraube | Moment | Winkel |\n| --- | --- | --- | --- |\n| 10 | M8x25 | 24 Nm | 90° |\n| 20 | M10x40 | 49 Nm | 180° |",
    "Pos.\tBenennung\tStück\tNorm\n1\tZylinderstift\t4\tISO 8734\n2\tPassfeder\t1\tDIN 6885",
    "10  Halter links      8H0 414 011 Z    250 Stk   12,40 EUR\n20  Dichtring         N 502 343 16     400 Stk    0,35 EUR",
    "Réf. 5M0 746 121 vis de purge, quantité 40, prix 3,20 EUR\nRéf. N 990 114 02 rondelle, quantité 400",
    "Nomenclature, indice 7.4.11\nRéf. 5M0 746 121 vis de purge, quantité 40",
    "Codice 3C0 906 093 staffa destra, quantità 120, lotto L560307\nCodice N 044 771 anello, quantità 900",
    "Referencia 1K0 615 301 disco de freno, cantidad 60, lote 4471, importe 910,00 EUR",
    "品番 8K0 614 517　ホルダー　数量 40　単価 1,250 円",
    "物料号 4N0 907 801　支架　数量 300　单价 12.5 元",
    "Anzugsmoment M12x80 10.9: 110 Nm + 90°, Reihenfolge 1 bis 8, Prüfung mit Klasse A nach VDI 2862",
]
LOGS = [
    "2027-03-04 06:12:44,180 INFO  [Scheduler] Job Paint-7 started on Node W2, Queue Primer, Worker Delta",
    "2027-03-04T06:12:45Z WARN plc.Halle2 Antrieb M4 meldet Temperatur 81 C, Grenzwert 80 C",
    "Mar  4 06:12:44 mes-02 kernel: usb 1-4: Product: Barcode Scanner, Manufacturer: Datalogic",
    "[06:12:44] ERROR Greifer: Vakuum nicht erreicht (Soll 600 mbar, Ist 412 mbar)",
    "E0447 Spindle Overload Axis Z Load 141 % Program O1201 Block N340",
]
PROSE = [
    "The ECU was flashed twice; the PFMEA and the Control Plan still show the old revision.",
    "Die Vorrichtung an Linie 4 wurde getauscht, weil Dichtung und Lager in Halle 2 verschlissen waren.",
    "Bitte Lieferschein und Prüfprotokoll zur Charge beilegen; Wareneingang prüft Menge und Kennzeichnung.",
    "Le gabarit de la ligne 3 a été remplacé, la Commande part demain avec le Bon de livraison.",
    "Il cambio e la guarnizione della linea 2 sono fuori tolleranza; il Reparto qualità decide domani.",
    "El Pedido sale hoy y la Factura mañana; la Bomba de la línea 5 queda en garantía.",
    "The Supplier Quality team lives in SAP; the dashboard is based in Grafana and the alarms come from Port 8080.",
    "Freundliche Grüße\nAbteilung Wareneingang",
    "Regards,\nSupplier Quality Team",
    "Hello Team, please see the Release Notes. Address: Register 40001, Offset 12.",
]


@pytest.mark.parametrize("text", CODE + DATA + LOGS + PROSE)
def test_nothing_is_found_where_nobody_is_named(find: Find, text: str) -> None:
    assert find(text) == set()


KEPT = [
    ("Ingrid Halvorsen;Werk 2;4711;Frühschicht", "Ingrid Halvorsen"),
    ('2027-03-04 06:12:44 INFO login user="x" name=Thomas Lindner', "Thomas Lindner"),
    ("10;Prüfung;Ansprechpartner: Jana Wolf;Werk 2", "Jana Wolf"),
    ("Gemeldet von: Harald Brinkmann, Ausweis 65894301, Telefon 0841 558812", "Harald Brinkmann"),
    ("> Deborah Whitfield wrote:", "Deborah Whitfield"),
    ("The patient, Moira O'Dwyer, born 9 May 1971, lives at 31 Oak Lane, Dover CT16 1QT.", "Moira O'Dwyer"),
    ("@Markus Weber kannst du das prüfen?", "Markus Weber"),
    ("PLZ: 86150", "86150"),
    ("Wohnort: Augsburg", "Augsburg"),
    ("She was born in Lindfors and grew up there.", "Lindfors"),
    ("Mit freundlichen Grüßen\nKarsten Öhlschläger", "Karsten Öhlschläger"),
]


@pytest.mark.parametrize(("text", "value"), KEPT)
def test_a_cue_or_a_full_name_is_found_there_too(find: Find, text: str, value: str) -> None:
    assert value in find(text)
