"""Europe: VAT numbers of the member states, and the personal numbers of the countries without a family of their own.

Personal numbers with a form of their own (756.1234.5678.97, 850730-0338, 010190-123A) count alone; digits in a row need
a word near them::

    UID ATU12345675                 -> EU_VAT_ID
    AHV 756.9217.0769.85            -> CH_AHV
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from stdnum.at import vnr
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.ch import ssn as ahv
from stdnum.ch import uid
from stdnum.cz import rc
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.eu import vat
from stdnum.fi import hetu
from stdnum.gr import amka
from stdnum.gr import vat as afm
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import nip, pesel, regon
from stdnum.pt import cc
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp
from stdnum.se import orgnr, personnummer
from stdnum.si import emso

from gateway.privacy.patterns.places import FIELDS
from gateway.privacy.patterns.proofs import NOT_PERSONAL, glued, is_short_date, stepped, valid
from gateway.privacy.patterns.rule import Boundary, Rule, checked

VAT_FORMS = {
    "AT": "U[0-9]{8}",
    "BE": "[01]?[0-9]{3}[.]?[0-9]{3}[.]?[0-9]{3}",
    "BG": "[0-9]{9,10}",
    "CY": "[0-9]{8}[A-Z]",
    "CZ": "[0-9]{8,10}",
    "DK": "[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2}",
    "EE": "[0-9]{9}",
    "EL": "[0-9]{9}",
    "ES": "[A-Z0-9][0-9]{7}[A-Z0-9]",
    "FI": "[0-9]{8}",
    "FR": "[A-HJ-NP-Z0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
    "HR": "[0-9]{11}",
    "HU": "[0-9]{8}",
    "IE": "(?:[0-9]{7}[A-W][A-I]?|[0-9][A-Z+*][0-9]{5}[A-W])",
    "LT": "(?:[0-9]{9}|[0-9]{12})",
    "LU": "[0-9]{8}",
    "LV": "[0-9]{11}",
    "MT": "[0-9]{8}",
    "NL": "[0-9]{9}B[0-9]{2}",
    "PL": "[0-9]{10}",
    "PT": "[0-9]{9}",
    "RO": "[0-9]{2,10}",
    "SE": "[0-9]{10}01",
    "SI": "[0-9]{8}",
    "SK": "[0-9]{10}",
}
"""Form of the VAT number behind the country's letters; Germany and Italy are in their own families."""

_VAT_WORDS = (
    "vat", "tva", "iva", "ust-id", "ust-idnr", "umsatzsteuer", "uid", "mwst", "btw", "moms", "alv", "dph", "nip",
    "partita iva",
    "intracommunautaire", "intracomunitario", "tax", "steuernummer", "n° tva", "pdv", "ddv", "kmkr",
)  # fmt: skip


class _Number(NamedTuple):
    """A personal number: what its form is, who checks it, and how far it is trusted without a word near it."""

    name: str
    type: str
    expression: str
    module: ModuleType
    country: str
    words: tuple[str, ...]
    check: str
    bare: float  # score of digits in a row without a word near them; below 0.4: not counted
    formed: float  # the same, of the written form with separators
    reference: str
    example: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("|"))


