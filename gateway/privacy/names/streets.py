"""What belongs to a street that was found: unit and door around it, code, town, state, country behind it; and streets
that are told without a number.

``Vesterbrogade 12`` goes on as ``, 2. tv, 1620 København V``; ``45 Banksia Street`` begins with ``Unit 2, `` and
goes on as ``, Brunswick VIC 3056, Australia``. A town alone belongs to it behind a comma, where the clause ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.privacy.names.countries import countries_in

_U = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĢĪĮİŁŃŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽΆ-ΏΑ-ΫЀ-Я"
_L = r"[^\W\d_]"
NOT_PARTS = (
    r"(?!(?:\p{L}*[Dd]icht|Kolben|Spreng|Feder|O-|\p{L}*[Ss]icherungs|Wellen|Gleit|\p{L}*[Ll]ager|Stütz|Klemm|Spann|"
    r"Zahn|Schleif|"
    r"Abstreif|Distanz|Pass|Einstell|Simmer|Innen|Außen|Mess|Fahr|Verfahr|Hub|Schalt|Signal|Werkzeug|Arbeits|Transport|"
    r"Rück|Flucht|Rettungs|Liefer|Versand|Stell|Park|Lade|Montage|Prüf|Steck|Speicher|Ein|Kran|Bau|Bahn|Betriebs|"
    r"Absatz|Stau|"
    r"Schraub|Ventil|Luft|Kabel|Rohr)(?:-?ring|-?weg|-?platz|-?hof|-?markt|-?damm|-?steig|-?graben)\b)"
)
"""What a street's word does not begin with: parts of machines and plants end as streets do (``Dichtring 12``)."""
_TOWN_SMALL = (
    r"(?:am|an der|ob der|im|sur|sous|de|del|della|di|do|da|dos|la|le|les|el|los|las|upon|v\.?d\.?|a\.?d\.?|nad|pod|"
    r"près|lès)"
)
_CONTACTS = (
    r"(?!(?i:tel|telf|tel[ée]fono|t[eé]l[eé]phone|telefon|tfno|fax|e-?mail|mail|correo|courriel|phone|mobile?|handy|"
    r"web|http)(?!\w))"
)
_WORD = rf"(?:{_CONTACTS}[{_U}]{_L}+(?:[-'’.]{_L}+)*\.?)"
_TOWN = rf"{_WORD}(?:[ ](?:{_TOWN_SMALL}[ ]){{0,2}}{_WORD}){{0,3}}"
_CODE = (
    r"(?:(?:[A-Z]{1,3}-)?\d{4,6}(?:-\d{3,4})?|\d{4}[ ][A-Z]{2}|\d{2}-\d{3}|\d{3}[ ]\d{2}|\d{3}-\d{4}|"
    r"[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d)(?![\w])"
)
_SEPARATED = r"(?:[ ]?[,·|–][ ]{0,2}\n?[ ]{0,4}|[ ]?\n[>|]{0,3}[ ]{0,8}|[ ]-[ ])"
_NEXT = rf"(?:{_SEPARATED}|[ ])"
_DOOR = (
    r"(?:[ ]?/[ ]?\d{1,4}[A-Za-z]?|-[A-Z\d]{1,3}(?!\w)|[ ]?/[ ]?[A-Z](?!\w)|[ ][A-Z](?:[ ]\d{1,3})?(?![\w-])|"
    r",?[ ](?i:bus|bte|bo[iî]te|apt|apto|appt|app|apartment|suite|ste|unit|flat|top|stiege|tür|wohnung|whg|m|lok|byt|"
    r"piso|pta|puerta|esc|"
    r"escalera|portal|planta|int|interno|scala|sc|floor|fl|rm|room|bldg|building|"
    r"\#)\.?[ ]?\#?[A-Za-z]?\d{0,5}[A-Za-z]?(?!\w)|"
    r",?[ ]\d{1,2}\.?[ ]?(?:º|ª|°|er|e|ème|etg|th|st|nd|rd)?\.?[ ]?(?i:stock|og|obergeschoss|étage|piso|planta|floor|"
    r"tv|th|mf|izda|izq|esq|dcha|dta|dto|d|i)?"
    r"\.?[ºª]?(?:[ ]?\d?[A-Da-dºª]{1,2})?(?![\w]))"
)
_STATE = r"(?:[A-Z]{2,3}|\([A-Z]{2}\)|[A-Z][a-z]+(?:[ ][A-Z][a-z]+)?)"
_ENDS = r"(?=[ ]{0,2}(?:[.,;:?!)\"”]|\n|\Z|\(|-[ ])|[ ][a-zà-ÿ])"
_ONWARD = tuple(
    re.compile(form)
    for form in (
        rf"(?:{_DOOR}){{0,3}}(?:{_SEPARATED}(?:{_TOWN})){{0,2}}{_NEXT}{_CODE}[ ](?:{_TOWN})"
        r"(?:[ ](?:\d{1,2}|[A-Z]{1,2})(?![\w-]))?(?:[ ]\([^\W\d_]{2,20}\))?(?!\w)",
        rf"(?:{_DOOR}){{0,3}}(?:{_SEPARATED}(?:{_TOWN})){{1,3}}"
        rf"(?:(?:{_NEXT}|,[ ]?){_STATE}|[ ]-[ ][A-Z]{{2}})?{_NEXT}{_CODE}",
        rf"(?:{_DOOR}){{1,3}}(?:{_SEPARATED}{_TOWN}{_ENDS})?",
        rf",[ ]?(?:{_TOWN})(?:,[ ]{_STATE})?{_ENDS}(?![ ][a-zà-ÿ])",
    )
)
_COUNTRY_NEXT = re.compile(rf"{_NEXT}\(?")
_UNIT_BEFORE = re.compile(
    r"(?<![\w])(?:(?:Flat|Unit|Apt\.?|Apartment|Suite|Room|Building|Block|Tower|Floor|Level|House|Wohnung|"
    r"Appartement|Apto\.?)"
    r"[ ]#?[A-Z]?\d{0,4}[A-Z]?,?[ ]|\d{1,2}(?:st|nd|rd|th)[ ]Floor,?[ ]|No\.?[ ]?|N[º°][ ]|\d{1,4}/|\d{1,6}[ ](?=\Z)|"
    rf"(?:The[ ])?(?:[{_U}]{_L}+[ ]){{1,2}}(?:House|Cottage|Lodge|Rectory|Farm|Court|Tower|Building),[ ]){{1,3}}\Z"
)
_NO_NUMBER = re.compile(
    rf"(?<!\w)(?:on|along|off|down|near|at)[ ](?P<en>(?:[NSEW]\.?[ ])?(?:[{_U}]{_L}{{2,}}[ ]|\d{{1,3}}(?:st|nd|rd|"
    rf"th)[ ]){{1,3}}"
    r"(?:Street|St\.|Avenue|Ave\.?|Road|Rd\.?|Boulevard|Blvd\.?)(?!\w))|"
    rf"(?<!\w)(?:liv(?:es?|ed|ing)|resid(?:es?|ed|ing)|house|home|apartment)[ ](?:on|at|"
    rf"in)[ ](?P<lives>(?:[{_U}]{_L}{{2,}}[ ]){{1,3}}"
    r"(?:Lane|Drive|Court|Way|Place|Close|Terrace|Crescent|Square)(?!\w))|"
    rf"(?<!\w)wohn\w{{1,4}}[ ](?:\w+[ ])?(?:in[ ]der|am|an[ ]der|auf[ ]der|im)[ ](?P<de>[{_U}][\w-]{{2,30}}(?:straße|"
    rf"strasse|gasse|allee|weg|platz|ring|ufer|damm)(?!\w)|"
    rf"(?:[{_U}][\w-]{{2,30}}[ ]){{1,2}}(?:Straße|Strasse|Weg|Platz|Allee|Gasse)(?!\w))|"
    rf"(?<!\w)(?P<fr>(?:rue|avenue|boulevard|impasse)[ ](?:(?:de la|du|des|de|la|le|les)[ ]|de[ ]l['’]|"
    rf"[dl]['’])?[{_U}]{_L}{{2,}}(?:[-'’]{_L}+)*(?:[ ][{_U}]{_L}{{2,}})?)|"
    rf"(?<!\w)(?:in|presso|da)[ ](?P<it>(?:via|viale|piazza|corso|vicolo)[ ](?:(?:dei|delle|della|del|di|degli|"
    rf"dello)[ ]|dell['’])?[{_U}]{_L}{{2,}}(?:[ ][{_U}]{_L}{{2,}})?)|"
    rf"(?<!\w)(?P<es>(?:calle|avenida|plaza|paseo)[ ](?:(?:de la|de los|de las|del|"
    rf"de)[ ])?[{_U}]{_L}{{3,}}(?:[ ][{_U}]{_L}{{2,}})?)"
)
_KEYS = tuple(
    "St|Ave|Road|Rd|Boul|Bl|Lane|Drive|Court|Way|Place|Close|Terr|Cres|Squ|wohn|rue |avenue |boulevard |impasse |"
    "via |viale |"
    "piazza |corso |vicolo |calle |avenida |plaza |paseo ".split("|")
)
_CONTACT_AT_END = re.compile(
    r"[ .,\n]+(?i:tel|telf|tel[ée]fono|t[ée]l[ée]phone|telefon|tfno|fax|e-?mail|mail|correo|courriel|phone|mobile?|"
    r"handy|web|e)\.?\Z"
)
_LONGEST_CONTACT = 14  # characters
_LONGEST = 140  # characters behind a street that are read


