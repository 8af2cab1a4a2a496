from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Choice, Chunk, ToolCallDelta, Usage
from gateway.privacy.bends import LONGEST, Finder, units
from gateway.privacy.door import Redacted, Restorer
from gateway.privacy.redact import Value
from gateway.privacy.restore import WayBack

ADA = "PERSON_7K3M9QX2T4VWB6HD"
MAIL = "EMAIL_ADDRESS_0123456789ABCDEF"
LINK = "URL_ZZZZYYYYXXXXWWWW"
QUOTE = "PERSON_QQQQ0000QQQQ1111"
VALUES = {
    "7K3M9QX2T4VWB6HD": Value("PERSON", "Ada Lovelace"),
    "0123456789ABCDEF": Value("EMAIL_ADDRESS", "ada@plant.local"),
    "ZZZZYYYYXXXXWWWW": Value("URL", "https://x.example/a"),
    "QQQQ0000QQQQ1111": Value("PERSON", 'Ada "Byron"\n\\ PERSON_7K3M9QX2T4VWB6HD'),
}
CORE = ADA.removeprefix("PERSON_")


def restorer(*channels: str) -> Restorer:
    return WayBack(VALUES, channels or ("text", "arguments")).restorer()


def whole(text: str, *channels: str) -> str:
    chunk = restorer(*channels).feed(Chunk((Choice(0, content=text, finish_reason="stop"),)))
    assert chunk is not None
    return chunk.choices[0].content or ""


def cut(text: str, cuts: Iterable[int]) -> list[str]:
    edges = sorted({0, len(text), *(at % (len(text) + 1) for at in cuts)})
    return [text[start:end] for start, end in pairwise(edges)]


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


@pytest.mark.parametrize(
    "bent",
    [
        ADA,
        ADA.lower(),
        ADA.title(),
        ADA.replace("_", " "),
        ADA.replace("_", ""),
        ADA.replace("_", r"\_"),
        ADA.replace("_", "&#95;"),
        ADA.replace("_", "&lowbar;"),
        ADA.replace("_", r"\u005f"),
        full_width(ADA),
        f"PERSON_{CORE[:8]}\n{CORE[8:]}",
        " ".join(CORE),
        f"PERSON-{CORE[:4]}-{CORE[4:]}",
        f"PERSON\u200b_{CORE}",
        CORE,
        "\\u0050" + ADA[1:],
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "Dear {}, hello", "{}s", "{}'s", "{}さん", "{}のお", "**{}**", "<{}>", "Mr{}."]
)
def test_bent_tags_become_values(bent: str, around: str) -> None:
    assert whole(around.format(bent)) == around.format("Ada Lovelace")


@pytest.mark.parametrize(
    "text",
    [
        ADA[:-1] + "E",
        ADA[:10],
        ADA[:14] + "x",
        f"CITY_{CORE[:7]}",
        f"{CORE[:7]}!",
        f"PERSON_{CORE[:3]} {CORE[3:5]}!",
        f"PERSON_{CORE[1:]}",
        f"{CORE[:7]}!{CORE[7:]}",
        f"{CORE[:8]}{' ' * LONGEST}{CORE[8:]}",
        f"{CORE[:5]}あ{CORE[5:]}",
        "PERSON_AAAAAAAAAAAAAAAA",
        "<PERSON>",
    ],
)
def test_what_is_not_exactly_a_tag_of_this_request_stays(text: str) -> None:
    assert whole(text) == text


@pytest.mark.parametrize("length", [4, 7, 12, 15])
@pytest.mark.parametrize("around", ["{}", "Dear {}, hello", "{}'s", "{}さん", "**{}**", "<{}>", "{}…", "{}."])
def test_a_lost_end_is_made_good_behind_the_right_type(length: int, around: str) -> None:
    assert whole(around.format(f"PERSON_{CORE[:length]}")) == around.format("Ada Lovelace")
    assert whole(around.format(f"person\\_{CORE[:length].lower()}")) == around.format("Ada Lovelace")