_NUMBERS = (
    _Number("ch_ahv", "CH_AHV", "756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}", ahv, "CH",
            _words("ahv|avs|sozialversicherung|versichertennummer|assuré|navs13|ssn|nss"), "EAN-13, 756", 0.7, 0.95,
            "AHVG art. 50c; AHVV art. 133", "756.9217.0769.85"),
    _Number("ch_uid", "CH_UID", "CHE[- ]?[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}", uid, "CH",
            _words("uid|ide|mwst|tva|iva|unternehmens-identifikationsnummer|handelsregister"), "mod 11", 0.9, 0.95,
            "UIDG (SR 431.03)", "CHE-100.155.212"),
    _Number("at_svnr", "AT_SVNR", "[1-9][0-9]{3}[ -]?(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-5])[0-9]{2}", vnr, "AT",
            _words("sozialversicherung|svnr|sv-nr|sv-nummer|versicherungsnummer|vsnr|e-card|ssn"), "mod 11, date",
                    0.2, 0.5,
            "ASVG § 31", "1237 010180"),
    _Number("nl_bsn", "NL_BSN", "[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}|[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}", bsn, "NL",
            _words("bsn|burgerservicenummer|sofinummer|sofi-nummer|citizen service number"), "mod 11", 0.1, 0.2,
            "Wet algemene bepalingen burgerservicenummer", "111222333"),
    _Number("be_nn", "BE_NN",
            "[0-9]{2}[. ]?(?:0[0-9]|1[0-2]|[24][0-9]|[35][0-2])[. ]?[0-3][0-9][ -]?[0-9]{3}[. ]?[0-9]{2}", nn, "BE",
            _words("rijksregister|rijksregisternummer|registre national|nationaal nummer|numéro national|"
                   "niss|insz|nrn|nationalregister"),
            "mod 97, date", 0.35, 0.9, "Wet van 8 augustus 1983, art. 2", "85.07.30-033 28"),
    _Number("pl_pesel", "PL_PESEL", "[0-9]{2}[0-9][0-9][0-3][0-9]{6}", pesel, "PL",
            _words("pesel|numer pesel|nr pesel"), "mod 10, date", 0.3, 0.3, "Ustawa o ewidencji ludności art. 15",
                    "44051401359"),
    _Number("pl_nip", "PL_NIP",
            "[0-9]{10}|[0-9]{3}-[0-9]{3}-[0-9]{2}-[0-9]{2}|[0-9]{3}-[0-9]{2}-[0-9]{2}-[0-9]{3}", nip, "PL",
            _words("nip|numer identyfikacji podatkowej|vat"), "mod 11", 0.1, 0.4, "Ustawa o NIP (1995)",
                    "856-734-62-15"),
    _Number("pl_regon", "PL_REGON", "[0-9]{9}(?:[0-9]{5})?", regon, "PL",
            _words("regon"), "mod 11", 0.1, 0.1, "Ustawa o statystyce publicznej art. 42", "192598184"),
    _Number("se_personnummer", "SE_PERSONNUMMER", "(?:19|20)?[0-9]{2}[01][0-9][0-9]{2}[-+]?[0-9]{4}", personnummer,
            "SE",
            _words("personnummer|samordningsnummer|personnr|pnr|person-nr|swedish personal"), "Luhn, date", 0.2, 0.7,
            "Folkbokföringslag (1991:481) § 18", "880320-0016"),
    _Number("se_orgnr", "SE_ORGANISATIONSNUMMER", "[0-9]{6}-?[0-9]{4}", orgnr, "SE",
            _words("organisationsnummer|org.nr|orgnr|org nr|org.-nr"), "Luhn", 0.1, 0.1, "Lag (1974:174)",
                    "123456-7897"),
    _Number("fi_hetu", "FI_PERSONAL_IDENTITY_CODE", "[0-3][0-9][01][0-9][0-9]{2}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]",
            hetu, "FI",
            _words("henkilötunnus|hetu|personbeteckning|personal identity code|sotu"), "mod 31, date", 0.8, 0.8,
            "Laki väestötietojärjestelmästä (661/2009) § 11", "131052-308T"),
    _Number("dk_cpr", "DK_CPR", "[0-3][0-9][01][0-9][0-9]{2}[- ]?[0-9]{4}", cpr, "DK",
            _words("cpr|cpr-nr|cpr-nummer|personnummer|cpr nummer"), "date", 0.1, 0.35, "CPR-loven § 3", "211062-5629"),
    _Number("no_fodselsnummer", "NO_FODSELSNUMMER", "[0-7][0-9][0-9]{2}[0-9]{2}[ -]?[0-9]{5}", fodselsnummer, "NO",
            _words("fødselsnummer|fodselsnummer|personnummer|fnr|d-nummer|fødselsnr"),
                    "two check digits mod 11, date", 0.3, 0.6,
            "Folkeregisterloven § 2-2", "150580 10186"),
    _Number("pt_nif", "PT_NIF", "[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}", pt_nif, "PT",
            _words("nif|contribuinte|número de contribuinte|nipc"), "mod 11", 0.1, 0.2, "DL 14/2013", "501964843"),
    _Number("pt_cc", "PT_CC", "[0-9]{8} ?[0-9] ?[A-Z0-9]{2}[0-9]", cc, "PT",
            _words("cartão de cidadão|cartao de cidadao|bilhete de identidade|cc"), "mod 10", 0.2, 0.5, "Lei 7/2007",
                    "00000000 0 ZZ4"),
    _Number("ie_pps", "IE_PPS", "[0-9]{7}[A-W][A-IW]?", pps, "IE",
            _words("pps|ppsn|personal public service|pps no"), "mod 23", 0.3, 0.3,
                    "Social Welfare Consolidation Act 2005 s. 262", "6433435F"),
    _Number("cz_rc", "CZ_RODNE_CISLO", "[0-9]{2}[0-8][0-9][0-3][0-9]/?[0-9]{3,4}", rc, "CZ",
            _words("rodné číslo|rodne cislo|r.č.|rč|rodné č"), "mod 11, date", 0.1, 0.6, "Zákon č. 133/2000 Sb. § 13",
                    "710319/2745"),
    _Number("ro_cnp", "RO_CNP", "[1-9][0-9]{2}[01][0-9][0-3][0-9]{7}", cnp, "RO",
            _words("cnp|cod numeric personal"), "mod 11, date", 0.35, 0.35, "Legea 105/1996 art. 5", "1630615123457"),
    _Number("bg_egn", "BG_EGN", "[0-9]{2}[0-5][0-9][0-3][0-9]{5}", egn, "BG",
            _words("егн|egn|единен граждански номер"), "mod 11, date", 0.2, 0.2,
                    "Закон за гражданската регистрация чл. 11", "7523169263"),
    _Number("gr_amka", "GR_AMKA", "[0-3][0-9][01][0-9][0-9]{7}", amka, "GR",
            _words("αμκα|amka|α.μ.κ.α."), "Luhn, date", 0.25, 0.25, "Ν. 3655/2008", "01013099997"),
    _Number("gr_afm", "GR_AFM", "[0-9]{9}", afm, "GR",
            _words("αφμ|afm|α.φ.μ."), "mod 11", 0.1, 0.1, "Ν. 4174/2013", "094259216"),
    _Number("hr_oib", "HR_OIB", "[0-9]{11}", oib, "HR",
            _words("oib|osobni identifikacijski broj"), "MOD 11,10", 0.2, 0.2, "Zakon o OIB (NN 60/08)", "33392005961"),
    _Number("ee_isikukood", "EE_ISIKUKOOD", "[1-8][0-9]{2}[01][0-9][0-3][0-9]{5}", ik, "EE",
            _words("isikukood|personal code|id-kood"), "mod 11, date", 0.35, 0.35, "Rahvastikuregistri seadus",
                    "36805280109"),
    _Number("lt_asmens", "LT_ASMENS_KODAS", "[3-6][0-9]{2}[01][0-9][0-3][0-9]{5}", asmens, "LT",
            _words("asmens kodas|a.k.|personal code"), "mod 11, date", 0.35, 0.35, "Gyventojų registro įstatymas",
                    "33309240064"),
    _Number("si_emso", "SI_EMSO", "[0-3][0-9][01][0-9][09][0-9]{8}", emso, "SI",
            _words("emšo|emso|jmbg|matični broj"), "mod 11, date", 0.45, 0.45,
                    "Zakon o centralnem registru prebivalstva", "0101006500006"),
    _Number("kr_rrn", "KR_RRN", "[0-9]{2}[01][0-9][0-3][0-9]-?[1-8][0-9]{6}", rrn, "KR",
            _words("주민등록번호|주민번호|rrn|resident registration"), "mod 11, date", 0.35, 0.8,
                    "주민등록법 제7조의2", "971013-1019901"),
)  # fmt: skip


