"""Classification marks: signals that raise the class of a text, no personal data.

A mark is found where it is written as one, not where prose or code speaks of it:

1. In brackets (``[INTERNAL]``, ``【社外秘】``), or between the separators and ends of a header line.
2. Behind a label (``Classification: internal``, ``Einstufung: vertraulich``, ``機密区分：社外秘``), in any case.
3. Words that mean nothing else (CONFIDENTIAL, VERTRAULICH) in capitals anywhere but in quotes, lists and identifiers.
   Others (INTERNAL, SECRET, PUBLIC), and the same words with a first capital (``Streng vertraulich: …``), only by
   rule 1 or 2: capitals are ordinary in code, and prose speaks of what is confidential.
4. Chinese and Japanese marks where no sentence goes on beside them: ``機密保持契約`` and ``社外秘の資料`` are prose.
5. TLP, VS and NATO labels wherever they stand.

:data:`CLASS_OF` gives each rule's class in the words of the domain: public, internal, confidential, strict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypedDict, Unpack

from gateway.privacy.patterns.rule import Boundary, Confirm, Proof, Rule


def _words(table: str) -> tuple[str, ...]:
    """Return the words of a table, one or more a line, separated by ``|``."""
    return tuple(word.strip() for word in table.replace("\n", "|").split("|") if word.strip())


# Mean nothing else in capitals (rule 3).
_PLAIN: Final = {
    "strict": _words("""
        STRICTLY CONFIDENTIAL|STRICTLY PRIVATE AND CONFIDENTIAL|HIGHLY CONFIDENTIAL|TOP SECRET|STRENG VERTRAULICH
        STRENG GEHEIM|TRÈS CONFIDENTIEL|STRICTEMENT CONFIDENTIEL|SECRET DÉFENSE|STRETTAMENTE RISERVATO
        STRETTAMENTE CONFIDENZIALE|RISERVATISSIMO|ESTRICTAMENTE CONFIDENCIAL|ALTAMENTE CONFIDENCIAL|PROTOTYPENSCHUTZ
        PROTOTYPE PROTECTION"""),
    "confidential": _words("""
        CONFIDENTIAL|COMPANY CONFIDENTIAL|COMMERCIAL IN CONFIDENCE|PRIVATE AND CONFIDENTIAL|PRIVATE & CONFIDENTIAL
        PROPRIETARY AND CONFIDENTIAL|CONFIDENTIAL AND PROPRIETARY|VERTRAULICH|FIRMENVERTRAULICH|CONFIDENTIEL
        CONFIDENTIEL INDUSTRIE|DIFFUSION RESTREINTE|RISERVATO|CONFIDENZIALE|RISERVATO E CONFIDENZIALE|CONFIDENCIAL
        OFFICIAL-SENSITIVE"""),
    "internal": _words("""
        INTERNAL USE ONLY|FOR INTERNAL USE ONLY|FOR INTERNAL USE|COMPANY INTERNAL|NOT FOR DISTRIBUTION
        NUR FÜR INTERNEN GEBRAUCH|NUR FÜR DEN INTERNEN GEBRAUCH|NUR FÜR DEN DIENSTGEBRAUCH|NUR ZUM INTERNEN GEBRAUCH
        NUR INTERN|FIRMENINTERN|BETRIEBSINTERN|USAGE INTERNE|USAGE INTERNE UNIQUEMENT|RÉSERVÉ À L'USAGE INTERNE
        USO INTERNO|SOLO PER USO INTERNO|AD USO INTERNO|SOLO USO INTERNO|SOLO PARA USO INTERNO
        USO INTERNO EXCLUSIVO"""),
}

# Mean something else, too: only in brackets, in a header line, behind a label (rule 3).
_AMBIGUOUS: Final = {
    "strict": _words("GEHEIM|SEGRETO|SECRETO|TRÈS SECRET|STRICT"),
    "confidential": _words("RESTRICTED|SECRET|PROPRIETARY|RESERVADO|NDA"),
    "internal": _words("INTERNAL|INTERN|INTERNE|INTERNO|INTERNAL ONLY|DO NOT DISTRIBUTE"),
    "public": _words("PUBLIC|ÖFFENTLICH|PUBBLICO|PÚBLICO|UNCLASSIFIED|NOT CONFIDENTIAL"),
}

# The most usual of them with a first capital: only in brackets, in a header line, behind a label (rule 3).
_TITLED: Final = {
    "strict": _words("""
        Strictly confidential|Strictly Confidential|Highly confidential|Highly Confidential|Streng vertraulich
        Streng Vertraulich|Très confidentiel|Strettamente riservato|Estrictamente confidencial"""),
    "confidential": _words("Confidential|Vertraulich|Confidentiel|Riservato|Confidenziale|Confidencial"),
    "internal": _words("For internal use only|Nur für den internen Gebrauch|Usage interne|Uso interno"),
}

_CJK: Final = {
    "strict": _words("極秘|厳秘|最高機密|トップシークレット|绝密|绝密级|机密级|核心商密|商业绝密"),
    "confidential": _words("""
        機密|社外秘|部外秘|関係者外秘|関係者限り|マル秘|機密情報|機密文書|機密資料|秘密情報|秘|コンフィデンシャル
        厳重管理|机密|秘密|保密|商业秘密|商业机密|公司机密|机密文件|机密资料|秘密级|普通商密|受控文件|关系者外秘
        严禁外传|禁止外传"""),
    "internal": _words("""
        取扱注意|取り扱い注意|社内限り|社内限|社内用|社内秘|社内資料|内部限定|転載禁止
        内部资料|内部文件|内部使用|仅供内部使用|仅限内部使用|内部公开|内部参考|注意保密"""),
    "public": _words("一般公開|公開|公开"),
}

_LABELS: Final = _words("""
    classification|security classification|information classification|document class|confidentiality
    confidentiality level|information class|data class|data classification|sensitivity|security level|protection class
    klassifizierung|klassifikation|einstufung|vertraulichkeit|vertraulichkeitsstufe|vertraulichkeitsklasse|schutzklasse
    geheimhaltungsstufe|niveau de confidentialité|confidentialité|classificazione|livello di riservatezza|riservatezza
    clasificación|nivel de confidencialidad|confidencialidad|tisax|tisax label|tisax-label
    機密区分|機密度|機密性|秘密区分|情報区分|取扱区分|機密レベル|機密ランク|密级|保密级别|保密等级|密級""")

_OPENING: Final = "[(【〔《〈<「『"
_CLOSING: Final = "])】〕》〉>」』"
_SEPARATORS: Final = "|/–—·•:*#\n"
_QUOTES: Final = "\"'`“”„«»_,=@\\"
_BULLETS: Final = re.compile(r"(?:^|\n)[ \t]*(?:[-*•+]|[0-9]{1,2}[.)]|\|[^\n]*)[ \t]*\Z")


_LIST_GOES_ON: Final = re.compile(r"[ ]?,\s{0,4}[A-Z_]{3,}\b")


def _sides(text: str, start: int, end: int) -> tuple[str, str]:
    """Return the first character before and after that is no blank, a line feed at either end of the text."""
    before = text[max(0, start - 12) : start].rstrip(" \t")
    after = text[end : end + 12].lstrip(" \t\r")
    return (before[-1:] or "\n", after[:1] or "\n")


def _is_in_brackets(text: str, start: int, end: int) -> bool:
    before, after = _sides(text, start, end)
    if before not in _OPENING or after not in _CLOSING:
        return False
    at = text.rfind(before, max(0, start - 12), start)
    return not (text[at - 1 : at].isalnum() and text[at - 1 : at].isascii()) if at else True


def _is_in_header(text: str, start: int, end: int) -> bool:
    """Whether separators or ends of a line stand on both sides, and it is no item of a list or cell of a table."""
    before, after = _sides(text, start, end)
    dash = "-" if text[start - 2 : start] == "- " or text[end : end + 2] == " -" else ""
    if before not in _SEPARATORS + dash or after not in _SEPARATORS + dash + ".!":
        return False
    return not _BULLETS.search(text[max(0, start - 80) : start])


def _confirm_ambiguous(text: str, start: int, end: int) -> Proof | None:
    if _is_in_brackets(text, start, end):
        return Proof(start, end, "in brackets")
    return Proof(start, end, "in a header line") if _is_in_header(text, start, end) else None


def _confirm_plain(text: str, start: int, end: int) -> Proof | None:
    before, after = _sides(text, start, end)
    if before in _QUOTES or (after in _QUOTES and after != ",") or _LIST_GOES_ON.match(text, end):
        return None
    return Proof(start, end, "written as a mark")


def _is_cjk(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff"


def _confirm_cjk(text: str, start: int, end: int) -> Proof | None:
    """Rule 4; a word of everyday needs brackets or a line of its own."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if (before and _is_cjk(before)) or (after and _is_cjk(after)):
        return None
    if text[start:end] in _EVERYDAY:
        return _confirm_ambiguous(text, start, end)
    near = {*_sides(text, start, end)}
    return None if near & {*"\"'`,、，"} else Proof(start, end, "no sentence beside it")