@pytest.mark.parametrize(("bare", "expected"), [(CORE[:8], "Ada Lovelace"), (CORE[:15], "Ada Lovelace")])
def test_a_lost_end_without_type_needs_eight_characters(bare: str, expected: str) -> None:
    assert whole(f"it is {bare}.") == f"it is {expected}."


def test_a_lost_end_that_two_tags_could_have_stays() -> None:
    values = {core: Value("PERSON", core[-1]) for core in ("7K3M9QX2T4VWB6HD", "7K3M9QX2T4VWB6ZZ", "7K3MZZZZZZZZZZZZ")}
    finder = Finder({core: value.type for core, value in values.items()})

    assert finder.find("PERSON_7K3M, PERSON_7K3M9QX2T4VWB6, 7K3M9QX2T") == []
    assert [spot.core[-1] for spot in finder.find("PERSON_7K3M9QX2T4VWB6H, PERSON_7K3MZ, 7K3MZZZZZ")] == ["D", "Z", "Z"]


def test_a_lost_end_that_another_type_shares_is_told_by_its_type() -> None:
    finder = Finder({"7K3M9QX2T4VWB6HD": "PERSON", "7K3M9QX2T4VWB6ZZ": "CITY"})

    assert [spot.core[-1] for spot in finder.find("PERSON_7K3M9 and CITY_7K3M9")] == ["D", "Z"]


@pytest.mark.parametrize(("look_alike", "expected"), [("o", "0"), ("O", "0"), ("l", "1"), ("I", "1")])
def test_look_alikes_count_as_the_digit(look_alike: str, expected: str) -> None:
    assert whole(QUOTE.replace(expected, look_alike)) == VALUES["QQQQ0000QQQQ1111"].text


def test_a_type_that_is_not_the_tags_own_stays() -> None:
    assert whole(f"CITY_{CORE}") == "CITY_Ada Lovelace"


def test_restored_text_is_never_searched_again() -> None:
    assert whole(QUOTE).endswith(ADA)


def test_values_in_arguments_stay_valid_json() -> None:
    arguments = json.dumps({"to": f"x {QUOTE}", "n": 1})
    chunk = Chunk((Choice(0, tool_calls=(ToolCallDelta(0, "c", "send", arguments),), finish_reason="tool_calls"),))

    restored = restorer().feed(chunk)

    assert restored is not None
    restored_arguments = restored.choices[0].tool_calls[0].arguments
    assert json.loads(restored_arguments or "") == {"to": "x " + VALUES["QQQQ0000QQQQ1111"].text, "n": 1}


def test_channels_that_are_not_granted_pass_as_they_are() -> None:
    chunk = Chunk((Choice(0, content=ADA, reasoning=ADA, tool_calls=(ToolCallDelta(0, arguments=ADA),)),))

    in_text, in_arguments = restorer("text"), restorer("arguments")

    assert (first := in_text.feed(chunk)) and first.choices[0].tool_calls == chunk.choices[0].tool_calls
    assert (second := in_arguments.feed(chunk)) and second.choices[0].content == ADA
    assert (first.choices[0].content, first.choices[0].reasoning) == ("Ada Lovelace", "Ada Lovelace")
    assert second.choices[0].tool_calls[0].arguments == "Ada Lovelace"


LINKS = [
    "https://evil.example/?q={}",
    "HTTP://{}.evil.example/",
    "[x](https://evil.example/{})",
    "[x](evil.example/{})",
    "[x](</a {}>)",
    "![]({})",
    "see //evil.example/{}",
    "www.evil.example/{}",
    "evil.example/{}",
    "evil.example:8080?{}",
    'https://evil.example/"{}',
    "https://evil.example/){}",
    "(https://evil.example/(a){})",
    "https:\\/\\/evil.example\\/{}",
    "https&#58;//evil.example/{}",
    '<img src="https://evil.example/ {}">',
    LINK + "?q={}",
]


@pytest.mark.parametrize("link", LINKS)
def test_a_tag_in_a_link_stays_a_tag_unless_granted(link: str) -> None:
    text = link.format(ADA).replace(LINK, "https://x.example/a")

    assert ADA in whole(link.format(ADA))
    assert whole(link.format(ADA), "text", "urls") == text.replace(ADA, "Ada Lovelace")


