"""Makers of identity numbers: each returns a fresh value whose check digits hold, in one of the ways people write it.

Written from the standards named beside each maker; the tests check every value again with python-stdnum and friends,
which these makers use only where the sum itself is a table.
"""

from __future__ import annotations

from random import Random
from string import ascii_uppercase

from schwifty import IBAN
from stdnum.it import codicefiscale

LUHN = str.maketrans("0123456789", "0246813579")


def digits(r: Random, count: int) -> str:
    return "".join(r.choice("0123456789") for _ in range(count))


def letters(r: Random, count: int, alphabet: str = ascii_uppercase) -> str:
    return "".join(r.choice(alphabet) for _ in range(count))


def spaced(text: str, *sizes: int, by: str = " ") -> str:
    """Return ``text`` in groups of these sizes; what is left is the last group."""
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return by.join([*parts, text[at:]] if at < len(text) else parts)


def weighted(text: str, weights: list[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))


def luhn(body: str) -> str:
    """Return ``body`` with its check digit (ISO/IEC 7812-1 annex B)."""
    total = sum(int(d.translate(LUHN)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def iban(r: Random) -> str:
    """ISO 13616; national check digits of the account hold too."""
    text = str(IBAN.random(country_code=r.choice(["DE", "FR", "IT", "ES", "GB", "CH", "AT", "NL"]), random=r))
    return r.choice([text, spaced(text, *[4] * ((len(text) - 1) // 4))])


def credit_card(r: Random) -> str:
    prefix = r.choice(["4", "51", "55", "2221", "34", "37", "3538", "6221"])
    length = 15 if prefix in {"34", "37"} else 16
    text = luhn(prefix + digits(r, length - 1 - len(prefix)))
    groups = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    return r.choice([text, spaced(text, *groups), spaced(text, *groups, by="-")])


def jp_my_number(r: Random) -> str:
    """Ordinance 85 of 2014, article 5."""
    body = digits(r, 11)
    rest = weighted(body, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    text = body + str(0 if rest <= 1 else 11 - rest)
    return r.choice([text, text, spaced(text, 4, 4, 4), spaced(text, 4, 4, 4, by="-")])


def jp_corporate_number(r: Random) -> str:
    """Ordinance 70 of 2014: the first digit checks the other twelve; T before it makes an invoice issuer's number."""
    body = digits(r, 12)
    total = weighted(body, [2, 1] * 6)
    return r.choice(["", "", "T"]) + str(9 - total % 9) + body


def jp_driving_licence(r: Random) -> str:
    """Twelve digits: commission, year, serial, check digit (mod 11), times issued again."""
    while True:
        body = r.choice(["30", "31", "43", "54", "62"]) + digits(r, 8)
        rest = 11 - weighted(body, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
        if rest < 10:
            return body + str(rest) + r.choice("00012")


def jp_residence_card(r: Random) -> str:
    return letters(r, 2) + digits(r, 8) + letters(r, 2)


def jp_passport(r: Random) -> str:
    return r.choice("TM") + r.choice("HKRSZ") + digits(r, 7)


def cn_resident_id(r: Random) -> str:
    """GB 11643, ISO 7064 MOD 11-2."""
    area = r.choice(["110105", "310115", "440305", "220102", "420106", "320506"])
    body = area + birth(r, "{y}{m:02}{d:02}") + digits(r, 3)
    rest = weighted(body, [2**power % 11 for power in range(17, 0, -1)]) % 11
    return body + "10X98765432"[rest]


def cn_social_credit(r: Random) -> str:
    """GB 32100: base 31 without I O S V Z."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = r.choice(["91", "92", "52"]) + r.choice(["310115", "440300", "220101"]) + letters(r, 9, alphabet)
    total = sum(alphabet.index(sign) * (3**place % 31) for place, sign in enumerate(body))
    return body + alphabet[-total % 31]


def cn_passport(r: Random) -> str:
    return r.choice(["E", "G", "EA", "EJ"]).ljust(2, r.choice("0123456789")) + digits(r, 7)


def de_tax_id(r: Random) -> str:
    """§ 139b AO: ten digits of which one comes twice, none first that is 0; ISO 7064 MOD 11,10."""
    pool = r.sample("0123456789", 9)
    body = [*pool, r.choice(pool)]
    while True:
        r.shuffle(body)
        if body[0] != "0":
            break
    text = "".join(body) + mod_11_10("".join(body))
    return r.choice([text, spaced(text, 2, 3, 3, 3)])


def mod_11_10(body: str) -> str:
    """ISO 7064 MOD 11,10."""
    check = 5
    for digit in body:
        check = ((check or 10) * 2 % 11 + int(digit)) % 10
    return str((1 - ((check or 10) * 2) % 11) % 10)


def de_social_security(r: Random) -> str:
    """VKVV § 4: area, birth date, letter, serial, check digit."""
    body = r.choice(["12", "15", "53", "65", "04"]) + birth(r, "{d:02}{m:02}{s:02}") + r.choice(ascii_uppercase)
    body += f"{r.randrange(100):02}"
    plain = body[:8] + f"{ascii_uppercase.index(body[8]) + 1:02}" + body[9:]
    weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]
    total = sum(sum(divmod(int(d) * w, 10)) for d, w in zip(plain, weights, strict=True))
    text = body + str(total % 10)
    return r.choice([text, spaced(text, 2, 6, 1, 3)])


def de_id_card(r: Random) -> str:
    """Serial number with its check digit (ICAO 9303, weights 7 3 1)."""
    body = r.choice("LMNPRTVWXY") + letters(r, 8, "0123456789CFGHJKLMNPRTVWXYZ")
    return body + icao(body)


def de_passport(r: Random) -> str:
    body = r.choice("CFGHJK") + letters(r, 8, "0123456789CFGHJKLMNPRTVWXYZ")
    return body + icao(body)


def icao(body: str) -> str:
    """ICAO 9303-3 4.9."""
    values = (0 if s == "<" else int(s) if s.isdigit() else ord(s) - 55 for s in body)
    return str(sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10)


def insured(r: Random) -> str:
    """Insured person's number of a German health insurance: letter, eight digits, check digit (§ 290 SGB V)."""
    letter, body = r.choice(ascii_uppercase), digits(r, 8)
    plain = f"{ascii_uppercase.index(letter) + 1:02}{body}"
    return letter + body + str(sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(plain)) % 10)


def fr_nir(r: Random) -> str:
    """Thirteen digits and 97 less their rest."""
    body = r.choice("12") + birth(r, "{s:02}{m:02}") + f"{r.randrange(1, 95):02}" + f"{r.randrange(1, 990):03}"
    body += f"{r.randrange(1, 999):03}"
    text = f"{body}{97 - int(body.replace('2A', '19')) % 97:02}"
    return r.choice([text, spaced(text, 1, 2, 2, 2, 3, 3, 2)])


def fr_siren(r: Random) -> str:
    text = luhn(r.choice("345789") + digits(r, 7))
    return r.choice([text, spaced(text, 3, 3, 3)])


def fr_siret(r: Random) -> str:
    text = luhn(luhn(r.choice("345789") + digits(r, 7)) + f"{r.randrange(1, 200):04}")
    return r.choice([text, spaced(text, 3, 3, 3, 5)])


def it_fiscal_code(r: Random) -> str:
    """D.M. 23/12/1976."""
    consonants = "BCDFGLMNPRSTVZ"
    day = r.randrange(1, 29) + r.choice([0, 40])
    body = letters(r, 6, consonants) + birth(r, "{s:02}") + r.choice("ABCDEHLMPRST") + f"{day:02}"
    body += r.choice(["H501", "F205", "L219", "D612", "A944", "G273"])
    return body + codicefiscale.calc_check_digit(body)


def it_vat(r: Random) -> str:
    body = digits(r, 7) + f"{r.randrange(1, 101):03}"
    return luhn(body)


def es_dni(r: Random) -> str:
    """RD 1553/2005: number mod 23."""
    number = digits(r, 8)
    return number + r.choice(["", "", "-"]) + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def es_nie(r: Random) -> str:
    first, number = r.choice("XYZ"), digits(r, 7)
    check = "TRWAGMYFPDXBNJZSQVHLCKE"[int(f"{'XYZ'.index(first)}{number}") % 23]
    return r.choice([f"{first}{number}{check}", f"{first}-{number}-{check}"])


def es_cif(r: Random) -> str:
    """RD 1065/2007; A and B end in a digit, Q and S in a letter."""
    body = digits(r, 7)
    total = sum(int(d.translate(LUHN)) if i % 2 == 0 else int(d) for i, d in enumerate(body))
    check = -total % 10
    first = r.choice("ABQS")
    return first + body + (str(check) if first in "AB" else "JABCDEFGHI"[check])


def es_nss(r: Random) -> str:
    """Province, eight digits, both mod 97 (numbers from ten million on are joined as they are)."""
    province, number = f"{r.randrange(1, 53):02}", str(r.randrange(10_000_000, 99_999_999))
    check = f"{int(province + number) % 97:02}"
    return r.choice([province + number + check, f"{province} {number} {check}", f"{province}/{number}/{check}"])


def gb_nino(r: Random) -> str:
    while True:
        prefix = letters(r, 1, "ABCEGHJKLMNOPRSTWXYZ") + letters(r, 1, "ABCEGHJKLMNPRSTWXYZ")
        if prefix not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}:
            break
    text = prefix + digits(r, 6) + r.choice("ABCD")
    return r.choice([text, spaced(text, 2, 2, 2, 2, 1)])


def gb_nhs(r: Random) -> str:
    """Mod 11 over nine digits."""
    while True:
        body = r.choice("4679") + digits(r, 8)
        check = 11 - weighted(body, list(range(10, 1, -1))) % 11
        if check != 10:
            break
    text = body + str(check % 11)
    return r.choice([text, spaced(text, 3, 3, 4)])


def us_ssn(r: Random) -> str:
    area = r.choice([n for n in range(1, 773) if n != 666])
    text = f"{area:03}{r.randrange(1, 100):02}{r.randrange(1, 10000):04}"
    return r.choice([spaced(text, 3, 2, 4, by="-"), spaced(text, 3, 2, 4, by="-"), spaced(text, 3, 2, 4)])


def eu_vat(r: Random) -> str:
    """DE, FR and AT as their offices compute them; IT is the Luhn of :func:`it_vat`."""
    country = r.choice(["DE", "FR", "IT", "AT"])
    if country == "DE":
        body = r.choice("123") + digits(r, 7)
        return "DE" + body + mod_11_10(body)
    if country == "FR":
        siren = luhn(r.choice("345789") + digits(r, 7))
        return f"FR{int(siren + '12') % 97:02}{siren}"
    if country == "IT":
        return "IT" + it_vat(r)
    body = digits(r, 7)
    doubled = sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(body))
    return f"ATU{body}{(96 - doubled) % 10}"


def mrz(r: Random) -> str:
    """Both lines of a passport, ICAO 9303-4; in invented countries' names of real codes."""
    country = r.choice(["D<<", "FRA", "ITA", "ESP", "JPN", "CHN"])
    names = r.choice(["BAUMHOFF<<LENA<MARIE", "TREVISIN<<CARLO", "MORIKAWA<<SAE", "LIANG<<WENBO", "LASTRAS<<INES"])
    number = letters(r, 2, "CFGHJKLMNPRTVWXYZ") + digits(r, 7)
    birth_date, expiry = birth(r, "{s:02}{m:02}{d:02}"), f"3{r.randrange(10)}0{r.randrange(1, 10)}1{r.randrange(10)}"
    rest = "<" * 14
    fields = [number + icao(number), birth_date + icao(birth_date), expiry + icao(expiry), rest + "0"]
    total = icao("".join(fields))
    second = fields[0] + country + fields[1] + r.choice("FMX<") + fields[2] + fields[3] + total
    return f"{('P<' + country + names).ljust(44, '<')}\n{second}"


def birth(r: Random, form: str) -> str:
    """Return a date of birth in a form of ``{y}`` ``{s}`` (two digits) ``{m}`` ``{d}``."""
    year = r.randrange(1950, 2006)
    return form.format(y=year, s=year % 100, m=r.randrange(1, 13), d=r.randrange(1, 29))


CHECKED = {
    maker.__name__: maker
    for maker in (
        *(iban, credit_card, jp_my_number, jp_corporate_number, jp_driving_licence, cn_resident_id, cn_social_credit),
        *(
            de_tax_id,
            de_social_security,
            de_id_card,
            de_passport,
            insured,
            fr_nir,
            fr_siren,
            fr_siret,
            it_fiscal_code,
            it_vat,
        ),
        *(es_dni, es_nie, es_cif, es_nss, gb_nhs, eu_vat, mrz),
    )
}
"""Kinds with a check digit."""

STRUCTURED = {m.__name__: m for m in (jp_residence_card, jp_passport, cn_passport, gb_nino, us_ssn)}
"""Kinds with a structure and no check digit."""
