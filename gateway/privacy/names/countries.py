"""Names of countries, and of parts of one that people take for one, in English; the more usual ones in German, French,
Italian and Spanish (ISO 3166-1, short names and everyday ones)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ENGLISH = (
    "Afghanistan|Albania|Algeria|American Samoa|Andorra|Angola|Anguilla|Antigua and Barbuda|Argentina|Armenia|Aruba|"
    "Australia|Austria|Azerbaijan|Bahamas|Bahrain|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bermuda|Bhutan|"
    "Bolivia|Bosnia and Herzegovina|Bosnia|Botswana|Brazil|British Virgin Islands|Brunei|Bulgaria|Burkina Faso|Burma|"
    "Burundi|Cambodia|Cameroon|Canada|Cape Verde|Cayman Islands|Central African Republic|Chad|Chile|China|Colombia|"
    "Comoros|Congo|Cook Islands|Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|"
    "Democratic Republic of the Congo|Denmark|Djibouti|Dominica|Dominican Republic|East Timor|Ecuador|Egypt|"
    "El Salvador|England|Equatorial Guinea|Eritrea|Estonia|Eswatini|Ethiopia|Falkland Islands|Faroe Islands|Fiji|"
    "Finland|France|French Guiana|French Polynesia|Gabon|Gambia|Georgia|Germany|Ghana|Gibraltar|Great Britain|Greece|"
    "Greenland|Grenada|Guadeloupe|Guam|Guatemala|Guernsey|Guinea|Guinea-Bissau|Guyana|Haiti|Holland|Honduras|"
    "Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Isle of Man|Israel|Italy|Ivory Coast|Jamaica|Japan|"
    "Jersey|Jordan|Kazakhstan|Kenya|Kiribati|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon|Lesotho|Liberia|Libya|"
    "Liechtenstein|Lithuania|Luxembourg|Macau|Macedonia|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|"
    "Marshall Islands|Martinique|Mauritania|Mauritius|Mayotte|Mexico|Micronesia|Moldova|Monaco|Mongolia|Montenegro|"
    "Montserrat|Morocco|Mozambique|Myanmar|Namibia|Nauru|Nepal|Netherlands|New Caledonia|New Zealand|Nicaragua|Niger|"
    "Nigeria|North Korea|North Macedonia|Northern Ireland|Norway|Oman|Pakistan|Palau|Palestine|Panama|"
    "Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Reunion|Romania|Russia|"
    "Russian Federation|Rwanda|Saint Lucia|Samoa|San Marino|Saudi Arabia|Scotland|Senegal|Serbia|Seychelles|"
    "Sierra Leone|Singapore|Slovakia|Slovenia|Solomon Islands|Somalia|South Africa|South Korea|South Sudan|Spain|"
    "Sri Lanka|Sudan|Suriname|Swaziland|Sweden|Switzerland|Syria|Taiwan|Tajikistan|Tanzania|Thailand|Togo|Tonga|"
    "Trinidad and Tobago|Tunisia|Turkey|Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates|United Kingdom|"
    "United States of America|United States|Uruguay|Uzbekistan|Vanuatu|Venezuela|Vietnam|Viet Nam|Wales|"
    "Western Sahara|Yemen|Zambia|Zimbabwe"
)
_OTHERS = (
    "Deutschland|Österreich|Schweiz|Frankreich|Italien|Spanien|Niederlande|Belgien|Luxemburg|Polen|Tschechien|Ungarn|"
    "Dänemark|Schweden|Norwegen|Finnland|Großbritannien|England|Irland|Türkei|Griechenland|Kroatien|Slowenien|Slowakei|"
    "Rumänien|Bulgarien|Serbien|Russland|Brasilien|Mexiko|Kanada|Südkorea|Südafrika|Indien|Marokko|Ägypten|"
    "Australien|Neuseeland|Vereinigte Staaten|"
    "Allemagne|Autriche|Suisse|Italie|Espagne|Pays-Bas|Belgique|Pologne|Tchéquie|Hongrie|Danemark|Suède|Norvège|"
    "Finlande|Royaume-Uni|Angleterre|Irlande|Turquie|Grèce|Croatie|Roumanie|Bulgarie|Russie|Brésil|Mexique|Maroc|"
    "Algérie|Tunisie|Sénégal|Cameroun|Côte d'Ivoire|Chine|Japon|Inde|Canada|États-Unis|Etats-Unis|"
    "Germania|Austria|Svizzera|Francia|Italia|Spagna|Paesi Bassi|Olanda|Belgio|Polonia|Ungheria|Danimarca|Svezia|"
    "Norvegia|Finlandia|Regno Unito|Inghilterra|Turchia|Grecia|Croazia|Slovenia|Romania|Brasile|Messico|Giappone|Cina|"
    "Stati Uniti|Marocco|Albania|"
    "Alemania|Suiza|España|Países Bajos|Bélgica|Hungría|Dinamarca|Suecia|Noruega|Reino Unido|Inglaterra|Irlanda|"
    "Turquía|Croacia|Rumanía|Rusia|Brasil|México|Perú|Japón|Marruecos|Estados Unidos|República Dominicana|Panamá"
)
COUNTRIES = frozenset(f"{_ENGLISH}|{_OTHERS}".split("|"))
COUNTRY = "|".join(sorted(COUNTRIES, key=len, reverse=True))
"""An expression of all of them, the longest first."""
ALSO_NAMES = frozenset("Chad Georgia Jordan Jersey Dominica Guinea Niger Mali Israel Kenya India Monaco Malta".split())
"""Countries that are given names or words, too."""
_BEGINNINGS = {
    first: sorted((name for name in COUNTRIES if name.split(" ")[0] == first), key=len, reverse=True)
    for first in {name.split(" ")[0] for name in COUNTRIES}
}
_CAPITALISED = re.compile(r"[A-ZÉÖÄÁÍ][a-zéäöüíñç]{1,12}")


def country_at(text: str, at: int) -> str:
    """Return the country whose name stands at ``at``, "" when there is none."""
    word = _CAPITALISED.match(text, at)
    for name in _BEGINNINGS.get(word[0], ()) if word else ():
        if text.startswith(name, at) and not text[at + len(name) : at + len(name) + 1].isalnum():
            return name
    return ""


def countries_in(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where countries are named in ``text[start:end]``."""
    for match in _CAPITALISED.finditer(text, start, end):
        at = match.start()
        begins = match[0] in _BEGINNINGS and not (at and (text[at - 1].isalnum() or text[at - 1] in "-_"))
        name = country_at(text, at) if begins else ""
        if name:
            yield at, at + len(name)
