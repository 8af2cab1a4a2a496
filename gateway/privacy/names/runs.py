"""Addresses of any country as a run of numbers and names, where a word before or a country and a code behind say so.

No list of the world's words for streets is long enough. What all addresses share is how they are laid out: a number, a
name, perhaps a number, then perhaps a unit, a town, a state, a code, a country, with commas or lines between. A run of
such pieces is an address

1. where it is told as one (``lives at``, ``my address is``, ``send it to``, ``wohnhaft``, ``envoyer au``) and has one
   thing more than a number and a name: a unit, a code, a country, a second number, a word for a street, a town behind
   a comma;
2. at the beginning of a line, where it has a country, or a unit and a code.

It ends behind the last thing that only addresses have, or with a town behind that. Quoted mail begins its lines with
``>``; such a mark may stand between lines. Example: ``lives at 214 Sólvellir 9, Höfn``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import regex

from gateway.privacy.names.countries import countries_in
from gateway.privacy.span import Span

_U = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĢĪĮİŁŃŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽΆ-ΏΑ-ΫЀ-Я"
_L = r"[^\W\d_]"
_UNITS = (
    r"(?:[Ss]uite|[Ss]te|[Aa]pt|[Aa]partment|[Uu]nit|[Ff]lat|[Ff]loor|[Rr]oom|[Bb]ldg|[Bb]uilding|[Bb]ox|[Uu]nité|"
    r"[Aa]ppt?|[Pp]orta|[Pp]iso|[Ss]cala|[Ii]nterno|[Ww]ohnung|[Ww]hg|[Tt]op|[Ss]tock|[Bb]us|[Bb]te|[Dd]pto|[Dd]epto|"
    r"[Bb]yt|#)"
)
_STREETS = (
    r"(?:[Ss]treet|[Ss]t|[Ss]tr|[Rr]oad|[Rr]d|[Aa]venue|[Aa]ve?|[Ll]ane|[Ll]n|[Dd]rive|[Dd]r|[Bb]oulevard|[Bb]lvd|"
    r"[Cc]ourt|[Cc]t|[Cc]lose|[Pp]lace|"
    r"[Ww]ay|[Cc]rescent|[Tt]errace|[Ss]quare|[Pp]arkway|[Hh]ighway|[Tt]rail|[Rr]ue|[Vv]ia|[Vv]iale|[Cc]alle|[Rr]ua|"
    r"[Aa]venida|[Aa]venue|[Uu]l|[Uu]lica|"
    r"[Pp]laza|[Pp]iazza|[Pp]asaje|[Cc]amino|[Cc]hemin|[Ii]mpasse|[Qq]uai|[Pp]raça|[Tt]ravessa|[Ee]strada|[Cc]arrer|"
    r"[Nn]áměstí|[Uu]tca|[Tt]ér|[Ss]trada|[Pp]ostfach|[Aa]partado)"
)
_SMALL = (
    r"(?:de|del|della|dei|di|du|des|da|das|do|dos|la|le|les|el|los|las|l'|d'|am|an|der|den|dem|im|in|zu|zum|zur|vom|"
    r"von|van|ter|ten|te|of|the|on|upon|e|y|et|i|na|nad|pod|u|v|ul|os|al|nám|u|út|útja|utca|tér|körút|katu|tie|vei|"
    r"vej|gate|gata|és)"
)
_NUMBER = r"(?:\d{1,6}[A-Za-z]?(?:[ ]?[-/][ ]?\d{1,5}[A-Za-z]?)?(?![\w]))"
_CODE = (
    r"(?:[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d|\d{4}[ ][A-Z]{2}|\d{5}-\d{3,4}|\d{4}-\d{3}|"
    r"\d{2,3}[- ]\d{2,4}|[A-Z]{1,2}-\d{4,6})(?!\w)"
)
_NAME = rf"(?:(?:[dlDL]['’])?[{_U}]{_L}*(?:[-'’./]{_L}+)*\.?)"
_PIECE = rf"(?:{_CODE}|{_NUMBER}\.?(?=[ ,.;?!)\n]|\Z)|\#\d{{1,5}}|{_NAME}|\({_NAME}\)|{_SMALL}\.?(?=[ ]))"
_GAP = r"(?:[ ]?,?[ ]{1,2}|,|[ ]?[-–|·][ ]|[ ]?,?[ ]?\n[>?|]{0,3}[ ]{0,8}(?:\n[ ]{0,4})?(?:,[ ])?)"
_RUN = re.compile(rf"{_PIECE}(?:{_GAP}{_PIECE}){{1,22}}")

_UNIT = re.compile(rf"(?<!\w){_UNITS}\.?[ ]?(?:[Nn][o°º]?\.?[ ]?)?[A-Z]?\d{{1,5}}[A-Za-z]?(?!\w)")
_STREET = re.compile(rf"(?<!\w){_STREETS}(?!\w)\.?")
_BEHIND_COUNTRY = re.compile(r"(?:[ ]\([^\W\d_]+\))?(?:,?[ ]\d{4,7}(?:-\d{3,4})?)?(?!\w)")
_CODE_FORM = re.compile(rf"(?<![\w-])(?:{_CODE}|\d{{4,6}}(?!\w))")
_DIGITS = re.compile(r"\d+")
_STATE = re.compile(r"(?<=[,\w][ \n])[A-Z]{2,3}(?![\w.])")
_TAIL = re.compile(rf"(?:,?[ ]|,[ ]?\n?[ ]{{0,4}})(?:{_NAME}(?:[ -]{_SMALL})?(?:[ ]|\Z|(?=,))){{1,3}}\Z")
_TOWN = re.compile(rf"\d[^\n,]{{0,24}}(?:,|\n)[ >?|]{{0,8}}{_NAME}")
_ENDS = re.compile(r"[ ]{0,2}(?:[.,;?!)\"”]|\n|\Z)")
_FULL_STOP = re.compile(r"(?:(?<![A-Z])(?<!\b\w{1})(?<!\b\w\w)(?<!\b\w\w\w))\.(?=[ ][A-Z])")

_TOLD = regex.compile(  # read backwards from the address
    r"(?r)(?<!\w)(?:"
    r"address(?:es)?(?:[ ]of[ ][^\n:;,?!]{2,50}?)?(?:[ ](?:is|was|are|has[ ]changed[ ]to|changed[ ]to)|"
    r",?[ ]here[ ](?:it[ ]is|they[ ]are):?|[ ]with|[ ]to|:)|"
    r"liv(?:es?|ed|ing)[ ](?:at|on)|resid(?:es?|ed|ing)[ ](?:at|on)|stay(?:s|ed|ing)?[ ]at|located[ ](?:at|on)|"
    r"situated[ ](?:at|on)|(?:is|are|was|meet|meeting|me|us|off|arrived|delivered|live)[ ]at|"
    r"moved?[ ](?:from|to|into)|(?:sen[dt]|ship(?:ped)?|mail(?:ed)?|deliver(?:ed)?|forward(?:ed)?|post(?:ed)?|"
    r"return(?:ed)?|taxi|cab|uber|ride|come|goes|go|went|drive|directions|linked|way)[ ]"
    r"(?:(?:it|this|them|one|everything|a[ ]new[ ]one|(?:my|the|a|our)[ ](?:\w+[ ]){1,3}?)[ ]?)?to|new[ ]one[ ]to|"
    r"card[ ]to|change[ ]it[ ]to|"
    r"wohn(?:t|e|en|haft|ten?)(?:[ ](?:in|bei))?|(?:adresse|anschrift)(?:[ ](?:ist|lautet)|:)|(?:schick|send|"
    r"liefer)\w*[ ](?:\w+[ ]){0,3}?an|gemeldet[ ]in|"
    r"habit(?:e|ent|ons)[ ](?:au|à|dans)|demeur(?:e|ant)[ ](?:au|à)|adresse[ ](?:est|postale[ ]est)|(?:envoy|livr|"
    r"expédi)\w*[ ](?:\w+[ ]){0,3}?(?:à|au)|"
    r"abit(?:a|o|ano)[ ](?:in|a)|indirizzo(?:[ ]è|:)|(?:sped|invi|consegn)\w*[ ](?:\w+[ ]){0,3}?(?:a|in)|"
    r"residente[ ](?:in|a|en)|"
    r"viv(?:e|o|en|imos)[ ]en|direcci[óo]n(?:[ ](?:es|postal[ ]es)|:)|(?:env[ií]|entreg|mand)\w*[ ](?:\w+[ ]){0,3}?a|"
    r"domicili(?:o|ad[oa])(?:[ ](?:en|es)|:)"
    r"):?(?:[ ]{1,8}|:?[ ]{0,2}\n{1,2}[ ]{0,4})(?:(?:number|no\.?|n[º°]|the[ ]address|der|dem|die|la|le|il)[ ])?",
    regex.IGNORECASE,
)
_START = re.compile(rf"[ \n](?<=[stohmnreuàailèéb:.°][ \n])[ \n]{{0,8}}(?=[\d#{_U}])")
_LAST_WORDS = frozenset(
    "is was are to with at on in from into number no no. nº n° address ist lautet an bei der dem die au à dans est "
    "la le il "
    "a è es en one them it address: addresses: adresse: anschrift: indirizzo: dirección: direccion: domicilio: are: "
    "is: "
    "".split()
)
_NAME_LINE = re.compile(rf"(?:{_NAME}[ ]?){{1,4}}\n[ ]{{0,8}}(?=\d)")  # whose address it is
_LINE = re.compile(r"(?:^[>?| ]{0,8}|[>?|][ ])(?=\d{1,6}[A-Za-z]?[ ]\S)", re.MULTILINE)
_NOT_PLACES = frozenset(
    "gate hall station line dock rack bay plant slot port pin page step level table column row cell figure chapter "
    "section version register "
    "offset node halle linie regal stapel tor position platz knoten version kapitel seite schritt customer order "
    "supplier invoice ticket part werk lager quai zone degrees percent am pm nm mm kg bar "
    "".split()
)
_LOADED = frozenset("quai way place court drive".split())  # streets' words that plants have, too
_SURE_UNIT = re.compile(
    r"(?<!\w)(?:suite|ste|apt|apartment|flat|appt|apto|wohnung|p\.?o\.? ?box)\.?[ ]?#?[a-z]?\d", re.IGNORECASE
)
_UNIT_FIRST = re.compile(rf"(?:Suite|Apt\.?|Apartment|Flat)[ ]\d{{1,4}},?[ ]\d{{1,6}}(?=[ ][{_U}\d])")
_TWO_NUMBERS = re.compile(r"\d[ ]\d|\A\d+[ ][^\d]{3,40}[ ]\d{1,5}[A-Za-z]?(?:\Z|\.?[,\n])")
_CODE_AND_TOWN = re.compile(rf"\d[ ]?[,\n][ ]?\n?[ ]{{0,8}}(?:[A-Z]{{1,2}}-)?\d{{4,6}}[ ]{_NAME}")
_WITH_DIGIT = re.compile(r"(?<!\w)(?=[a-z]{0,2}\d|\d[a-z])[a-z\d]{2,4}(?!\w)")
_BEGINNING = re.compile(rf"(?<![\w'’]){_L}")
_WORDS = re.compile(rf"{_L}{{3,}}")
_REACH, _LONGEST, _SHORTEST = 80, 260, 8  # characters before an address that are read; of an address


class _Signs(NamedTuple):
    """Where what only addresses have ends, the last of each kind; 0: there is none."""

    country: int
    unit: int
    street: int
    code: int
    number: int
    state: int


def runs(text: str) -> Iterator[Span]:
    """Yield them; they may overlap."""
    written = _capitalised(text) if text.islower() else text
    for start in _told(text, written):
        end = _address(written, start, told=True)
        if end:
            yield _span(start, end)
    for unit in _UNIT_FIRST.finditer(text):
        end = _address(written, unit.start(), told=True)
        if end > unit.end():
            yield _span(unit.start(), end)
    may = None
    for line in _LINE.finditer(text):
        if may is None:
            may = _UNIT.search(text) is not None or any(countries_in(written, 0, len(written)))
        end = _address(written, line.end(), told=False) if may else 0
        if end:
            yield _span(line.end(), end)


def _told(text: str, written: str) -> Iterator[int]:
    """Yield where an address is told to begin."""
    for gap in _START.finditer(written):
        at = gap.end()
        word = text[max(0, gap.start() - 12) : gap.start()].lower().rpartition(" ")[2].rpartition("\n")[2]
        if word in _LAST_WORDS and _TOLD.match(text, max(0, at - _REACH), at):
            name = _NAME_LINE.match(written, at)
            yield name.end() if name else at


def _capitalised(text: str) -> str:
    text = _WITH_DIGIT.sub(lambda match: match[0].upper(), text)
    return _BEGINNING.sub(lambda match: match[0].upper() if len(match[0].upper()) == 1 else match[0], text)


def _address(text: str, start: int, *, told: bool) -> int:
    """Return where an address that begins at ``start`` ends, 0 when there is none."""
    run = _RUN.match(text, start, start + _LONGEST)
    if run is None:
        return 0
    stop = _FULL_STOP.search(text, start, run.end())
    end = stop.start() if stop else run.end()
    signs = _signs(text, start, end)
    end = _cut(text, start, end, signs)
    return end if end and _is_address(text[start:end], signs, told) else 0


def _signs(text: str, start: int, end: int) -> _Signs:
    named = next(countries_in(text, start + 4, end), None)
    country = _BEHIND_COUNTRY.match(text, named[1], end) if named else None
    last = [
        max((match.end() for match in form.finditer(text, start + skip, end)), default=0)
        for form, skip in ((_UNIT, 0), (_STREET, 0), (_CODE_FORM, 6), (_DIGITS, 0), (_STATE, 0))
    ]
    return _Signs(country.end() if country else named[1] if named else 0, *last)


def _cut(text: str, start: int, end: int, signs: _Signs) -> int:
    """Return where the last thing ends that only addresses have, or a town behind it."""
    if signs.country:
        return signs.country
    last = max(signs)
    if last <= start:
        return 0
    if "\n" not in text[last:end] and _ENDS.match(text, end) and _TAIL.match(text, last, end):
        return end
    return last


def _is_address(value: str, signs: _Signs, told: bool) -> bool:
    words, numbers = _WORDS.findall(value), _DIGITS.findall(value)
    if not numbers or not words or words[0].lower() in _NOT_PLACES or len(value) < _SHORTEST:
        return False
    first, unit = value[0].isdigit() or value[0] == "#", _SURE_UNIT.search(value)
    if not told:
        parted = "\n" in value or "," in value
        return bool((signs.country and (unit or (parted and len(numbers) > 1))) or (unit and signs.code))
    if signs.country or unit or (signs.street and words[0].lower() not in _LOADED):
        return True
    if not first:
        return bool(signs.code and _CODE_AND_TOWN.search(value))
    return bool(signs.code or _TWO_NUMBERS.search(value) or _TOWN.search(value))


def _span(start: int, end: int) -> Span:
    return Span(start, end, "LOCATION", 0.75, "cue:address", check="laid out as an address")