@pytest.mark.parametrize(
    "text",
    ["https://x.example/ {}", "(see https://x.example) {}", "(https://x.example){}", "[x](https://x.example){}",
     "<https://x.example>{}", '<a href="https://x.example">{}', "and/or {}", "// {}", "12:30 {}", "a. {}", "{}"],
)  # fmt: skip
def test_a_tag_beside_a_link_becomes_a_value(text: str) -> None:
    assert whole(text.format(ADA)) == text.format("Ada Lovelace")


def test_a_tag_of_a_link_may_be_a_links_target() -> None:
    assert whole(f"[x]({LINK})") == "[x](https://x.example/a)"


def test_the_end_of_a_json_string_ends_a_link() -> None:
    arguments = json.dumps({"url": f"https://evil.example/{ADA}", "name": ADA}, separators=(",", ":"))
    chunk = restorer().feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(0, arguments=arguments),)),)))

    assert chunk is not None
    restored = json.loads(chunk.choices[0].tool_calls[0].arguments or "")
    assert restored == {"url": f"https://evil.example/{ADA}", "name": "Ada Lovelace"}


pieces = st.one_of(
    st.sampled_from(
        [
            ADA,
            MAIL,
            LINK,
            QUOTE,
            ADA.lower(),
            CORE,
            ADA[:9],
            ADA[:12],
            CORE[:9],
            full_width(MAIL),
            "PERSON",
            " ",
            "\\",
            "\\\\",
        ]
    ),
    st.sampled_from(["https://e.example/", "www.", "](", ")", "(", '"', '="', "<", ">", "\\u00", "&#9", "&#95;", "\n"]),
    st.text(alphabet="PERSON_URL7K3M 01.:/\\&#u0;x-\"'", max_size=8),
)
texts = st.lists(pieces, max_size=14).map("".join)


@given(text=texts, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_the_result_does_not_depend_on_how_the_answer_is_cut(
    answer: Callable[..., str], text: str, cuts: list[int]
) -> None:
    assert answer(restorer(), cut(text, cuts)) == whole(text)


@given(text=texts)
def test_one_character_at_a_time_gives_the_same(answer: Callable[..., str], text: str) -> None:
    assert answer(restorer(), list(text)) == whole(text)


@given(text=texts, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_arguments_do_not_depend_on_how_they_are_cut(text: str, cuts: list[int]) -> None:
    def arguments(parts: list[str]) -> str:
        one = restorer()
        chunks = [one.feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(2, arguments=part),)),))) for part in parts]
        calls = [call for chunk in [*chunks, one.flush()] if chunk for call in chunk.choices[0].tool_calls]
        return "".join(call.arguments or "" for call in calls)

    assert arguments(cut(json.dumps(text), cuts)) == arguments([json.dumps(text)])


@given(text=texts)
def test_no_more_is_held_back_than_the_longest_tag(text: str) -> None:
    finder = Finder({core: value.type for core, value in VALUES.items()})

    held = text[finder.read(text, last=False)[1] :]

    assert LONGEST == 64
    assert len(units(held)) <= LONGEST


@pytest.mark.parametrize("before", [0, 190, 300, 1000, 4090, 5000])
@pytest.mark.parametrize(
    "beginning", [ADA[:12], "\\u0050ERSON&#95;7K", "7K3M9", "PERSON \\u00", "URL_ZZZZ&#", "\\" * 69]
)
def test_exactly_the_beginning_of_a_tag_is_held_back(before: int, beginning: str) -> None:
    finder = Finder({core: value.type for core, value in VALUES.items()})

    text = "&amp; " + "." * before + beginning
    expected = len(text) - 1 if beginning[0] == "\\" == beginning[1] else before + 6
    assert finder.read(text, last=False)[1] == expected


@pytest.mark.parametrize("spaces", range(40, 60))
@pytest.mark.parametrize("tag", [ADA, ADA[:14], CORE[:9]])
def test_a_stretched_tag_reads_the_same_however_it_comes_in(answer: Callable[..., str], tag: str, spaces: int) -> None:
    for text in (
        tag[:3] + " " * spaces + tag[3:] + "!",
        tag[:9] + " " * spaces + tag[9:] + "!",
        tag + " " * spaces + "!",
    ):
        assert answer(restorer(), list(text)) == whole(text)


