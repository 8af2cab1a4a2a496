"""Restoring, as somebody sees it who wants to break it: bends upon bends, every split, every place of a tag."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, ToolCallDelta
from gateway.privacy.bends import LONGEST, units
from gateway.privacy.redact import Value
from gateway.privacy.restore import WayBack

CORE, MAIL_CORE = "7K3M9QX2T4VWB0H1", "0123456789ABCDEF"
TAG, MAIL_TAG = f"PERSON_{CORE}", f"EMAIL_ADDRESS_{MAIL_CORE}"
NAME, MAIL = "Ada Lovelace", "ada@plant.local"
VALUES = {CORE: Value("PERSON", NAME), MAIL_CORE: Value("EMAIL_ADDRESS", MAIL)}
FOREIGN = "PERSON_8N4Q9RY3V5WXC7JE"

Bend = Callable[[str], str]


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def hexadecimal(text: str) -> str:
    return f"\\u{ord(text[0]):04x}{text[1:]}"


LETTERS: dict[str, Bend] = {
    "lower": str.lower,
    "title": str.title,
    "full-width": full_width,
    "look-alikes": lambda text: text.replace("0", "o").replace("1", "l"),
    "its type lost": lambda text: text[-len(CORE) :],
    "as it is": lambda text: text,
}
JOINTS: dict[str, Bend] = {
    "blank": lambda text: text.replace("_", " "),
    "none": lambda text: text.replace("_", ""),
    "hyphen": lambda text: text.replace("_", "-"),
    "dash": lambda text: text.replace("_", "–"),
    "Markdown": lambda text: text.replace("_", "\\_"),
    "full-width Markdown": lambda text: text.replace("_", "＼＿"),
    "entity": lambda text: text.replace("_", "&#95;"),
    "hexadecimal entity": lambda text: text.replace("_", "&#x5F;"),
    "named entity": lambda text: text.replace("_", "&lowbar;"),
    "JSON": lambda text: text.replace("_", "\\u005f"),
    "the first letter in JSON": hexadecimal,
}
INSERTIONS: dict[str, Bend] = {
    "spaced": " ".join,
    "broken": lambda text: f"{text[:-3]}\n{text[-3:]}",
    "hyphenated": lambda text: f"{text[:-8]}-{text[-8:]}",
    "bold": lambda text: f"{text[:-5]}**{text[-5:]}",
    "zero width": lambda text: f"{text[:-9]}\u200b{text[-9:]}",
    "soft hyphen": lambda text: f"{text[:-2]}\u00ad{text[-2:]}",
}
PAIRS = [
    (f"{one}, {other}", first, second)
    for left, right in combinations((LETTERS, INSERTIONS, JOINTS), 2)
    for one, first in left.items()
    for other, second in right.items()
    if not (one == "spaced" and right is JOINTS)  # it takes an escape apart
]


def restored(
    pieces: Iterable[str], kind: Literal["content", "arguments"] = "content", values: dict[str, Value] = VALUES
) -> str:
    """Return what comes out; fails where more than a tag's length is held back."""
    restorer = WayBack(values, ("text", "arguments")).restorer()
    came, out = "", ""
    for piece in pieces:
        calls = (ToolCallDelta(0, arguments=piece),) if kind == "arguments" else ()
        chunk = restorer.feed(Chunk((Choice(0, content=None if calls else piece, tool_calls=calls),)))
        came += piece
        out += _said(chunk)
        if NAME not in out and MAIL not in out:
            assert len(units(came)) - len(units(out)) <= LONGEST
    return out + _said(restorer.flush())


def _said(chunk: Chunk | None) -> str:
    choices = chunk.choices if chunk else ()
    return "".join((c.content or "") + "".join(call.arguments or "" for call in c.tool_calls) for c in choices)


def however_cut(text: str, kind: Literal["content", "arguments"] = "content") -> str:
    """Return the one result that every split in two, and each character alone, gives."""
    results = {restored([text[:at], text[at:]], kind) for at in range(len(text))} | {restored(text, kind)}
    assert len(results) == 1
    return results.pop()


