"""JSON as RFC 8259 has it: what must be taken, what must be refused, and what it leaves open, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import BadRequest
from gateway.http.body import parse_object

TAKEN: dict[str, tuple[bytes, Any]] = {  # each is the value of a field
    "3 literals: true": (b"true", True),
    "3 literals: null": (b"null", None),
    "2 white space around all": (b" \t\r\n1 \t\r\n", 1),
    "4 an empty object": (b"{}", {}),
    "4 an empty name": (b'{"":0}', {"": 0}),
    "5 an empty array": (b"[]", []),
    "5 kinds mixed": (b'[null,1,"1",{}]', [None, 1, "1", {}]),
    "6 minus zero": (b"-0", 0),
    "6 an exponent with plus": (b"1E+2", 100.0),
    "6 an exponent with minus": (b"1e-2", 0.01),
    "6 a fraction of zero": (b"0.0", 0.0),
    "7 all short escapes": (rb'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
    "7 an escape in either case": (rb'"\u00e9\u00E9"', "\xe9\xe9"),
    "7 a surrogate pair": (rb'"\ud83d\ude97"', "\U0001f697"),
    "7 a noncharacter": (b'"\xef\xbf\xbf"', "\uffff"),
    "7 DEL is no control character of JSON": (b'"\x7f"', "\x7f"),
    "7 U+2028 may stand unescaped": (b'"\xe2\x80\xa8"', "\u2028"),
}
REFUSED: dict[str, bytes] = {
    "2 a form feed is no white space": b"\x0c1",
    "2 U+00A0 is no white space": b"\xc2\xa01",
    "3 a literal in capitals": b"True",
    "3 a literal cut short": b"nul",
    "4 a name without quotes": b"{a:1}",
    "4 a name in single quotes": b"{'a':1}",
    "4 a comma at the end": b'{"a":1,}',
    "4 no colon": b'{"a" 1}',
    "4 a name that is a number": b"{1:1}",
    "4 a comment": b'{"a":1/*b*/}',
    "4 a field twice": b'{"a":1,"a":1}',
    "4 a field twice, once escaped": rb'{"a":1,"\u0061":1}',
    "5 a comma at the end of an array": b"[1,]",
    "5 a comma alone": b"[,]",
    "5 two commas": b"[1,,2]",
    "5 the wrong bracket": b"[1}",
    "5 not closed": b"[1",
    "6 a leading zero": b"01",
    "6 a leading plus": b"+1",
    "6 no digit before the point": b".5",
    "6 no digit after the point": b"1.",
    "6 no digit in the exponent": b"1e",
    "6 hexadecimal": b"0x1",
    "6 NaN": b"NaN",
    "6 Infinity": b"Infinity",
    "6 minus Infinity": b"-Infinity",
    "6 minus alone": b"-",
    "6 a full-width digit": "\uff11".encode(),
    "7 a string not closed": b'"a',
    "7 a raw line break": b'"a\nb"',
    "7 a raw tab": b'"a\tb"',
    "7 a raw NUL": b'"a\0b"',
    "7 an escaped NUL": rb'"a\u0000b"',
    "7 an unknown escape": rb'"\x00"',
    "7 an escape cut short": rb'"\u00a"',
    "7 an escape of no digits": rb'"\u00gg"',
    "8.1 an overlong form": b'"\xc0\xaf"',
    "8.1 a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "8.1 beyond U+10FFFF": b'"\xf4\xbf\xbf\xbf"',
    "8.1 a character cut short": b'"\xe9"',
    "8.2 a lone high surrogate": rb'"\ud800"',
    "8.2 a lone low surrogate": rb'"\udc00"',
    "8.2 a pair the wrong way round": rb'"\ude97\ud83d"',
}
WHOLE: dict[str, bytes] = {
    "8.1 a byte order mark": b'\xef\xbb\xbf{"v":1}',
    "8.1 UTF-16": '{"v":1}'.encode("utf-16"),
    "8.1 UTF-32": '{"v":1}'.encode("utf-32-le"),
    "2 two texts": b'{"v":1}{"v":1}',
    "2 something behind": b'{"v":1}]',
    "2 nothing": b"",
    "2 white space alone": b" ",
}


@pytest.mark.parametrize("rule", TAKEN)
def test_what_the_grammar_has_is_taken(rule: str) -> None:
    raw, value = TAKEN[rule]

    assert parse_object(b'{"v":' + raw + b"}", 64) == {"v": value}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_the_grammar_has_not_is_refused(rule: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_object(b'{"v":' + REFUSED[rule] + b"}", 64)

    assert refused.value.status == 400


@pytest.mark.parametrize("rule", WHOLE)
def test_one_text_in_utf_8_and_nothing_else(rule: str) -> None:
    with pytest.raises(BadRequest):
        parse_object(WHOLE[rule], 64)


@pytest.mark.parametrize(
    "number", [b"1e999", b"-1e999", b"1e-999", b"123456789012345678901234567890", b"1" + b"0" * 400]
)
def test_a_number_without_a_double_is_refused_or_finite(number: bytes) -> None:
    """RFC 8259, 6, leaves range and precision open: here nothing becomes infinite."""
    try:
        value = parse_object(b'{"v":' + number + b"}", 64)["v"]
    except BadRequest as refused:
        assert refused.status == 400
    else:
        assert abs(value) < float("inf")
