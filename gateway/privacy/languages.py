"""Which of the seven languages a text is in, or partly in.

By script (kana, or words that only Japanese writes: Japanese; other Han: Chinese) and, for Latin scripts, by counting
small words; parts of identifiers, keys and hexadecimal numbers are none. A text may be in several: prompts mix
languages within a sentence. At most :data:`SAMPLED` characters are looked at, in slices spread over the text, so the
time does not grow with it::

    languages("Bitte prüfen Sie den Bericht: 納期は来週です。")   # ("de", "ja")
"""

from __future__ import annotations

import re
from collections import Counter

LANGUAGES = ("en", "de", "fr", "it", "es", "ja", "zh")

SAMPLED = 8192
"""How many characters are looked at."""

_SLICE = 1024

_SMALL_WORDS = {
    "en": (
        "the and of to is are was were for with that this from by be have has not you your we our they will "
        "would can should please which their there been it at as on or an my he she his her what when where "
        "who how if about after before into "
    ),
    "de": (
        "der die das und ist sind war wurde wurden nicht mit auf für von dem den des ein eine einer eines "
        "einem einen zu zum zur im am bei auch wird werden sich aus nach über als oder aber bitte wir sie ich "
        "es haben hat kann durch noch nur wie vom ihre ihr unser mein sein unter gegen ohne bis wenn dass daß "
        "er "
    ),
    "fr": (
        "le la les des du de et est sont était pour avec dans sur par une un que qui pas ne nous vous il elle "
        "ils ce cette ces aux au plus ou mais être avoir leur leurs son sa ses été merci bonjour chez je mon "
        "ma mes veuillez en on se si très aussi d' l' n' s' c' j' m' qu' "
    ),
    "it": (
        "il lo la gli le di del della dei delle degli dello e è sono era per con nel nella nei nelle che non "
        "una un uno da dal dalla al alla ai alle ha hanno si questo questa come più anche grazie essere sul "
        "sulla suo sua ma o se ci mi i prego buongiorno ho sig l' d' dell' all' nell' un' c' dall' "
    ),
    "es": (
        "el la los las de del y es son era para con en por que no una un uno al se su sus lo como más pero ha "
        "han este esta estos fue ser muy también gracias nuestro nuestra usted le les o si sobre entre cuando "
        "desde hasta mi yo tiene está "
    ),
}
"""Words that carry grammar; those of several languages count for each, but alone decide nothing."""

_WORD = re.compile(r"(?<!\w)[a-zà-öø-ÿœ]+(?:'(?=[a-zà-öø-ÿœ]))?(?!\w*[\d_])")
_JAPANESE_WORDS = re.compile(
    "氏名|昭和|平成|令和|社員|番号|生年月日|株式会社|有限会社|担当|部署|品番|都道府県|御中|様|々"
)
_KANA = re.compile("[ぁ-ゖァ-ヺｦ-ﾝ]")
_HAN = re.compile("[一-鿿㐀-䶿]")

_INDEX: dict[str, tuple[str, ...]] = {}
for _language, _small in _SMALL_WORDS.items():
    for _each in _small.split():
        _INDEX[_each] = (*_INDEX.get(_each, ()), _language)

_MARKS = {"de": "äöüß", "es": "ñ¿¡", "fr": "çœêëîïûâ", "it": "ìò"}
"""Letters of one of the five languages only; they weigh as half a word, at most four of them."""


def languages(text: str) -> tuple[str, ...]:
    """Return the languages a text is in, the strongest first; empty for code, numbers and other languages."""
    sample = _sampled(text)
    weights = Counter(_latin(sample.lower()))
    weights.update(_eastern(sample))
    return tuple(language for language, _ in sorted(weights.items(), key=lambda item: (-item[1], item[0])))


def _sampled(text: str) -> str:
    if len(text) <= SAMPLED:
        return text
    slices = SAMPLED // _SLICE
    step = (len(text) - _SLICE) // (slices - 1)
    return "\n".join(text[at * step : at * step + _SLICE] for at in range(slices))


def _latin(sample: str) -> dict[str, int]:
    """Return languages of the Latin script by weight: words that are its own, and a share of the text."""
    own: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    distinct: dict[str, set[str]] = {language: set() for language in _SMALL_WORDS}
    for word in _WORD.findall(sample.replace("’", "'")):
        of = _INDEX.get(word) or _INDEX.get(word.rstrip("'"), ())
        if len(of) == 1:
            own[of[0]] += 2
            distinct[of[0]].add(word)
        for language in of:
            shared[language] += 1
    for language, marks in _MARKS.items():
        own[language] += min(4, sum(map(sample.count, marks)))
    strongest = max(own.values(), default=0)
    return {
        language: own[language] * 2 + shared[language]
        for language in _SMALL_WORDS
        if _is_in(own[language], len(distinct[language]), shared[language], strongest)
    }


def _is_in(own: int, distinct: int, shared: int, strongest: int) -> bool:
    """Two words of its own, or one and a sign more; and no mere sprinkle in a text of another language."""
    if own < 2 or (distinct < 2 and (own + shared < 4 or own < strongest)):
        return False
    return own * 12 >= strongest


def _eastern(sample: str) -> dict[str, int]:
    """Return Japanese and Chinese by weight: kana and what stands near them are Japanese, other Han Chinese."""
    kana = len(_KANA.findall(sample))
    chinese = sum(len(_HAN.findall(run)) for run in _runs(sample) if not _is_japanese(run))
    japanese = len(_HAN.findall(sample)) - chinese
    weights: dict[str, int] = {}
    if kana >= 2 or japanese >= 2:
        weights["ja"] = kana + japanese
    if chinese >= 2 and (kana < 2 or chinese >= 8):
        weights["zh"] = chinese
    return weights


def _is_japanese(run: str) -> bool:
    return bool(_KANA.search(run) or _JAPANESE_WORDS.search(run))


def _runs(sample: str) -> list[str]:
    """Return stretches between line breaks and full stops that hold Han."""
    return [run for run in re.split("[\n。!?；;]", sample) if _HAN.search(run)]