@pytest.mark.parametrize(("first", "second"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_two_bends_at_once_are_seen_through_at_every_split(first: Bend, second: Bend) -> None:
    bent = second(first(TAG))
    for around in ("{}", "Dear {}, hello", "「{}」さん", "<{} said"):
        assert however_cut(around.format(bent)) == around.format(NAME)


@pytest.mark.parametrize("length", [4, 9, 15])
@pytest.mark.parametrize("bend", [*LETTERS.values(), *JOINTS.values()], ids=[*LETTERS, *JOINTS])
def test_a_lost_end_and_a_bend_at_once(length: int, bend: Bend) -> None:
    tag = bend(TAG)
    cut = tag[: len(tag) - len(CORE) + length]
    if len(tag) > len(CORE) or length >= 8:
        for around in ("{}さん", "[{}, he", "{}."):
            assert however_cut(around.format(cut)) == around.format(NAME)


@pytest.mark.parametrize(
    "text",
    [
        "| Name | Mail |\n| --- | --- |\n| {n} | {m} |\n",
        "```python\nname = '{n}'\n```",
        "Use `{n}`, not `{m}`.",
        "[{n}](https://x.example/a) and {n}",
        "[a]: https://x.example/a\n{n}",
        '<a title="{n}">{m}</a>',
        "# {n}\n\n- {m}\n1. {n}",
        "**{n}** *{m}* __{n}__",
        "{n}{n}",
        "{n}{m}{n}",
        "{n}_{m}",
        "{n};{m}\n{n},{m}",
        "PERSON_{n}",
        "EMAIL_ADDRESS_{n}",
        FOREIGN + "{n} " + FOREIGN + "s",
    ],
)
def test_wherever_a_tag_stands_it_comes_back(text: str) -> None:
    assert however_cut(text.format(n=TAG, m=MAIL_TAG)) == text.format(n=NAME, m=MAIL)


@pytest.mark.parametrize(
    "target", ["[a](https://x.example/{})", "![a](https://x.example/?q={})", "<https://x.example/{}>"]
)
def test_a_links_target_keeps_its_tag_while_the_text_beside_it_comes_back(target: str) -> None:
    link = target.format(TAG)
    assert however_cut(f"| {TAG} | {link} | {TAG} |") == f"| {NAME} | {link} | {NAME} |"


@pytest.mark.parametrize(
    "text",
    [
        FOREIGN,
        FOREIGN.lower().replace("_", "\\_"),
        full_width(FOREIGN),
        "PERSON_1, PERSON_A, EMAIL_ADDRESS_2 and <PERSON>",
        TAG[:-1] + "2",
        "PERSON_" + CORE[:5] + CORE[6:],
        "PERSON_" + CORE[:8] + "U" + CORE[8:],
        "PERSON_" + CORE[::-1],
        "PERSON_" + MAIL_CORE[:6],
    ],
)
def test_tags_of_others_and_invented_ones_stay(text: str) -> None:
    assert however_cut(text) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"to": TAG, "cc": [MAIL_TAG, TAG]}, {"to": NAME, "cc": [MAIL, NAME]}),
        ({TAG: {"n": 1}}, {NAME: {"n": 1}}),
        ({"code": f'print("{TAG}")', "text": f"| {TAG} |\n| {MAIL_TAG} |"}, None),
        ({"url": f"https://x.example/{TAG}", "to": TAG}, {"url": f"https://x.example/{TAG}", "to": NAME}),
        ({"to": full_width(TAG), "cc": MAIL_TAG.lower()}, {"to": NAME, "cc": MAIL}),
        ({"inner": json.dumps({"to": TAG.replace("_", "-")})}, {"inner": json.dumps({"to": NAME})}),
        ({"to": FOREIGN}, {"to": FOREIGN}),
    ],
)
def test_arguments_of_tools_at_every_split(written: dict[str, object], meant: dict[str, object] | None) -> None:
    expected = meant or json.loads(json.dumps(written).replace(TAG, NAME).replace(MAIL_TAG, MAIL))

    assert json.loads(however_cut(json.dumps(written), "arguments")) == expected


parts = st.sampled_from(
    [TAG, MAIL_TAG, TAG.lower(), TAG.replace("_", "\\_"), TAG.replace("_", "&#95;"), full_width(TAG), FOREIGN, TAG[:12],
     CORE, CORE[:8], "PERSON_", "\\", "\\u00", "&#9", "&", '"', "{", "](", "https://", "|", "\n", " ", "さん", "s", "0"]
)  # fmt: skip


@given(text=st.lists(parts, max_size=8).map("".join), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_no_cut_changes_what_comes_out_of_any_mixture(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(at % (len(text) + 1) for at in cuts)})
    pieces = [text[start:end] for start, end in pairwise(edges)]

    assert restored(pieces) == restored([text]) == restored(text)
    assert FOREIGN not in text or FOREIGN in restored([text])
