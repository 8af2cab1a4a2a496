"""Makers of what vehicles and devices carry: VIN, plates of seven countries, positions, IMEI, ICCID."""

from __future__ import annotations

from functools import reduce
from random import Random

from invented.ids import digits, letters, luhn, spaced

_VIN_SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_VIN_VALUES = dict(zip("ABCDEFGH", range(1, 9), strict=True)) | dict(zip("JKLMN", range(1, 6), strict=True))
_VIN_VALUES |= {"P": 7, "R": 9} | dict(zip("STUVWXYZ", range(2, 10), strict=True)) | {str(d): d for d in range(10)}
_CHECKED_WMIS = ("1FT", "2HG", "3VW", "4T1", "5YJ", "LFV", "LSV", "LVS", "LHG")
_FREE_WMIS = ("WAU", "WBA", "WVW", "WDB", "VF1", "VF3", "ZFA", "ZAR", "VSS", "SAL", "JTD", "JHM", "TMB")


def vin(r: Random) -> str:
    """ISO 3779. North American (49 CFR 565.15) and Chinese (GB 16735) ones carry a check digit at place nine."""
    if r.random() < 0.5:
        return checked_vin(r.choice(_CHECKED_WMIS), r)
    wmi = r.choice(_FREE_WMIS)
    middle = "ZZZ" if r.random() < 0.5 and wmi[0] == "W" else letters(r, 3, _VIN_SIGNS)
    year = r.choice("ABCDEFGHJKLMNPRSTVWXY123456789")
    return wmi + middle + letters(r, 2, _VIN_SIGNS) + letters(r, 1, _VIN_SIGNS) + year + "N" + digits(r, 6)


def checked_vin(wmi: str, r: Random) -> str:
    year = r.choice("ABCDEFGHJKLMNPRSTVWXY123456789")
    body = wmi + letters(r, 5, _VIN_SIGNS) + "0" + year + r.choice("ACGLNT") + digits(r, 6)
    return body[:8] + vin_check_digit(body) + body[9:]


