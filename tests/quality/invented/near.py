"""Makers of what looks like personal data and is none: the numbers of a plant. Labelled as nothing.

:func:`wrong` makes a look-alike of a kind with a check digit: the same form, one digit changed so that the check fails.
"""

from __future__ import annotations

from random import Random

from invented.ids import CHECKED, digits, letters

HEX = "0123456789abcdef"


def part(r: Random) -> str:
    a, b, c = digits(r, 3), digits(r, 3), digits(r, 2)
    forms = [f"{r.choice('1458')}{letters(r, 1)}0 {a} {b} {letters(r, 1)}", f"A {a} {b} {c} {digits(r, 2)}"]
    forms += [f"0 {a} {b} {digits(r, 3)}", f"{digits(r, 5)}-{letters(r, 2)}{a}-A{c}", f"{letters(r, 3)}-{a}{b}-{c}"]
    forms += [f"{digits(r, 5)}-{digits(r, 5)}", f"{digits(r, 2)}.{a}.{digits(r, 4)}-{digits(r, 3)}", f"N {a} {b} {c}"]
    return r.choice(forms)


def order(r: Random) -> str:
    return r.choice([f"45{digits(r, 8)}", f"PO-{digits(r, 7)}", f"{digits(r, 11)}", f"AB{digits(r, 8)}", digits(r, 12)])


def serial(r: Random) -> str:
    return r.choice(
        [
            f"SN{digits(r, 10)}",
            f"{letters(r, 2)}{digits(r, 6)}{letters(r, 2)}",
            f"{digits(r, 4)}-{letters(r, 4)}-{digits(r, 4)}",
        ]
    )


def digest(r: Random) -> str:
    return letters(r, r.choice([7, 12, 32, 40, 64]), HEX)


def uuid(r: Random) -> str:
    return "-".join(letters(r, size, HEX) for size in (8, 4, 4, 4, 12))


def timestamp(r: Random) -> str:
    day = f"20{r.randrange(23, 29)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"
    clock = f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"
    return r.choice([f"{day}T{clock}.{digits(r, 3)}Z", f"{day} {clock}", f"17{digits(r, 8)}", f"17{digits(r, 11)}"])


def torque(r: Random) -> str:
    screw = f"M{r.choice([6, 8, 10, 12, 14])}x{r.randrange(20, 90)} 10.9"
    return f"{screw}  {r.randrange(8, 180)} Nm + {r.choice([90, 120, 180])}°"


def axis(r: Random) -> str:
    """A position in a drawing or a machine: no place on earth."""
    return f"X{r.uniform(-900, 900):.3f} Y{r.uniform(-900, 900):.3f} Z{r.uniform(0, 400):.3f}"


def tolerance(r: Random) -> str:
    return f"Ø{r.uniform(2, 90):.2f} +0.0{digits(r, 2)}/-0.0{digits(r, 2)}"


def version(r: Random) -> str:
    return r.choice(["v", "", "Release "]) + f"{r.randrange(1, 20)}.{r.randrange(40)}.{r.randrange(300)}"


def lot(r: Random) -> str:
    return r.choice([f"L{digits(r, 6)}-{digits(r, 2)}", f"CH-{digits(r, 8)}", f"{digits(r, 4)}/{digits(r, 3)}"])


def ean(r: Random) -> str:
    """GTIN-13 with its check digit (GS1)."""
    body = "40" + digits(r, 10)
    total = sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(body))
    return body + str(-total % 10)


def container(r: Random) -> str:
    return f"{letters(r, 3)}U {digits(r, 6)} {digits(r, 1)}"


def standard(r: Random) -> str:
    return r.choice(["DIN EN ISO 9001:2015", "ISO 16750-3", "VDA 6.3", "JIS G 3141", "GB/T 19001-2016", "IATF 16949"])


def money(r: Random) -> str:
    amount = r.randrange(1000, 9_999_999)
    return r.choice([f"{amount / 100:,.2f} EUR", f"¥{amount:,}", f"{amount:,}".replace(",", ".") + ",00 €"])


def frame(r: Random) -> str:
    """A CAN frame."""
    return f"{letters(r, 3, '01234567')}#" + letters(r, 16, HEX.upper())


def trouble(r: Random) -> str:
    return r.choice(["P0301", "U0100", "B1342-13", "C0040", f"E{digits(r, 4)}", f"F{digits(r, 5)}"])


def count(r: Random) -> str:
    return str(r.randrange(2, 9_999))


def percent(r: Random) -> str:
    return f"{r.uniform(0, 99):.1f} %"


NEAR = {
    m.__name__: m
    for m in (
        *(part, order, serial, digest, uuid, timestamp, torque, axis, tolerance, version, lot, ean, container),
        *(standard, money, frame, trouble, count, percent),
    )
}


def wrong(r: Random, kind: str) -> str:
    """Return a look-alike of ``kind`` whose check digit is wrong; the change is one that the check must catch."""
    value = CHECKED[kind](r)
    places = [place for place, sign in enumerate(value) if sign.isdigit()]
    place = places[len(places) // 2] if kind in {"jp_driving_licence", "fr_siret"} else places[-1]
    old = int(value[place])
    new = r.choice([digit for digit in range(10) if digit not in {old, (old + 9) % 10, (old + 1) % 10}])
    return value[:place] + str(new) + value[place + 1 :]