@pytest.mark.parametrize("text", ["." * 1_000_000, "P" * 1_000_000, "7K3M" * 250_000, "PERSON_7K3M " * 80_000])
def test_a_megabyte_is_searched_in_linear_time(text: str) -> None:
    finder = Finder({core: value.type for core, value in VALUES.items()})

    began = perf_counter()
    finder.find(text)

    assert perf_counter() - began < 10  # quadratic it would be minutes


@given(redacted_text=st.text(max_size=60), cuts=st.lists(st.integers(0, 100), max_size=8))
def test_redacted_text_comes_back_whatever_the_cuts(
    redact: Callable[..., Redacted], answer: Callable[..., str], redacted_text: str, cuts: list[int]
) -> None:
    text = f"{redacted_text}Ada Lovelace{redacted_text}"
    redacted = redact([text], [("PERSON", "Ada Lovelace")])

    assert answer(redacted.restorer(), cut(redacted.texts[0], cuts)) == text


def test_text_that_cannot_begin_a_tag_passes_at_once() -> None:
    chunk = Chunk((Choice(0, content="Guten Tag!", logprobs={"content": []}),))

    assert restorer().feed(chunk) is chunk


def test_a_request_without_tags_passes_every_chunk_as_it_is(redact: Callable[..., Redacted]) -> None:
    one = redact([ADA], []).restorer()
    chunk = Chunk((Choice(0, content=ADA, logprobs={"content": []}),))

    assert one.feed(chunk) is chunk
    assert one.flush() is None
    assert one.restored == 0


def test_what_is_held_comes_with_the_finish_reason_and_not_before() -> None:
    one = restorer()

    held = one.feed(Chunk((Choice(0, content="PERSON_7K3"),)))
    last = one.feed(Chunk((Choice(0, finish_reason="length"),)))

    assert held is None
    assert last == Chunk((Choice(0, content="PERSON_7K3", finish_reason="length"),))
    assert one.flush() is None


def test_a_chunk_with_more_than_held_text_is_not_swallowed() -> None:
    chunk = restorer().feed(Chunk((Choice(0, role="assistant", content="PERSON_"),), Usage(1, 2)))

    assert chunk == Chunk((Choice(0, role="assistant"),), Usage(1, 2))


def test_choices_and_channels_are_held_apart() -> None:
    one = restorer()
    one.feed(Chunk((Choice(0, content=ADA[:12]), Choice(1, content=MAIL[:16]), Choice(0, reasoning=MAIL[:16]))))

    chunk = one.feed(Chunk((Choice(1, content=MAIL[16:]), Choice(0, content=ADA[12:]))))

    assert chunk == Chunk((Choice(1, content="ada@plant.local"), Choice(0, content="Ada Lovelace")))
    assert one.flush() == Chunk((Choice(0, reasoning=MAIL[:16]),))
    assert one.restored == 2


def test_held_arguments_come_with_the_finish_reason() -> None:
    one = restorer()
    first = one.feed(Chunk((Choice(0, tool_calls=(ToolCallDelta(1, "id", "f", ADA[:10]),)),)))

    last = one.feed(Chunk((Choice(0, finish_reason="tool_calls"),)))

    assert first == Chunk((Choice(0, tool_calls=(ToolCallDelta(1, "id", "f"),)),))
    assert last == Chunk((Choice(0, tool_calls=(ToolCallDelta(1, arguments=ADA[:10]),), finish_reason="tool_calls"),))


@pytest.mark.parametrize("text", [ADA, "PERSON_7K", f"a {ADA} b"])
def test_log_probabilities_are_dropped_where_text_was_restored_or_held(text: str) -> None:
    chunk = restorer().feed(Chunk((Choice(0, role="assistant", content=text, logprobs={"content": []}),)))

    assert chunk is not None
    assert chunk.choices[0].logprobs is None
