"""Documents of a plant in which nothing stands: nothing may be found in them."""

from __future__ import annotations

import pytest

from gateway.privacy.patterns import devices, marks, plant, plates, positions, secrets, vehicles
from gateway.privacy.patterns.scan import Patterns, Plan

FAMILIES = (vehicles, plates, positions, devices, plant, secrets, marks)

DOCUMENTS = {
    "list of parts": """Pos;Teilenummer;Benennung;Menge;ME;Werkstoff
10;5Q0 615 301 F;Bremsscheibe belüftet;2;ST;EN-GJL-250
20;8W0-698-151-BX;Belagsatz;1;SA;FER4721
30;N 911 067 02;Sechskantschraube M10x1,25x35;4;ST;10.9 DIN EN ISO 4014
40;WHT 005 437 A;Mutter;4;ST;DIN EN 1661
50;A2C53389941-10;Steuergerät;1;ST;HW 04 SW 0371
60;1K0 407 271 AB 0012345;Gelenkwelle;1;ST;42CrMo4
PA-GF 30, PE-HD 100, EN AW-6082 T6, EN-AW 6082, X5CrNi18-10, S355J2+N, 16MnCr5
Order 4500017892 / item 00010, delivery 8000471147, material 000000000010047114
Drawing 3C-8471-AB-123-CD rev C, SAP 1000471147, lot L230911A, batch 0004711471""",
    "torque table": """step  angle[deg]  torque[Nm]  target
1  12.34567  45.67891  50.00000
2, 13.00471, 46.11471, 51.00000
[0.47114, 0.11471, 0.99871, -0.12345]
3000 RPM, 1500 MHZ, 1200 PCS, M 8 x 25, M10-6g, R 12.5, Ø 12 H7 / h6
tightening 25 Nm + 90°, angle 12°30'15", taper 7/24, IT 7, DN 50 PN 16""",
    "code": """commit 3f786850e387550fdab836ed7e6dc881de23001b (HEAD -> main, tag: v2.14.0-rc1)
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
id: 550e8400-e29b-41d4-a716-446655440000  2026-11-22T02:16:21.114711Z
version 4.7.11-alpha+001, python3.11, hyperscan==0.9.1
class Level(Enum): PUBLIC = 1; INTERNAL = 2; CONFIDENTIAL = 3
#define SECRET_KEY_LEN 32
password = os.environ["DB_PASSWORD"]; token = request.headers.get("Authorization")
def login(user: str, password: str) -> Token: ...
SELECT * FROM PUBLIC.orders WHERE secret IS NULL;""",
    "schema": """{"type": "object", "required": ["password", "vin"], "properties": {
"password": {"type": "string", "minLength": 8}, "token": {"type": "string"}, "api_key": {"type": "string"},
"latitude": {"type": "number", "minimum": -90}, "longitude": {"type": "number", "maximum": 180.0},
"vin": {"type": "string", "pattern": "^[A-HJ-NPR-Z0-9]{17}$"}, "imei": {"type": "string", "maxLength": 15},
"employee_id": {"type": "string"}, "license_plate": {"type": "string"}, "classification": {"enum": ["a", "b"]}}}""",
    "log": """2026-11-22 02:16:21,471 INFO [worker-3] com.acme.mes.Order - order 4711471147114711 done in 471 ms
HTTP/1.1 500 INTERNAL SERVER ERROR; token_count=512 max_tokens: 4096 tokens=128
0x7FFD 0000471A: 48 65 6C 6C 6F 20 57 6F 72 6C 64 21 0D 0A 47 11 |Hello World!..|
CAN 0x18FEF100 [8] FF FF 00 47 11 47 11 FF  P0420 U0100-87 C1234 B10AF
DTC 9E2F17 (0x9E2F17) ECU 5WY7654A HW:04 SW:0371, pin 3: GND, pin 4: 12V
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk
AB12CDE34FGH56789  ZX81QWERTY0047114 00471147114711471147""",
    "German report": """8D-Report: Bei der Prüfung wurde ein Riss am Bauteil 5Q0 615 301 F festgestellt. Halle B 12,
Linie L 3.
Die Unterlagen sind vertraulich zu behandeln. Interner Code R-AB 12. Das Passwort kann im Portal zurückgesetzt werden.
Passwort: vergessen? Personalnummer wird im Formular eingetragen. Norm DIN EN 1234, VDI 2230, ISO/TS 16949, VDA 6.3.
Das Fahrzeug wurde geprüft mit M 8 x 25 und S 355 J2.""",
    "Japanese note": """本図面の公差はJIS B 0405-mによる。部品番号 90118-WB471、材質 SUS304、板厚1.2mm。
機密保持契約に基づき、社外秘の資料は持ち出し禁止。
型式 DBA-ZVW30、品番 4711-0471-12。ロット番号 20260311-04、最新A12345版。パスワードを入力してください。
車両の試験は2026年11月に実施。""",
    "Chinese note": """零件号 5Q0615301F,最新B12345版本,批次号20260311。本合同内容保密,双方应遵守保密协议。密码错误,
请重新输入密码。
车辆测试于2026年进行。加工号:471147,设备编号 A-471。""",
    "English mail": """The meeting was confidential, and internal staff only. Please keep the password secret. The
step is 3A.
Bearer token authentication uses the Authorization header. Basic information about the gearbox XR-471-AB is attached.
Torque spec: 4711 NM in the vehicle test. Van delivery of 1234 PCS. Registration of 12 users. Room A12 BCD?
The registration form has 3 pages; registered 5 items; gate 3 A; type AB-123-CD; car park level 2 B.""",
    "French and Italian": """Réf. AB-123-CD, pièce 8W0 698 151. Le mot de passe est requis. Position du vérin: 12,5
mm; couple 45,67 Nm.
Codice AB 123 CD, disegno 471147. La macchina matricola 47114 è ferma. La password è obbligatoria. Posizione 3.""",
}


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return Patterns(Plan(rule for family in FAMILIES for rule in family.RULES))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_is_found_where_nothing_stands(patterns: Patterns, name: str) -> None:
    text = DOCUMENTS[name]
    assert [(text[span.start : span.end], span.source) for span in patterns.find([text], lambda: None)[0]] == []


def test_every_rule_finds_its_example(patterns: Patterns) -> None:
    patterns.self_test()
