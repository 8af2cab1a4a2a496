"""Addresses of many countries, as letters, chats and forms have them; and what plants have that looks like them."""

from __future__ import annotations

import pytest

from gateway.privacy.names.addresses import TOLD, TOLD_KEYS, addresses


def found(text: str) -> set[str]:
    return {text[span.start : span.end] for span in addresses(text)}


def covers(text: str, value: str) -> bool:
    start = text.index(value)
    return any(span.start <= start and span.end >= start + len(value) for span in addresses(text))


ADDRESSES = [
    ("We left 2/45 Banksia Street, Brunswick VIC 3056", "2/45 Banksia Street, Brunswick VIC 3056"),
    ("14 Kowhai Road, Mount Eden, Auckland 1024", "14 Kowhai Road, Mount Eden, Auckland 1024"),
    ("It is 77 King St West, Unit 1204, Toronto, ON M5K 1G8", "77 King St West, Unit 1204, Toronto, ON M5K 1G8"),
    ("Wohnhaft in der Hofgasse 3/2/14, 1010 Wien.", "Hofgasse 3/2/14, 1010 Wien"),
    ("Postfach 12 34, 70123 Stuttgart", "Postfach 12 34, 70123 Stuttgart"),
    ("BP 1234, 44000 Nantes Cedex 1", "BP 1234, 44000 Nantes Cedex 1"),
    ("Rue de la Colline 16, 1000 Bruxelles", "Rue de la Colline 16, 1000 Bruxelles"),
    ("Kerkstraat 25 bus 3, 9000 Gent", "Kerkstraat 25 bus 3, 9000 Gent"),
    ("Molengracht 63-H, 1016 GV Amsterdam", "Molengracht 63-H, 1016 GV Amsterdam"),
    ("Piazza dei Tigli 5/B, 10123 Torino", "Piazza dei Tigli 5/B, 10123 Torino"),
    ("C/ Olmos, 120, 2º 1ª, 08008 Barcelona", "C/ Olmos, 120, 2º 1ª, 08008 Barcelona"),
    ("Rua das Flores 274, 3.º Esq., 1100-053 Lisboa", "Rua das Flores 274, 3.º Esq., 1100-053 Lisboa"),
    ("Møllegade 12, 2. tv, 1620 København V", "Møllegade 12, 2. tv, 1620 København V"),
    ("Skogsgatan 44, 111 35 Stockholm", "Skogsgatan 44, 111 35 Stockholm"),
    ("Koivutie 12 B 34, 00100 Helsinki", "Koivutie 12 B 34, 00100 Helsinki"),
    ("ul. Lipowa 84/92 m. 15, 00-514 Warszawa", "ul. Lipowa 84/92 m. 15, 00-514 Warszawa"),
    ("Room 1203, Building 5, 99 Linden West Road, Shanghai", "Room 1203, Building 5, 99 Linden West Road, Shanghai"),
    ("Unit 5, 18 Low Parade\nWellington 6011\nNew Zealand", "Unit 5, 18 Low Parade\nWellington 6011\nNew Zealand"),
    ("The parcel went to 9 Hlíðarvegur 25, Kópavogur.", "9 Hlíðarvegur 25, Kópavogur"),
    ("my address is 55 elm street, springfield, il 62704", "55 elm street, springfield, il 62704"),
    ("i live at 221b weaver street, london nw1 6xe", "221b weaver street, london nw1 6xe"),
    (">Ida Holm\n>44 Sol 72\n>Apt. 316\n>Vordal\n>Denmark 29587", "44 Sol 72\n>Apt. 316\n>Vordal\n>Denmark 29587"),
    ("She is on Larkspur Boulevard near the bank.", "Larkspur Boulevard"),
    ("Elle habite rue des Tisserands.", "rue des Tisserands"),
    ("Er wohnt in der Schmiedgasse.", "Schmiedgasse"),
    ("Vivo en la calle Almendros.", "calle Almendros"),
    ("Meet at the corner of Elm and 5th Street.", "corner of Elm and 5th Street"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ADDRESSES)
def test_an_address_is_found_whole(text: str, value: str) -> None:
    assert covers(text, value)


QUIET = [
    "The sensor is located at Gate 4, Hall 2.",
    "Move from 12 Nm to 14 Nm and send the result to Line 4, Station 20.",
    "Deliver to Dock 7, 40 pieces, 12 pallets.",
    "The value is at 80 C, 12 Bar. Room temperature is at 21 Degrees 50 Percent.",
    "10 Test Unit 4 12000 pcs",
    "20 Kabel Box 12 44210",
    "3 Flansch, Germany",
    "12 Brackets, Italy, 400 pcs",
    "2024 Audit Report 3, Unit 7, 20240 lines",
    "During 1998 it ran; Measuring 12, Spring 44, Engineering 3.",
    "Livré à Quai 4, Zone 12, 12000 vis.",
    "Ship to Customer 4711, Order 90210.",
    "Umgezogen von Halle 3 nach Halle 5, Platz 12.",
    "The torque drive moved to Position 12, Angle 90.",
]


@pytest.mark.parametrize("text", QUIET)
def test_a_part_and_its_place_are_no_address(text: str) -> None:
    assert found(text) == set()


def test_what_announces_a_mailbox_is_no_part_of_an_address() -> None:
    assert found("Calle Olmos, 7, 28001 Madrid E-mail: x") == {"Calle Olmos, 7, 28001 Madrid"}
    assert found("Lindenweg 7, 80331 München Fax 0") == {"Lindenweg 7, 80331 München"}


def test_a_name_above_an_address_is_no_part_of_it() -> None:
    assert found("Billing address: Ulla Rask\n    28 Puistotie 82 Apt. 595\n    Lohja\n    53650") == {
        "28 Puistotie 82 Apt. 595\n    Lohja\n    53650"
    }


@pytest.mark.parametrize(
    "text", ["is at 1 A " * 20_000, "1 A, " * 40_000, "12 Street " * 20_000, "1\n" * 100_000, "weg 1 " * 30_000]
)
def test_addresses_take_time_in_proportion(text: str) -> None:
    assert sum(1 for _ in addresses(text)) <= len(text)


WAYS = (
    "via|Viale|V.LE|Piazza|P.zza|piazzale|P.le|Corso|c.so|Largo|Vicolo|Contrada|Lungomare|Calle|C/|avenida|Avda.|Avd|"
    "Av.|Plaza|Pza.|PASEO|Carretera|Ctra.|Ronda|TRAVESÍA|Camino|Glorieta|Rambla|Passeig|Carrer|Urbanización|Pº|Pg.|vİa"
)


@pytest.mark.parametrize("way", WAYS.split("|"))
def test_every_way_of_the_south_is_looked_for(way: str) -> None:
    assert covers(f"Si trova in {way} Garibaldi 4, 10122 Torino.", "Garibaldi 4, 10122 Torino")


TOLD_TEXTS = (
    "She lives in|He lived in|living in|I live in|resides in|I reside in|resided in|residing in|Born in|raised in|"
    "grew up in|grown up in|based in|I'm in|I am in|originally from|Moved here from|flew to|travelled to|traveled to|"
    "travelling to|flying to|wohnt in|Wohne in|wohnhaft in|geboren in|aufgewachsen in|habite à|habitant à|né à|Née à|"
    "née à|vive a|Vive en|vive in|nato a|Nata a|nacido en|Nacida en|residente en|residente a|residente in|"
    "domiciliado en|domiciliada en|natural de"
)


@pytest.mark.parametrize("told", TOLD_TEXTS.split("|"))
def test_every_form_of_telling_where_somebody_is_has_a_key(told: str) -> None:
    text = f"X {told} Springfield"
    assert TOLD.search(text) and any(key in text for key in TOLD_KEYS)


@pytest.mark.parametrize("text", ["张江路88号", "浦东大道88号", "京都府京都市中京区寺町通12", "愛知県豊田市1-1"])
def test_districts_and_house_numbers_of_the_east_are_looked_for(text: str) -> None:
    assert found(f"住所は {text} です") == {text}
