"""Which stretches of a text are Japanese, which Chinese: each sentence by its own letters.

Kana speak for Japanese. Of the kanji, those that only one country's first character set holds speak for it: 资 is in
GB 2312 and not in JIS X 0208, 検 the other way; so do a few words that only one of them writes (您). A sentence that
shows both (``ミサキさんの身份证``) is read as both. So is one that shows neither (王建国), but as Japanese alone where
kana stand elsewhere in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_EASTERN = re.compile("[㐀-䶿一-鿿ぁ-ヺ]")
_SENTENCE = re.compile(r"[^\n。！？]+[。！？]*")
_KANA = re.compile(r"[ぁ-ヺ]")


def _charset(name: str) -> frozenset[str]:
    """Return the kanji of a national character set of 94 rows."""
    rows = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    if name == "euc_jp":  # JIS X 0208: rows 16 to 84
        rows = (bytes((high, low)) for high in range(0xB0, 0xF5) for low in range(0xA1, 0xFF))
    return frozenset(mark for pair in rows for mark in pair.decode(name, "ignore") if "一" <= mark <= "鿿")


_GB, _JIS = _charset("gb2312"), _charset("euc_jp")
CHINESE = re.compile(f"[{''.join(sorted(_GB - _JIS))}你您她很啊厂哈吧呢哦嗯啦咱]|批次|昨天|今天|明天|收到")
_JAPANESE = re.compile(f"[{''.join(sorted(_JIS - _GB))}々〆髙﨑]")


def eastern(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield language (``ja``, ``zh``), start and end of each run of neighbouring sentences of one language."""
    if not _EASTERN.search(text):
        return
    kana = _KANA.search(text) is not None
    runs: dict[str, tuple[int, int]] = {}
    for match in _SENTENCE.finditer(text):
        if not _EASTERN.search(match[0]):
            continue
        spoken = _languages(match[0], kana)
        for language in spoken:
            run = runs.get(language)
            if run and match.start() - run[1] <= 1:
                runs[language] = (run[0], match.end())
            else:
                if run:
                    yield language, *run
                runs[language] = match.span()
    for language, run in runs.items():
        yield language, *run


def _languages(sentence: str, kana: bool) -> tuple[str, ...]:
    """Return the languages a sentence may be in; ``kana``: some stand elsewhere in the text."""
    chinese = CHINESE.search(sentence) is not None
    if _KANA.search(sentence):
        return ("ja", "zh") if chinese else ("ja",)
    if chinese:  # 山田太郎様, 车牌
        return ("ja", "zh") if _JAPANESE.search(sentence) else ("zh",)
    return ("ja",) if kana or _JAPANESE.search(sentence) else ("ja", "zh")
