"""Addresses by their form: a street with its house number, a postcode with its town; in seven languages.

What needs no model: ``Lindenstraße 12a, 80331 München``, ``Am Anger 3, 07743 Jena``, ``14 rue des Lilas, 69003
Lyon``, ``Via Garibaldi 4, 10122 Torino``, ``Calle Mayor 7, 28013 Madrid``, ``12 Rosewood Avenue``,
``東京都港区芝浦3-1-21``, ``上海市浦东新区张江路88号``.
The street decides; postcode and town are taken along when they follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import regex

from gateway.privacy.names.runs import runs
from gateway.privacy.names.streets import NOT_PARTS, back, cut_contact, numberless, onward
from gateway.privacy.span import Span

_U = r"\p{Lu}[\p{L}'’\-]{1,30}"
_NUMBER = r"\d{1,4}(?:[ ]?[a-zA-Z](?![\p{L}]))?(?:[ ]?[-/][ ]?\d{1,4})?"
_FLAT = r"(?:,?[ ]{1,2}(?:Apt|Apartment|Suite|Unit|Flat|Box)\.?[ ]\d{1,5})"
_PLACE = (
    rf"(?:[ ]?[,.\n][ ]?|[ ]|[ ]-[ ])(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ ]{_U}"
    rf"(?:[ ](?:am|an der|im|sur|sous|de|del|di|la|le|{_U})(?![\p{{L}}])){{0,3}}"
)
_GERMAN = (
    rf"(?:{NOT_PARTS}\p{{Lu}}[\p{{L}}\-]{{1,30}}(?:straße|strasse|str\.|weg|platz|gasse|allee|"
    r"(?<![DdSsu]u|[eo]|ai|ui|Sp|St|B)ring|damm|ufer|"
    r"graben|steig|"
    r"chaussee|stieg|hof|markt)"
    rf"|{_U}[ ](?:Straße|Strasse|Str\.|Weg|Platz|Allee|Ring|Damm|Ufer|Gasse)"
    rf"|(?:Straße|Platz)[ ](?:der|des)[ ]{_U}(?:[ ]{_U})?)[ ]{_NUMBER}"
)
_NORTHERN = (
    rf"(?:\d{{4,5}}[ ])?(?:{_U}[ ])?(?:\p{{Lu}}[\p{{L}}\-]{{1,30}}(?:gatan|gata|vägen|gade|vej|veien|vegen|stræde|"
    rf"gränd|"
    r"straat|laan|plein|kade|gracht|dreef|katu|tie|kuja|polku)|"
    rf"{_U}[ ](?:utca|útja|út|tér|körút|vej|gade|allé))[ ]{_NUMBER}{_FLAT}?"
    rf"|(?:ul\.|ulica|al\.|os\.|Rua|Strada|Str\.|ulice|nám\.)[ ](?:d[aeo]s?[ ])?{_U}"
    rf"(?:[ ](?:e|de|da|do|{_U})(?![\p{{L}}])){{0,4}}"
    rf"[ ,]{{1,2}}{_NUMBER}"
)
_SMALL = rf"(?:Am|Im|An der|An den|Auf dem|Auf der|In der|In den|Zum|Zur|Beim|Unter den|Hinter der)[ ]{_U}[ ]{_NUMBER}"
_FRENCH = (
    rf"\d{{1,5}}(?:[ ]?(?:bis|ter))?[, ]{{1,2}}"
    r"(?i:rue|avenue|av\.|boulevard|bd|place|chemin|route|impasse|allée|quai|cours|cité)"
    rf"(?:[ ](?:de|du|des|de la|de l'|d'|la|le|les|l'))?[ ]?{_U}(?:[ ](?:de|du|des|la|{_U})(?![\p{{L}}])){{0,4}}"
)
_BELGIAN = (
    r"(?:Rue|Avenue|Boulevard|Chaussée|Chemin|Route|Allée|Drève|Clos)[ ](?:(?:de la|du|des|de|la|le|les)[ ]|de[ ]l'|"
    r"[dl]')?"
    rf"{_U}(?:[ ](?:de|du|des|la|{_U})(?![\p{{L}}])){{0,3}},?[ ]{_NUMBER}"
)
_BOX = (
    r"(?:Postfach|Postbus|BP|B\.P\.|Boîte[ ]postale|Casella[ ]postale|C\.P\.|Apartado(?:[ ]de[ ]Correos)?|Apdo\.?|"
    r"Caixa[ ]Postal|"
    rf"P\.?[ ]?O\.?[ ]?Box|GPO[ ]Box|"
    rf"Box)[ ]\d{{1,3}}(?:[ ]?\d{{2,3}})?(?=,?[ \n]{{1,2}}(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ ]{_U})"
)
_RURAL = r"(?:RR|HC|R\.R\.|Rural Route)[ ]\d{1,3},?[ ]Box[ ]\d{1,5}"
_ROMAN = (
    rf"\d{{1,3}}(?:-\d{{1,4}}){{1,3}},?[ ](?:{_U}[ ,]{{1,2}}){{0,3}}\p{{Lu}}\p{{Ll}}+-(?:ku|shi|cho|machi|gun|son|mura)"
    rf"(?:,?[ ](?:\p{{Lu}}\p{{Ll}}+-(?:ku|shi|ken|fu|to)|{_U})){{0,3}}(?:[ ]\d{{3}}-\d{{4}})?"
)
_WAY = (
    r"(?:(?i:via|viale|v\.le|piazza|p\.zza|piazzale|p\.le|corso|c\.so|largo|vicolo|contrada|lungomare|calle|c/|avenida|"
    r"avda?\.?|av\.|plaza|pza\.?|paseo|carretera|ctra\.?|ronda|travesía|camino|glorieta|rambla|passeig|carrer|"
    r"urbanización)"
    r"|P[º°]|Pg\.)"
)
_SOUTHERN = (
    rf"{_WAY}[ ]?(?:(?:de|del|della|dei|delle|di|la|las|los|el|l'|San|Santa)[ ]){{0,3}}(?:{_U}|[A-Z]\.|"
    rf"\p{{Lu}}\p{{Ll}}{{1,4}}\.)"
    rf"(?:[ ](?:de|del|la|los|las|di|e|y|{_U})(?![\p{{L}}])){{0,5}}"
    rf"[ ]?,?[ ]?(?:(?i:n[º°.]?[ ]?|nº[ ]?|n[uú]m(?:ero|\.)?[ ]|#){_NUMBER}|{_NUMBER}|(?i:s/n|sn|s\.n\.)(?![\p{{L}}]))"
    r"(?:[ ]?,[ ]?\d{1,2}[ºª°]?[ ]?[A-Za-z]?(?![\p{L}\d]))?(?:[ ]?,[ ]?(?i:bajo|portal|piso|esc\.?|interno|int\.?)[ "
    r"]\p{L}{1,2}"
    r"(?![\p{L}]))?"
)
_ENGLISH = (
    rf"\d{{1,5}}[A-Za-z]?[ ](?:(?:[NSEW]|NW|NE|SW|SE)\.?[ ])?(?:{_U}[ ]|\d{{1,3}}(?:st|nd|rd|th)[ ]){{1,4}}(?:Street|"
    rf"St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Ln\.?|Drive|Dr\.|"
    r"Boulevard|Blvd\.?|Court|Close|"
    rf"Crescent|Terrace|Way|Place|Square|Parkway|Pkwy|Highway|Hwy\.?|Trail|Circle|Parade|Esplanade|Crossing|"
    rf"Grove)(?:[ ](?:NW|NE|SW|SE|N|S|E|W|North|South|East|West))?(?![\p{{L}}]){_FLAT}?"
)
_FORCES = (
    rf"(?:US(?:NS|NV|S|CGC)[ ]{_U}|PSC[ ]\d{{1,5}},?[ ]Box[ ]\d{{1,5}}|Unit[ ]\d{{3,5}},?[ ]Box[ ]\d{{1,5}})"
    r"[ ,\n]{1,2}(?:APO|FPO|DPO)[ ]A[AEP][ ]\d{5}"
)
_CORNER = (
    rf"(?:the[ ])?corner[ ]of[ ](?:[\p{{L}}\d.'\-]{{1,25}}[ ]){{0,3}}(?:{_U}|\d{{1,4}}|St(?:r)?\.)[ ]and[ "
    rf"](?:\d{{1,4}}(?:st|nd|rd|th)?[ ])?{_U}"
    rf"(?:[ ](?:{_U}|\d{{1,4}})(?![\p{{L}}])){{0,3}}"
)
_END = r"(?![\p{N}]|[ ]?(?:[mck]?m|Stk|Stück|St|Nm|bar|kg|Teile|pcs|°|%|×)(?![\p{L}]))"
_NUMBERED = re.compile(r"\d(?<=[ ,]\d)")  # behind a word, perhaps
_STREET_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzß.éú")  # with which a street ends
_ENDINGS = tuple(
    "straße|strasse|str.|weg|platz|gasse|allee|ring|damm|ufer|graben|steig|chaussee|stieg|hof|markt|gatan|gata|vägen|"
    "gade|vej|"
    "veien|vegen|stræde|gränd|straat|laan|plein|kade|gracht|dreef|katu|tie|kuja|polku|utca|útja|út|tér|allé".split("|")
)
_KEYS = ("Straße d", "Platz d", "ul. ", "ulica ", "al. ", "os. ", "Rua ", "Strada ", "Str. ", "ulice ", "nám. ")
_SOUTHERN_AT = 2  # forms before it are looked for where a number follows such an ending, or a key stands
_WAYS = tuple(  # one of them stands in small letters in every street of the south
    "via|v.le|piazza|p.zza|p.le|corso|c.so|largo|vicolo|contrada|lungomare|calle|c/|avenida|avd|av.|plaza|pza|paseo|"
    "carretera|ctra|ronda|travesía|camino|glorieta|rambla|passeig|carrer|urbanización|pº|p°|pg.".split("|")
)
_DOTTED = re.compile("[\u0130\u0131]")  # the letters i that no small or capital letter is like
_WESTERN = tuple(  # one by one they take half the time of one expression with all of them
    regex.compile(rf"(?<![\p{{Latin}}\p{{N}}])(?:{form}){_END}")
    for form in (
        *(f"(?:{street})(?:{_PLACE})?" for street in (_GERMAN, _NORTHERN, _SOUTHERN, _FRENCH, _ENGLISH, _BELGIAN)),
        *(_SMALL + _PLACE, _FORCES, _CORNER, _BOX, _RURAL, _ROMAN),
    )
)
_CODE_FIELD = regex.compile(
    r"(?<![\p{L}\p{N}\-_\"'.])(?i:c\.?p\.?|plz|zip(?:[ ]code)?|post(?:al[ ])?code|postleitzahl|code[ ]postal|"
    r"c\.?a\.?p\.?|código[ ]postal)[ ]?:[ \t]{0,6}(\d{4,6}(?:[ ][A-Z]{2})?|[A-Z]{1,2}\d[\dA-Z]?[ ]?\d[A-Z]{2})"
    r"(?![\p{L}\p{N}\-]|\.\d)"
)
_TOWN_FIELD = regex.compile(
    r"(?<![\p{L}\p{N}\-_\"'.])(?i:(?:localidad|provincia|población|municipio|ciudad)(?:/[ ]?(?:provincia|localidad))?|"
    r"wohnort|geburtsort|city|town|ville|città|comune|luogo[ ]di[ ]nascita|lugar[ ]de[ ]nacimiento|lieu[ ]de[ "
    r"]naissance)"
    rf"[ ]?:[ \t]{{0,6}}({_U}(?:[ ](?:am|an der|im|sur|sous|de|del|di|la|le|{_U})(?![\p{{L}}])){{0,4}})"
)
_HOME_FIELD = regex.compile(
    r"(?<![\p{L}\p{N}\-_\"'.])(?i:domicilio|anschrift|adresse|wohnhaft|(?:(?:home|billing|shipping|delivery|"
    r"postal)[ ])?address|"
    r"indirizzo|dirección|residenza|residencia|lieferadresse|rechnungsadresse)[ ]?:[ \t]{1,6}"
    r"(?!(?:Register|Port|Server|Node|Knoten|Modbus|Baustein|Halle|Linie|Line|Slot|Bus|Rack|Base|Start|Offset)\b)"
    r"((?=[^\n]{0,60}\p{Lu}\p{Ll}{2})(?=[^\n]{0,60}\d)[\p{Lu}\dC][^\n;|<>{}=\"@:]{5,90}?)"
    r"(?=[.;]{0,2}[ ]*(?:\n|$)|[ ]{2}|[;|])"
)
_SENTENCE_ENDS = regex.compile(r"(?<=\p{Ll}{3})(?<!str)\.[ ](?=\p{Lu}\p{Ll})")
TOLD = regex.compile(
    r"(?<![\p{L}\p{N}])(?:(?:[Ll]iv(?:es?|ed|ing)|[Rr]esid(?:es?|ed|ing)|[Bb]orn|[Rr]aised|gr(?:ew|own) up|[Bb]ased|"
    r"I(?:'m| am)) in|[Oo]riginally from|[Mm]oved here from|(?:flew|travell?ed|travell?ing|flying) to|[Ww]ohn(?:t|e|"
    r"haft) in|"
    r"[Gg]eboren in|aufgewachsen in|[Hh]abit(?:e|ant) à|[Nn]ée? à|[Vv]ive (?:a|en|in)|[Nn]at[oa] a|[Nn]acid[oa] en|"
    r"[Rr]esidente (?:en|a|in)|[Dd]omiciliad[oa] en|[Nn]atural de)[ ]"
    r"(\p{Lu}[\p{L}'’\-]{3,30}(?:[ ](?:am|an der|sur|sous|de|del|di|la|le|\p{Lu}[\p{L}'’\-]{1,30})(?![\p{L}])){0,3})"
)
"""Where somebody is told to live, to come from, to go; in group 1 the town."""
TOLD_KEYS = tuple(
    "es in |ve in |ed in |ng in |de in |orn in |up in |'m in |am in |ally from |here from |flew to |lled to |eled to |"
    "ling to |ying to |hnt in |hne in |aft in |ren in |sen in |bite à |tant à |ée à |é à |ive a |ive en |ive in |"
    "ato a |ata a |ido en |ida en |nte en |nte a |nte in |ado en |ada en |ural de ".split("|")
)
"""One of them stands wherever :data:`TOLD` matches."""
_K = "一-鿿々ヶケノ"
_EASTERN = regex.compile(
    rf"(?:(?:東京都|北海道|大阪府|京都府|[{_K}]{{2,3}}県)[ ]?[{_K}]{{1,7}}[市区郡町村][{_K}ァ-ヺぁ-んー]{{0,15}}[ ]?"
    rf"\d{{1,4}}(?:(?:丁目|番地?|号|-)\d{{0,4}}){{0,6}}(?:号(?:室)?)?"
    rf"|(?:[一-鿿]{{2,8}}(?:省|自治区))?[一-鿿]{{2,6}}市[一-鿿]{{1,10}}[区县市镇]"
    r"[一-鿿]{1,14}(?:路|街|道|大道|巷|弄|村)[一-鿿]{0,4}\d{1,5}(?:号|弄)?"
    r"(?:\d{1,4}(?:号楼|栋|幢|楼|单元|室|弄|号)){0,4}"
    rf"|[一-鿿]{{1,14}}(?:路|大道|大街)\d{{1,5}}号(?:\d{{1,4}}(?:号楼|栋|幢|楼|单元|室)){{0,4}})"
)
_LEAD = regex.compile(  # what stands before an address in its sentence, as far as the last such word
    r"[一-鿿]{0,14}(?:住在|住于|位于|居住于|坐落于|地址[是为]?|住址[是为]?|寄到|送到|送至|寄往|前往|来自|现住|家住|在|到)"
    r"(?=[一-鿿]{2})"
)
_EASTERN_KEYS = ("東京都", "北海道", "大阪府", "京都府", "県", "市")
_EASTERN_ROAD = re.compile(r"[路道街]\d")
_HOUSE = regex.compile(r"\d")
_LETTERS = regex.compile(r"\p{Latin}{3}")
_HAN = regex.compile(r"[一-鿿]")


def addresses(text: str) -> Iterator[Span]:
    """Yield the addresses whose form says so, in order of their start within each form."""
    yield from _fields(text)
    for start, end in numberless(text):
        yield Span(start, end, "LOCATION", 0.6, "cue:address", check="street")
    if not _HOUSE.search(text):
        return
    yield from runs(text)
    for form in _forms(text) if _LETTERS.search(text) else ():
        for match in form.finditer(text):
            start, end = back(text, match.start()), onward(text, cut_contact(text, match.start(), match.end()))
            yield Span(start, end, "LOCATION", 0.85, "cue:address", check="street and house number")
    if _HAN.search(text) and (any(key in text for key in _EASTERN_KEYS) or _EASTERN_ROAD.search(text)):
        for match in _EASTERN.finditer(text):
            start = match.start() + _lead(match[0])
            yield Span(start, match.end(), "LOCATION", 0.85, "cue:address", check="district and house number")


def _lead(value: str) -> int:
    """Return how many characters at the beginning belong to the sentence: ``李娜今天在`` before ``北京市海淀区…``."""
    lead = _LEAD.match(value)
    return lead.end() if lead else 0


def _forms(text: str) -> Sequence[regex.Pattern[str]]:
    """Return the forms of streets that may stand in the text."""
    numbered = _WESTERN[:_SOUTHERN_AT] if _has_numbered_street(text) else ()
    southern = _WESTERN[_SOUTHERN_AT : _SOUTHERN_AT + 1] if _has_way(text) else ()
    return (*numbered, *southern, *_WESTERN[_SOUTHERN_AT + 1 :])


def _has_numbered_street(text: str) -> bool:
    if any(key in text for key in _KEYS):
        return True
    for digit in _NUMBERED.finditer(text):
        end = digit.start() - 1
        if end and text[end - 1] in " ,":
            end -= 1
        if end and text[end - 1] in _STREET_LETTERS and text[max(0, end - 10) : end].lower().endswith(_ENDINGS):
            return True
    return False


def _has_way(text: str) -> bool:
    small = text.lower()
    return any(way in small for way in _WAYS) or _DOTTED.search(text) is not None


def _fields(text: str) -> Iterator[Span]:
    """Yield what a form's label calls a postcode, a town, an address."""
    if ":" not in text:
        return
    for pattern, what in ((_CODE_FIELD, "postcode"), (_TOWN_FIELD, "town"), (_HOME_FIELD, "address")):
        for match in pattern.finditer(text):
            end = match.end(1) if (stop := _SENTENCE_ENDS.search(match[1])) is None else match.start(1) + stop.start()
            yield Span(match.start(1), end, "LOCATION", 0.85, "cue:address", check=f"label of {what}")