_EVERYDAY: Final = frozenset(
    _words("機密|秘密|机密|保密|公開|公开|一般公開|転載禁止|社内用|取扱注意|取り扱い注意|内部使用")
)


class _More(TypedDict, total=False):
    against: tuple[str, ...]
    boundary: Boundary
    caseless: bool
    score: float


_AGAINST: Final = ("not", "non", "nicht", "no", "un", "非")


def _rule(name: str, expression: str, confirm: Confirm | None = None, **more: Unpack[_More]) -> Rule:
    options: _More = {"score": 0.9, "against": _AGAINST, **more}
    return Rule(
        name=name,
        type="CLASSIFICATION_MARK",
        expression=expression,
        confirm=confirm,
        family="marks",
        context_score=1.0,
        **options,
    )


def _any(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", "[ ]").replace(r"\-", "-") for word in words) + ")"


def _labelled(level: str) -> Rule:
    """Return the rule of one level behind any label; the label is looked for, the value read by its confirmer."""
    words = (*_PLAIN.get(level, ()), *_AMBIGUOUS.get(level, ()), *_CJK[level])
    longest_first = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    value = re.compile(rf"[ \t\"'*_\[(]{{0,4}}(?P<mark>{longest_first})(?![^\W_])", re.IGNORECASE)

    def confirm(text: str, start: int, end: int) -> Proof | None:
        held = value.match(text, end)
        return Proof(*held.span("mark"), "behind a label") if held else None

    expression = f"{_any(_LABELS)}[\"'*_]{{0,3}}[ \t]{{0,3}}[:=]"
    return _rule(
        f"mark_{level}_labelled", expression, confirm, caseless=True, score=1.0, against=(), boundary=Boundary.NONE
    )