def vin_check_digit(body: str) -> str:
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(body, weights, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def plate_de(r: Random) -> str:
    """FZV § 9 and annex 1: district, one or two letters, four digits at most, eight signs in all; E electric."""
    district = r.choice("M B IN WOB S BB LEV HH KA DGF ERH EI ND GP".split())
    sign = letters(r, r.choice([1, 2]), "ABCDEFGHKLMNPRTUVWXY")
    number = str(r.randrange(1, 10 ** min(4, 8 - len(district + sign))))
    tail = r.choice(["", "", "", "E", "H"]) if len(district + sign + number) < 8 else ""
    return f"{district}{r.choice(['-', '-', ' '])}{sign}{r.choice(['', ' '])}{number}{tail}"


def plate_fr(r: Random) -> str:
    """SIV, arrêté du 9 février 2009: no I, O, U."""
    alphabet = "ABCDEFGHJKLMNPQRSTVWXYZ"
    parts = [letters(r, 2, alphabet.replace("S", "")), f"{r.randrange(1, 1000):03}", letters(r, 2, alphabet)]
    return r.choice(["-", "-", " "]).join(parts)


def plate_it(r: Random) -> str:
    """D.P.R. 610/1996: no I, O, Q, U."""
    alphabet = "ABCDEFGHJKLMNPRSTVWXYZ"
    return spaced(letters(r, 2, alphabet) + digits(r, 3) + letters(r, 2, alphabet), 2, 3, 2, by=r.choice(["", " "]))


def plate_es(r: Random) -> str:
    """Orden de 15 de septiembre de 2000: no vowels, Ñ, Q."""
    return f"{digits(r, 4)}{r.choice([' ', '-', ''])}{letters(r, 3, 'BCDFGHJKLMNPRSTVWXYZ')}"


def plate_jp(r: Random) -> str:
    """Office, class, kana, serial."""
    office = r.choice("品川 横浜 名古屋 豊田 浜松 広島 足立 なにわ 福岡 宇都宮 湘南 三河".split())
    kind = r.choice(["300", "330", "500", "580", "100", "480", "33", "55"])
    kana = r.choice("あいうえかきくけこさすせそたちつてとなにぬねのはひふほまみむめもやゆよらりるろ")
    number = f"{r.randrange(10, 99)}-{r.randrange(10, 99)}"
    return r.choice([f"{office} {kind} {kana} {number}", f"{office}{kind}{kana}{number}"])


def plate_cn(r: Random) -> str:
    """GA 36: province, office, five signs; new-energy vehicles have six."""
    province, office = r.choice("京沪粤苏浙鲁吉鄂渝川"), r.choice("ABCDEFG")
    signs = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    tail = r.choice([f"{r.choice('DF')}{digits(r, 5)}", letters(r, 1, signs) + digits(r, 4), digits(r, 5)])
    return f"{province}{office}{r.choice(['·', '', '-'])}{tail}"


def plate_gb(r: Random) -> str:
    """DVLA INF104: memory tag, age identifier, three letters without I and Q."""
    area = r.choice("ABCDEFGHKLMNOPRSVWY") + r.choice("ABCDEFGHJKLMNOPRSTUVWXY")
    age = r.choice([r.randrange(2, 26), r.randrange(51, 76)])
    return f"{area}{age:02}{r.choice([' ', ' ', ''])}{letters(r, 3, 'ABCDEFGHJKLMNOPRSTUVWXYZ')}"


def gps_decimal(r: Random) -> str:
    latitude, longitude = r.uniform(-58, 68), r.uniform(-179, 179)
    places = r.choice([5, 6, 6, 7])
    return f"{latitude:.{places}f}{r.choice([', ', ',', ' / '])}{longitude:.{places}f}"


def gps_degrees(r: Random) -> str:
    """Degrees, minutes, seconds (ISO 6709 annex D)."""
    one = f"{r.randrange(1, 66)}°{r.randrange(60):02}'{r.uniform(0, 59):04.1f}\"{r.choice('NS')}"
    two = f"{r.randrange(1, 178)}°{r.randrange(60):02}'{r.uniform(0, 59):04.1f}\"{r.choice('EW')}"
    return one + r.choice([" ", ", "]) + two


def gps_minutes(r: Random) -> str:
    one = f"{r.choice('NS')} {r.randrange(1, 66)}° {r.uniform(0, 59.9):06.3f}'"
    return f"{one} {r.choice('EW')} {r.randrange(1, 178):03}° {r.uniform(0, 59.9):06.3f}'"


def gps_nmea(r: Random) -> str:
    """A GGA sentence of NMEA 0183 with its checksum."""
    latitude = f"{r.randrange(1, 66):02}{r.uniform(0, 59.9):07.4f},{r.choice('NS')}"
    longitude = f"{r.randrange(1, 178):03}{r.uniform(0, 59.9):07.4f},{r.choice('EW')}"
    time = f"{r.randrange(24):02}{r.randrange(60):02}{r.randrange(60):02}.00"
    body = f"{r.choice(['GP', 'GN'])}GGA,{time},{latitude},{longitude},1,08,0.9,{r.uniform(5, 900):.1f},M,46.9,M,,"
    return f"${body}*{reduce(lambda total, sign: total ^ ord(sign), body, 0):02X}"


def imei(r: Random) -> str:
    text = luhn(r.choice(["35", "86", "01"]) + digits(r, 12))
    return r.choice([text, text, spaced(text, 2, 6, 6, 1, by="-")])


def iccid(r: Random) -> str:
    """ITU-T E.118: 89, country, issuer, account, Luhn."""
    return luhn("89" + r.choice(["49", "81", "86", "33", "39", "34", "44"]) + digits(r, r.choice([14, 15])))


VEHICLES = {m.__name__: m for m in (vin, plate_de, plate_fr, plate_it, plate_es, plate_jp, plate_cn, plate_gb)}
POSITIONS = {m.__name__: m for m in (gps_decimal, gps_degrees, gps_minutes, gps_nmea)}
DEVICES = {m.__name__: m for m in (imei, iccid)}