def _rule(number: _Number) -> Rule:
    """A number that is not trusted alone in any form needs a word near it."""
    return Rule(
        name=number.name,
        type=number.type,
        expression=number.expression,
        confirm=stepped(number.module.is_valid, number.check, (number.bare, number.formed)),
        context=number.words,
        needs_context=max(number.bare, number.formed) < 0.4,
        score=number.bare,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction=number.country,
        family="national",
        reference=number.reference,
        example=number.example,
    )


_RULES: tuple[Rule, ...] = (
    *FIELDS,
    *(_rule(number) for number in _NUMBERS),
    Rule(
        name="eu_vat_id",
        type="EU_VAT_ID",
        expression="|".join(f"{country} ?{form}" for country, form in VAT_FORMS.items() if country != "RO"),
        confirm=checked(vat.is_valid, "check digits of the member state"),
        context=_VAT_WORDS,
        score=0.6,
        context_score=1.0,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="EU",
        family="finance",
        reference="Directive 2006/112/EC art. 215",
        example="ATU13585627",
    ),
    Rule(
        name="kr_rrn_in_context",
        type="KR_RRN",
        expression="[0-9]{2}[01][0-9][0-3][0-9]-?[1-8][0-9]{6}",
        confirm=checked(lambda value: is_short_date(value[:2], value[2:4], value[4:6]), "date"),
        context=_words("주민등록번호|주민번호|rrn|resident registration"),
        needs_context=True,
        score=0.4,
        context_score=0.85,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="KR",
        family="national",
        reference="주민등록법 시행규칙 (since October 2020 without a check digit)",
        example="201013-3123456",
    ),
    Rule(
        name="ro_vat_id",
        type="EU_VAT_ID",
        expression=f"RO ?{VAT_FORMS['RO']}",
        confirm=valid(vat, "mod 11"),
        context=(*_VAT_WORDS, "cui", "cif"),
        needs_context=True,
        score=0.4,
        context_score=0.95,
        context_after=40,
        against=NOT_PERSONAL,
        boundary=Boundary.TOKEN,
        jurisdiction="RO",
        family="finance",
        reference="Directive 2006/112/EC art. 215 (2 to 10 digits: too short to count alone)",
        example="RO18547290",
    ),
)

RULES: tuple[Rule, ...] = (*_RULES, *glued(_RULES))
