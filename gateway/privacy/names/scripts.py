"""Which stretches of a text are Japanese, which Chinese: by kana, and by characters that only one of them writes.

Kanji without kana near them may be either (担当 田中太郎; 联系人 王建国): then simplified forms speak for Chinese,
forms that Japan alone simplified speak for Japanese, and where neither stands both detectors read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_EASTERN = re.compile("[㐀-䶿一-鿿ぁ-ヺ]")
_LINE = re.compile(r"[^\n]+")
_KANA = re.compile(r"[ぁ-ヺ]")
_SIMPLIFIED = re.compile(
    "[这们为发车电应问对时长动号门厂产业东开关务员经设备检查质后会与该请张陈刘赵孙杨黄吴马罗郑谢许韩冯邓萧叶苏蒋贾邹龙钟"
    "严华国军伟艳丽娟强涛杰磊静红连线单据护师级医药诊断报进还没从让给过两机组图书记录说话语认识见观现实际间题类术权条]"
)
_JAPANESE = re.compile(
    "[々込働峠畑辻枠匂栃込気沢浜広円図駅塩竜黒県検査労働変価値験実対応検図楽円予売読転伝払択沢覚髙﨑]"
)
_COMMON = re.compile("[国会见医药杰查条気図]")  # written in both


def eastern(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield language (``ja``, ``zh``), start and end of each run of neighbouring lines of one language."""
    if not _EASTERN.search(text):
        return
    kana = _KANA.search(text) is not None
    runs: dict[str, tuple[int, int]] = {}
    for match in _LINE.finditer(text):
        if not _EASTERN.search(match[0]):
            continue
        spoken = _languages(match[0], kana)
        for language in ("ja", "zh"):
            run = runs.get(language)
            if language not in spoken:
                continue
            if run and match.start() - run[1] <= 1:
                runs[language] = (run[0], match.end())
            else:
                if run:
                    yield language, *run
                runs[language] = match.span()
    for language, run in runs.items():
        yield language, *run


def _languages(line: str, kana: bool) -> tuple[str, ...]:
    if _KANA.search(line):
        return ("ja",)
    simplified = {mark for mark in _SIMPLIFIED.findall(line) if not _COMMON.match(mark)}
    if simplified:
        return ("zh",)
    return ("ja",) if kana or _JAPANESE.search(line) else ("ja", "zh")