_TISAX: Final = r"TISAX[ :\-(]{1,3}"

_FIXED: Final[tuple[tuple[str, str, str], ...]] = (
    ("tlp_red", "strict", r"TLP[ ]?[:\-][ ]?RED"),
    ("tlp_amber_strict", "strict", r"TLP[ ]?[:\-][ ]?AMBER\+STRICT"),
    ("tlp_amber", "confidential", r"TLP[ ]?[:\-][ ]?AMBER"),
    ("tlp_green", "internal", r"TLP[ ]?[:\-][ ]?GREEN"),
    ("tlp_clear", "public", r"TLP[ ]?[:\-][ ]?(?:CLEAR|WHITE)"),
    ("vs_nfd", "confidential", r"VS[ ]?[-–][ ]?(?:NfD|NFD|NUR FÜR DEN DIENSTGEBRAUCH|Nur für den Dienstgebrauch)"),
    ("vs_vertraulich", "strict", r"VS[ ]?[-–][ ]?(?:VERTRAULICH|Vertraulich|GEHEIM|Geheim|VERTR)"),
    ("nato_restricted", "confidential", r"(?:NATO|EU|UE) RESTRICTED|RESTREINT UE|RESTREINT OTAN"),
    ("nato_secret", "strict", r"(?:NATO|EU) (?:CONFIDENTIAL|SECRET)|COSMIC TOP SECRET|CONFIDENTIEL UE|SECRET UE"),
    ("tisax_strict", "strict", f"{_TISAX}(?:[Ss]trictly confidential|STRICTLY CONFIDENTIAL|[Ss]treng vertraulich)"),
    ("tisax_prototype", "strict", f"{_TISAX}(?:[Pp]roto(?:type)? (?:parts|vehicles|events)|[Tt]est vehicles)"),
    ("tisax_confidential", "confidential", f"{_TISAX}(?:[Cc]onfidential|CONFIDENTIAL|[Vv]ertraulich|VERTRAULICH)"),
    ("tisax_internal", "internal", f"{_TISAX}(?:[Ii]nternal|INTERNAL|[Ii]ntern|INTERN)"),
)  # fmt: skip

_KINDS: Final[tuple[tuple[str, Mapping[str, tuple[str, ...]], Confirm], ...]] = (
    ("", _PLAIN, _confirm_plain),
    ("_header", _AMBIGUOUS, _confirm_ambiguous),
    ("_titled", _TITLED, _confirm_ambiguous),
    ("_cjk", _CJK, _confirm_cjk),
)


def _rules_of_words() -> Iterator[Rule]:
    """Yield a rule of each kind and level; those of one kind share one expression."""
    for suffix, levels, confirm in _KINDS:
        expression = _any(tuple(word for words in levels.values() for word in words))
        for level, words in levels.items():
            holds = _of_these(frozenset(words), confirm)
            yield _rule(f"mark_{level}{suffix}", expression, holds, boundary=Boundary.TOKEN)


def _of_these(words: frozenset[str], confirm: Confirm) -> Confirm:
    def narrowed(text: str, start: int, end: int) -> Proof | None:
        return confirm(text, start, end) if text[start:end] in words else None

    return narrowed


def _fixed_rules() -> Iterator[Rule]:
    expression = "|".join(each for _, _, each in _FIXED)
    for name, _, own in _FIXED:
        yield _rule(name, expression, _full_match(re.compile(own)), score=1.0, against=())


def _full_match(form: re.Pattern[str]) -> Confirm:
    def confirm(text: str, start: int, end: int) -> Proof | None:
        return Proof(start, end, "a label of its scheme") if form.fullmatch(text, start, end) else None

    return confirm


RULES: tuple[Rule, ...] = (*_rules_of_words(), *map(_labelled, _CJK), *_fixed_rules())

CLASS_OF: Final[dict[str, str]] = {
    **{f"mark_{level}{suffix}": level for suffix, levels, _ in _KINDS for level in levels},
    **{f"mark_{level}_labelled": level for level in _CJK},
    **{name: level for name, level, _ in _FIXED},
}
"""The class that each rule's mark speaks of."""