def onward(text: str, end: int) -> int:
    """Return where the address ends whose street ends at ``end``."""
    limit = min(len(text), end + _LONGEST)
    for form in _ONWARD:
        match = form.match(text, end, limit)
        if match and match.end() > end:
            end = match.end()
            break
    gap = _COUNTRY_NEXT.match(text, end, limit)
    country = next(countries_in(text, gap.end(), min(gap.end() + 30, len(text))), None) if gap else None
    return country[1] if country and gap and country[0] == gap.end() else end


def cut_contact(text: str, start: int, end: int) -> int:
    """Return where the address ends, without the word that announces a telephone or a mailbox behind it."""
    match = _CONTACT_AT_END.search(text, max(start, end - _LONGEST_CONTACT), end)
    return match.start() if match else end


def back(text: str, start: int) -> int:
    """Return where the address begins whose street begins at ``start``."""
    match = _UNIT_BEFORE.search(text, max(0, start - 60), start)
    return match.start() if match else start


def numberless(text: str) -> Iterator[tuple[int, int]]:
    """Yield streets that are told as somebody's, or as nothing but streets are, without a number."""
    if not any(key in text for key in _KEYS):
        return
    for match in _NO_NUMBER.finditer(text):
        kind = match.lastgroup or ""
        yield match.start(kind), match.end(kind)
