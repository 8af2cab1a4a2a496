"""Places on earth as numbers: decimal degrees, degrees with minutes, NMEA 0183, ISO 6709, geo URIs, plus codes, grids.

The type is GPS_COORDINATE for all of them: a position says where somebody is, whatever notation it stands in.

1. A pair of decimal degrees counts alone with five decimals each, in range, and when it is no piece of a longer list of
   numbers (embeddings, torque curves); with fewer, a word near it or a hemisphere (``48.14° N``).
2. A number behind its own name (``lat: 48.137``, ``緯度 35.68``) is found alone, without the name.
3. Degrees with minutes need a hemisphere: ``12°30'15"`` alone is an angle in a drawing.
4. NMEA sentences need their checksum; a sentence is one finding.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Final

from gateway.privacy.patterns.rule import Boundary, Proof, Rule

WORDS: Final = tuple(
    """gps|gnss|coordinates|coordinate|coords|position|location|geolocation|lat|lon|lng|latitude|longitude|latlng|
    latlon|waypoint|located|map|maps|geo|site|route|
    geofence|wgs84|wgs 84|geojson|koordinaten|koordinate|standort|breitengrad|längengrad|breite|
    länge|fundort|ort|einsatzort|gps-daten|coordonnées|latitude|emplacement|localisation|lieu|luogo|punto|lugar|
    coordinate gps|latitudine|longitudine|
    posizione|coordenadas|ubicación|latitud|longitud|posición|座標|緯度|経度|位置|地点|現場|所在地|
    位置情報|測位|现在地|現在地|坐标|
    纬度|经度|定位|位置信息|緯経度|经纬度|停車|駐車|場所|目的地|停放|停车|事发|位于|集合点|打卡|
    fahrzeugposition|fahrzeugstandort|geräteposition|abstellort|abstellposition|abgestellt|fundstelle|treffpunkt|
    aufenthaltsort|unfallort|pannenort|parkposition|geoposition|geokoordinaten|geodaten|wegpunkt|lagekoordinaten|
    übergabepunkt|haltepunkt|ladepunkt|zielkoordinaten|zielort|geparkt|parked|parking|breakdown|geotag|dropped pin|poi|
    last known|last seen|meeting point|géolocalisation|garé|garée|stationné|stationnée|rendez-vous|
    ubicazione|localizzazione|geolocalizzazione|parcheggiato|parcheggiata|parcheggio|ritrovo|localización|
    geolocalización|aparcado|aparcada|punto de encuentro|situado|situada""".replace("\n    ", "").split("|")
)

_IN_A_LIST: Final = re.compile(r"[0-9][ ]?[,;][ ]{0,2}\Z")
_LIST_GOES_ON: Final = re.compile(r"[ ]?[,;][ ]{0,2}[-+]?[0-9]{1,4}\.[0-9]")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,3}[.,][0-9]{1,15}")


def _in_range(first: float, second: float) -> bool:
    """Whether two numbers can be latitude and longitude, in either order."""
    low, high = sorted((abs(first), abs(second)))
    return low <= 90 and high <= 180


def _pair(text: str, start: int, end: int) -> tuple[float, float] | None:
    """Return the two numbers when they are in range, differ, and stand in no longer list."""
    if _IN_A_LIST.search(text[max(0, start - 4) : start]) or _LIST_GOES_ON.match(text, end, end + 12):
        return None
    numbers = [float(each.replace(",", ".")) for each in _FLOAT.findall(text[start:end])]
    if len(numbers) != 2 or not _in_range(*numbers) or numbers[0] == numbers[1]:
        return None
    return numbers[0], numbers[1]


def _decimal(text: str, start: int, end: int) -> Proof | None:
    pair = _pair(text, start, end)
    if pair is None or max(map(abs, pair)) < (10 if min(map(abs, pair)) < 0.5 else 2):
        return None  # fractions: probabilities, embeddings
    return Proof(start, end, "two decimal degrees in range")


def _decimal_near(text: str, start: int, end: int) -> Proof | None:
    """Two numbers below one are a tolerance (+0.08/-0.01), wherever a length is spoken of."""
    pair = _pair(text, start, end)
    return Proof(start, end, "two decimal degrees in range") if pair and max(map(abs, pair)) >= 1 else None


def _labelled(text: str, start: int, end: int) -> Proof | None:
    """Narrow ``lat: 48.13`` to its number."""
    held = _LABELLED_NUMBER.search(text, start, end)
    if held and text[start].lower() in "bl" and _GERMAN_WORD.match(text, start) and _is_a_length(text, held, end):
        return None
    if not held or abs(float(held[0].replace(",", "."))) > 180:
        return None
    return Proof(held.start(), end, "degrees in range, named")


_LABELLED_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,3}[.,][0-9]{2,15}\Z")


def _is_a_length(text: str, held: re.Match[str], end: int) -> bool:
    """German has one word for both: a position has four decimals or its hemisphere, and no unit of length."""
    if _LENGTH.match(text, end):
        return True
    return not _HEMISPHERE.match(text, end) and len(re.split("[.,]", held[0])[1]) < _DECIMALS_OF_POSITION


_DECIMALS_OF_POSITION: Final = 4
_GERMAN_WORD: Final = re.compile("(?:breite|länge)(?!ngrad|grad)", re.IGNORECASE)
_LENGTH: Final = re.compile(r"[ ]?(?:[mcdkµ]?m|inch|in|zoll|stück|kg)(?![a-z])", re.IGNORECASE)
_HEMISPHERE: Final = re.compile(r"[ ]?(?:°|[NSEWO](?![A-Za-z]))")


def _well_known_text(text: str, start: int, end: int) -> Proof | None:
    """Longitude comes first; the found span is what stands in the brackets."""
    inside = text.index("(", start) + 1
    longitude, latitude = (float(each) for each in text[inside : end - 1].split()[:2])
    holds = "." in text[inside:end] and abs(latitude) <= 90 and abs(longitude) <= 180
    return Proof(inside, end - 1, "ISO 19125-1") if holds else None


def _angles(text: str, start: int, end: int) -> Proof | None:
    """Check that degrees are up to 180, and minutes and seconds below 60."""
    for number, mark in _ANGLE_PARTS.findall(text[start:end]):
        value = float(number.replace(",", "."))
        if value > 180 if mark in "°º˚o度deg" else value >= 60:
            return None
    return Proof(start, end, "degrees, minutes and hemisphere in range")


_ANGLE_PARTS: Final = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,6})?)[ ]?(deg|[^0-9 ])")


def _nmea(text: str, start: int, end: int) -> Proof | None:
    """NMEA 0183 5.2.2: the checksum is XOR over all between ``$`` and ``*``; a position must stand there."""
    body, _, checksum = text[start + 1 : end].partition("*")
    holds = body.isascii() and reduce(xor, body.encode()) == int(checksum, 16)
    return Proof(start, end, "NMEA 0183 checksum") if holds and _NMEA_POSITION.search(body) else None


_NMEA_POSITION: Final = re.compile(r",[0-9]{4,5}\.[0-9]{1,8},[NSEW]")


def _iso6709(text: str, start: int, end: int) -> Proof | None:
    latitude, longitude = (part.partition(".")[0] for part in re.split("[-+]", text[start:end])[1:3])
    return Proof(start, end, "ISO 6709 annex H") if int(latitude[:2]) <= 90 and int(longitude[:3]) <= 180 else None


def _geo(text: str, start: int, end: int) -> Proof | None:
    numbers = [float(each) for each in re.findall(r"-?[0-9]{1,3}(?:\.[0-9]+)?", text[start + 4 : end])[:2]]
    return Proof(start, end, "RFC 5870") if len(numbers) == 2 and _in_range(*numbers) else None


def _plus_code(text: str, start: int, end: int) -> Proof | None:
    mixed = any(map(str.isdigit, text[start:end])) and any(map(str.isalpha, text[start:end]))
    return Proof(start, end, "open location code alphabet") if mixed else None


_MARK: Final = r"(?:[°º˚o]|[ ]?deg)"  # NFKC makes an o of º
_MINUTE: Final = "['′’´]"
_SECOND: Final = "(?:[\"″”“]|''|′′|’’)"
_DEGREES: Final = rf"[0-9]{{1,3}}[.,][0-9]{{2,10}}[ ]?{_MARK}?"
_BETWEEN: Final = "[ ,;/]{1,3}"
_MINUTES: Final = rf"[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})?[ ]?{_MINUTE}[ ]?"
_SECONDS: Final = rf"[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})?[ ]?{_SECOND}"
_KANJI_ANGLE: Final = (
    r"[緯纬経经][ ]?[0-9]{1,3}[°度][ ]?[0-9]{1,2}(?:\.[0-9]{1,6})?[′'分]"
    r"(?:[ ]?[0-9]{1,2}(?:\.[0-9]{1,6})?(?:″|\"|′′|''|秒))?"
)
_KANJI_DEGREES: Final = r"[緯纬経经][ ]?[0-9]{1,3}\.[0-9]{2,12}[°度]?"
_ANGLE: Final = rf"[0-9]{{1,3}}[ ]?{_MARK}[ ]?(?:{_MINUTES}(?:{_SECONDS})?)?"
_GEO: Final = r"-?[0-9]{1,3}(?:\.[0-9]{1,12})?"
_ALTITUDE: Final = r"(?:,-?[0-9]{1,5}(?:\.[0-9]{1,4})?)?"

RULES: tuple[Rule, ...] = (
    Rule(
        name="gps_decimal",
        type="GPS_COORDINATE",
        expression=r"[-+]?[0-9]{1,3}\.[0-9]{5,15}[ ]?[,;/][ ]{0,2}[-+]?[0-9]{1,3}\.[0-9]{5,15}",
        confirm=_decimal,
        family="positions",
        score=0.7,
        context=WORDS,
        context_score=0.95,
        against=("rmse", "mae", "mse", "loss", "std", "mean", "accuracy", "sigma", "cpk", "weights", "bbox"),
        reference="ISO 6709:2022 (decimal degrees)",
        example="48.471147, 11.147471",
    ),
    Rule(
        name="gps_decimal_near_word",
        type="GPS_COORDINATE",
        expression=(
            r"(?:[-+]?[0-9]{1,3}\.[0-9]{2,15}°?(?:[ ]?[,;/|][ ]{0,2}|[ ]-[ ])|[-+]?[0-9]{1,3}\.[0-9]{4,15}°?[ ]{1,2})"
            r"[-+]?[0-9]{1,3}\.[0-9]{2,15}"
        ),
        confirm=_decimal_near,
        family="positions",
        score=0.4,
        context=WORDS,
        context_score=0.85,
        needs_context=True,
        example="GPS 48.471, 11.147",
    ),
    Rule(
        name="gps_decimal_comma",
        type="GPS_COORDINATE",
        expression=(
            r"[-+]?[0-9]{1,3},[0-9]{3,15}°?(?:[ ]?[;/|][ ]{0,2}|,[ ]{1,2}|[ ]-[ ]|[ ]{1,2})[-+]?[0-9]{1,3},[0-9]{4,15}"
        ),
        confirm=_decimal_near,
        family="positions",
        score=0.4,
        context=WORDS,
        context_score=0.85,
        needs_context=True,
        example="Standort 48,4711 / 11,1474",
    ),
    Rule(
        name="gps_well_known_text",
        type="GPS_COORDINATE",
        expression=rf"point[ ]?z?[ ]?\([ ]?{_GEO}[ ]{_GEO}(?:[ ]{_GEO})?[ ]?\)",
        confirm=_well_known_text,
        caseless=True,
        boundary=Boundary.START,
        family="positions",
        score=0.85,
        context_score=0.95,
        reference="ISO 19125-1 (well-known text)",
        example="POINT(11.1474 48.4711)",
    ),
    Rule(
        name="gps_hemisphere",
        type="GPS_COORDINATE",
        expression=(
            rf"(?:{_DEGREES}[ ]?[NS]{_BETWEEN}{_DEGREES}[ ]?[EWO]|[NS][ ]?{_DEGREES}{_BETWEEN}[EWO][ ]?{_DEGREES})"
        ),
        family="positions",
        score=0.85,
        context=WORDS,
        context_score=0.95,
        reference="ISO 6709:2022",
        example="48.4711° N, 11.1474° E",
    ),
    Rule(
        name="gps_named",
        type="GPS_COORDINATE",
        expression=(
            r"(?:lat|lon|lng|long|latitude|longitude|gps_lat|gps_lon|breitengrad|längengrad|latitudine|longitudine"
            r"|geogr\.? breite|geogr\.? länge|geografische breite|geografische länge|geographische breite|"
            r"geographische länge|breite|länge|latitud|longitud"
            r"|緯度|経度|北緯|東経|南緯|西経|纬度|经度|北纬|东经|南纬|西经)"
            r"""[ "'.)\]|<>;]{0,4}(?:[:=→は为是]|ist|is|est|es|è)?[ ]{0,4}["'(\[|<]{0,2}[-+NSEWO]{0,2}[ ]?"""
            r"[0-9]{1,3}[.,][0-9]{3,15}"
        ),
        confirm=_labelled,
        caseless=True,
        family="positions",
        score=0.85,
        context=WORDS,
        context_score=0.95,
        example="lat: 48.47114",
    ),
    Rule(
        name="gps_degrees_minutes",
        type="GPS_COORDINATE",
        expression=rf"(?:{_ANGLE}[ ]?[NS](?:{_BETWEEN})?{_ANGLE}[ ]?[EWO]|[NS][ ]?{_ANGLE}{_BETWEEN}[EWO][ ]?{_ANGLE})",
        confirm=_angles,
        family="positions",
        score=0.95,
        context=WORDS,
        context_score=1.0,
        reference="ISO 6709:2022 annex D",
        example="48°28'16\"N 11°08'50\"E",
    ),
    Rule(
        name="gps_degrees_minutes_one",
        type="GPS_COORDINATE",
        expression=rf"[0-9]{{1,3}}[ ]?{_MARK}[ ]?{_MINUTES}(?:{_SECONDS})?[ ]?[NSEWO]",
        confirm=_angles,
        family="positions",
        score=0.85,
        context=WORDS,
        context_score=0.95,
        reference="ISO 6709:2022 annex D",
        example="48°28'16\"N",
    ),
    Rule(
        name="gps_degrees_kanji",
        type="GPS_COORDINATE",
        expression=rf"[北南]{_KANJI_ANGLE}[ 、,，]{{0,2}}[東东西]{_KANJI_ANGLE}",
        confirm=_angles,
        family="positions",
        score=0.95,
        context_score=1.0,
        example="北緯35度28分16秒 東経139度08分50秒",
    ),
    Rule(
        name="gps_degrees_kanji_decimal",
        type="GPS_COORDINATE",
        expression=rf"[北南]{_KANJI_DEGREES}[ 、,，]{{0,2}}[東东西]{_KANJI_DEGREES}",
        family="positions",
        score=0.95,
        context_score=1.0,
        example="北緯35.4711度 東経139.1474度",
    ),
    Rule(
        name="gps_nmea",
        type="GPS_COORDINATE",
        expression=r"\$G[PNLABQ](?:GGA|RMC|GLL|GNS),[0-9A-Z.,\-]{10,90}\*[0-9A-Fa-f]{2}",
        confirm=_nmea,
        family="positions",
        score=1.0,
        context_score=1.0,
        boundary=Boundary.NONE,
        reference="NMEA 0183 4.11",
    ),
    Rule(
        name="gps_iso6709",
        type="GPS_COORDINATE",
        expression=(
            r"[-+][0-9]{2}(?:[0-9]{2}){0,2}(?:\.[0-9]{1,8})?[-+][01][0-9]{2}(?:[0-9]{2}){0,2}(?:\.[0-9]{1,8})?"
            r"(?:[-+][0-9]{1,5}(?:\.[0-9]{1,3})?)?(?:CRS[A-Z0-9_]{1,12})?/"
        ),
        confirm=_iso6709,
        family="positions",
        score=0.85,
        context=WORDS,
        context_score=1.0,
        reference="ISO 6709:2022 annex H",
        example="+48.4711+011.1474/",
    ),
    Rule(
        name="gps_geo_uri",
        type="GPS_COORDINATE",
        expression=rf"geo:{_GEO},{_GEO}{_ALTITUDE}(?:;[a-z]{{1,8}}=[0-9A-Za-z.]{{1,16}}){{0,3}}",
        confirm=_geo,
        caseless=True,
        family="positions",
        score=0.95,
        context_score=1.0,
        reference="RFC 5870",
        example="geo:48.4711,11.1474;u=35",
    ),
    Rule(
        name="gps_plus_code",
        type="GPS_COORDINATE",
        expression=r"[2-9C][2-9CFGHJMPQRV][2-9CFGHJMPQRVWX]{6}\+[2-9CFGHJMPQRVWX]{2,3}",
        confirm=_plus_code,
        family="positions",
        score=0.75,
        context=(*WORDS, "plus code", "pluscode", "olc"),
        context_score=0.95,
        reference="Open Location Code",
        example="8FWH4HX8+QR",
    ),
    Rule(
        name="gps_plus_code_short",
        type="GPS_COORDINATE",
        expression=r"[2-9CFGHJMPQRVWX]{4}\+[2-9CFGHJMPQRVWX]{2,3}",
        confirm=_plus_code,
        family="positions",
        score=0.4,
        context=("plus code", "pluscode", "olc", "plus codes", "google maps"),
        needs_context=True,
        reference="Open Location Code",
        example="plus code 4HX8+QR",
    ),
    Rule(
        name="gps_mgrs",
        type="GPS_COORDINATE",
        expression=(
            "[0-9]{1,2}[C-HJ-NP-X][ ]?[A-HJ-NP-Z]{2}[ ]?(?:[0-9]{2}[ ]?[0-9]{2}|[0-9]{3}[ ]?[0-9]{3}"
            "|[0-9]{4}[ ]?[0-9]{4}|[0-9]{5}[ ]?[0-9]{5})"
        ),
        family="positions",
        score=0.4,
        context=(
            "mgrs",
            "utm",
            "utmref",
            "military grid",
            "grid reference",
            "grid ref",
            "gitter",
            "meldegitter",
            "座標",
            "坐标",
        ),
        needs_context=True,
        reference="NGA.STND.0037 (MGRS)",
        example="MGRS 32U PU 47114 71147",
    ),
    Rule(
        name="gps_utm",
        type="GPS_COORDINATE",
        expression=r"[0-9]{1,2}[C-HJ-NP-X][ ]{1,2}[0-9]{6}(?:\.[0-9]{1,3})?m?[ ,]{1,2}[0-9]{7}(?:\.[0-9]{1,3})?m?",
        family="positions",
        score=0.4,
        context=(
            "utm",
            "coordinates",
            "koordinaten",
            "coordonnées",
            "coordinate",
            "coordenadas",
            "座標",
            "坐标",
            "zone",
        ),
        needs_context=True,
        reference="NGA.STND.0037 (UTM)",
        example="UTM 32U 671147 5347114",
    ),
)
