"""Addresses by their form: a street with its house number, a postcode with its town; in seven languages.

What needs no model: ``Lindenstraße 12a, 80331 München``, ``Am Anger 3, 07743 Jena``, ``14 rue des Lilas, 69003
Lyon``, ``Via Garibaldi 4, 10122 Torino``, ``Calle Mayor 7, 28013 Madrid``, ``12 Rosewood Avenue``,
``東京都港区芝浦3-1-21``, ``上海市浦东新区张江路88号``.
The street decides; postcode and town are taken along when they follow.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex  # type: ignore[import-untyped]

from gateway.privacy.span import Span

_U = r"\p{Lu}[\p{L}'’\-]{1,30}"
_NUMBER = r"\d{1,4}(?:[ ]?[a-zA-Z](?![\p{L}]))?(?:[ ]?[-/][ ]?\d{1,4})?"
_PLACE = (
    rf"(?:[ ]?[,\n][ ]?|[ ]|[ ]-[ ])(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ ]{_U}"
    rf"(?:[ ](?:am|an der|im|sur|sous|de|del|di|la|le|{_U})(?![\p{{L}}])){{0,3}}"
)
_GERMAN = (
    r"(?:\p{Lu}[\p{L}\-]{1,30}(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm|ufer|"
    r"graben|steig|"
    r"chaussee|stieg|hof|markt)"
    rf"|{_U}[ ](?:Straße|Strasse|Str\.|Weg|Platz|Allee|Ring|Damm|Ufer|Gasse)"
    rf"|(?:Straße|Platz)[ ](?:der|des)[ ]{_U}(?:[ ]{_U})?)[ ]{_NUMBER}"
)
_SMALL = rf"(?:Am|Im|An der|An den|Auf dem|Auf der|In der|In den|Zum|Zur|Beim|Unter den|Hinter der)[ ]{_U}[ ]{_NUMBER}"
_FRENCH = (
    rf"\d{{1,4}}(?:[ ]?(?:bis|ter))?[, ]{{1,2}}"
    r"(?i:rue|avenue|av\.|boulevard|bd|place|chemin|route|impasse|allée|quai|cours)"
    rf"(?:[ ](?:de|du|des|de la|de l'|d'|la|le|les|l'))?[ ]?{_U}(?:[ ](?:de|du|des|la|{_U})(?![\p{{L}}])){{0,4}}"
)
_SOUTHERN = (
    r"(?i:via|viale|v\.le|piazza|p\.zza|corso|c\.so|largo|vicolo|calle|c/|avenida|avda\.?|plaza|paseo|"
    r"carretera|ronda|travesía|camino)"
    rf"[ ](?:(?:de|del|della|dei|delle|di|la|las|los|el|San|Santa)[ ]){{0,3}}{_U}"
    rf"(?:[ ](?:de|del|la|di|e|y|{_U})(?![\p{{L}}])){{0,4}}"
    rf"[ ]?,?[ ]?(?:n[º°.]?[ ]?|nº[ ]?)?{_NUMBER}(?:[ ]?,[ ]?\d{{1,2}}[ºª°]?[ ]?[A-Za-z]?(?![\p{{L}}]))?"
)
_ENGLISH = (
    rf"\d{{1,5}}[ ](?:{_U}[ ]){{1,4}}(?:Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Ln\.?|Drive|Dr\.|"
    r"Boulevard|Blvd\.?|Court|Close|"
    r"Crescent|Terrace|Way|Place|Square|Parkway|Highway|Hwy\.?|Trail|Circle)(?![\p{L}])"
)
_WESTERN = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}])(?:(?:{_GERMAN}|{_SOUTHERN}|{_FRENCH}|{_ENGLISH})(?:{_PLACE})?|{_SMALL}{_PLACE})(?![\p{{N}}])"
)
_K = "一-鿿々ヶケノ"
_EASTERN = regex.compile(
    rf"(?:(?:東京都|北海道|大阪府|京都府|[{_K}]{{2,3}}県)[ ]?[{_K}]{{1,7}}[市区郡町村][{_K}ァ-ヺぁ-んー]{{0,15}}[ ]?"
    rf"\d{{1,4}}(?:(?:丁目|番地?|号|-)\d{{0,4}}){{0,6}}(?:号(?:室)?)?"
    rf"|(?:[一-鿿]{{2,8}}(?:省|自治区))?[一-鿿]{{2,6}}市[一-鿿]{{1,10}}[区县市镇]"
    r"[一-鿿]{1,14}(?:路|街|道|大道|巷|弄|村)[一-鿿]{0,4}\d{1,5}(?:号|弄)?"
    r"(?:\d{1,4}(?:号楼|栋|幢|楼|单元|室|弄|号)){0,4}"
    rf"|[一-鿿]{{1,14}}(?:路|大道|大街)\d{{1,5}}号(?:\d{{1,4}}(?:号楼|栋|幢|楼|单元|室)){{0,4}})"
)
_HOUSE = regex.compile(r"\d")
_HAN = regex.compile(r"[一-鿿]")


def addresses(text: str) -> Iterator[Span]:
    """Yield the addresses whose form says so, in order of their start within each script."""
    if not _HOUSE.search(text):
        return
    for match in _WESTERN.finditer(text):
        yield Span(match.start(), match.end(), "LOCATION", 0.85, "cue:address", check="street and house number")
    if _HAN.search(text):
        for match in _EASTERN.finditer(text):
            yield Span(match.start(), match.end(), "LOCATION", 0.85, "cue:address", check="district and house number")
