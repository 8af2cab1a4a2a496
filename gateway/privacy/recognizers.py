"""Which personal data are searched for, and with what: presidio's recognizers, made safe for this gateway.

Searched for: :data:`ENTITIES`. Left out on purpose: ``DATE_TIME``, ``NRP`` and ``ORGANIZATION`` (the small pipeline
finds them everywhere; replacing dates and companies ruins prompts more than it protects anybody).

What differs from presidio's own defaults, and why:

- ``EMAIL_ADDRESS``: any host counts (``user@host.local``), and letters of scripts that are written without spaces end
  an address (``連絡先はtaro@example.com``). presidio drops hosts outside the public-suffix list, asks the network for
  that list, and its expression takes quadratic time on ``a.a.a.a``.
- ``URL``: with a scheme or ``www.`` only. presidio's bare-domain pattern finds ``np.ar`` in ``np.array``.
- ``PHONE_NUMBER``: the countries of :mod:`gateway.privacy.phones`; bare digits need a word like "phone" before them.
- ``IBAN_CODE``: shorter and shorter ends are tried, since a following word of four letters hides presidio's match.
- No expression can time out silently. presidio logs a timeout and goes on as if nothing had been found;
  :class:`BoundedExpression` raises :class:`SearchTimedOut` instead, which presidio does not catch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import regex  # type: ignore[import-untyped]
import tldextract
from presidio_analyzer import EntityRecognizer, LocalRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    DeSocialSecurityRecognizer,
    DeTaxIdRecognizer,
    EmailRecognizer,
    EsNieRecognizer,
    EsNifRecognizer,
    IbanRecognizer,
    IpRecognizer,
    ItFiscalCodeRecognizer,
    MacAddressRecognizer,
    PhoneRecognizer,
    SpacyRecognizer,
    UkNinoRecognizer,
    UrlRecognizer,
    UsSsnRecognizer,
)

from gateway.privacy.phones import find_phone_numbers

LANGUAGE = "en"
NAMED_ENTITIES = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION"}
"""Labels of the spaCy pipeline, and what they are called here."""

# Offline and without a cache: the list of suffixes that ships with the library, nothing else.
_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


class SearchTimedOut(Exception):
    """An expression ran out of time. Not a :class:`TimeoutError`: presidio swallows those."""


class BoundedExpression:
    """A compiled expression for :attr:`presidio_analyzer.Pattern.compiled_regex` that never ends early in silence."""

    def __init__(self, expression: str, flags: int, cpu_seconds: float) -> None:
        self._compiled = regex.compile(expression, flags)
        self._cpu_seconds = cpu_seconds

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        """Yield matches.

        Args:
            text: where to search.
            timeout: presidio's own limit, not used.

        Raises:
            SearchTimedOut: the process spent more than ``cpu_seconds`` of processor time meanwhile.
        """
        try:
            yield from self._compiled.finditer(text, timeout=self._cpu_seconds)
        except TimeoutError:
            raise SearchTimedOut from None


def bound(recognizer: PatternRecognizer, cpu_seconds: float) -> PatternRecognizer:
    """Give a recognizer patterns of its own whose timeouts are errors; returns the same recognizer."""
    flags = recognizer.global_regex_flags
    patterns = []
    for pattern in recognizer.patterns:
        own = Pattern(pattern.name, pattern.regex, pattern.score)
        own.compiled_with_flags = flags
        own.compiled_regex = BoundedExpression(pattern.regex, flags, cpu_seconds)
        patterns.append(own)
    recognizer.patterns = patterns
    return recognizer


_LETTER = r"0-9A-Za-z\u00c0-\u024f\u0370-\u052f"
_LABEL = rf"[{_LETTER}](?:[{_LETTER}_-]*[{_LETTER}])?"
_LOCAL = rf"[{_LETTER}._%+-]"  # RFC 5321 allows more, such as quotes and slashes, which belong to the text around


class Email(EmailRecognizer):  # type: ignore[misc]
    """E-mail addresses at any host; those under a public suffix score 1.0, others 0.85."""

    def __init__(self) -> None:
        # One attempt per run of local-part characters, possessive: linear time.
        address = rf"(?<!{_LOCAL}){_LOCAL}++@(?:\[[0-9A-Fa-f.:]++\]|{_LABEL}(?:\.{_LABEL})*+)"
        super().__init__(patterns=[Pattern("address", address, 0.85)], name="EmailRecognizer")

    def validate_result(self, pattern_text: str) -> bool | None:
        """Return True under a public suffix, False for a version number (``pad@1.3.0``), else None: the score stays."""
        host = pattern_text.rpartition("@")[2]
        if host.replace(".", "").isdigit() and host.count(".") != 3:
            return False
        return True if _suffixes(host).fqdn else None


class Url(UrlRecognizer):  # type: ignore[misc]
    """Addresses with a scheme or ``www.``, at any host, without the sentence's punctuation after them."""

    def __init__(self) -> None:
        outside = r"""\s<>"'`()\[\]{}\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef"""  # kana and kanji: the sentence goes on
        address = rf"(?<![0-9A-Za-z])(?:https?://|ftps?://|www\.)[^{outside}]*[^{outside}.,;:!?]"
        super().__init__(patterns=[Pattern("address", address, 0.6)], name="UrlRecognizer")


class Iban(IbanRecognizer):  # type: ignore[misc]
    """IBANs, in any case, with blanks or hyphens, whatever word follows."""

    LONGEST = 34
    SHORTEST = 15

    def __init__(self) -> None:
        candidate = r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}+"
        super().__init__(patterns=[Pattern("candidate", candidate, 0.5)], name="IbanRecognizer")

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: int | None = None
    ) -> list[RecognizerResult]:
        """Return an IBAN for each candidate of which a beginning has the right form and check digits."""
        results = []
        for pattern in self.patterns:
            for match in pattern.compiled_regex.finditer(text):
                end = self._end(text, *match.span())
                if end:
                    results.append(_result(self, match.start(), end, 1.0))
        return results

    def _end(self, text: str, start: int, end: int) -> int:
        """Return where the longest valid IBAN from ``start`` ends, 0 when there is none."""
        ends = [at + 1 for at in range(start, end) if text[at].isalnum()]
        for cut in reversed(ends[self.SHORTEST - 1 : self.LONGEST]):
            if not text[cut : cut + 1].isalnum() and self.validate_result(text[start:cut].upper()):
                return cut
        return 0


class Phone(PhoneRecognizer):  # type: ignore[misc]
    """Phone numbers, as :mod:`gateway.privacy.phones` finds them."""

    BARE_SCORE = 0.2
    WORDS = ("phone", "telef", "téléph", "mobil", "handy", "rufnummer", "fax", "call", "電話", "携帯", "电话", "手机")

    def __init__(self) -> None:
        super().__init__(context=list(self.WORDS), name="PhoneRecognizer")

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Return phone numbers; those that could be order numbers with a score that needs a word's help."""
        return [
            _result(self, number.start, number.end, self.BARE_SCORE if number.bare else self.SCORE)
            for number in find_phone_numbers(text)
        ]


def _result(recognizer: EntityRecognizer, start: int, end: int, score: float) -> RecognizerResult:
    return RecognizerResult(
        entity_type=recognizer.supported_entities[0],
        start=start,
        end=end,
        score=score,
        analysis_explanation=PatternRecognizer.build_regex_explanation(recognizer.name, "", "", score, None, 0),
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: recognizer.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recognizer.id,
        },
    )


def build(cpu_seconds: float) -> list[LocalRecognizer]:
    """Return all recognizers, fresh, each expression bounded by ``cpu_seconds`` of processor time."""
    patterns = [
        Email(),
        Url(),
        Iban(),
        CreditCardRecognizer(),
        CryptoRecognizer(),
        IpRecognizer(),
        MacAddressRecognizer(),
        UsSsnRecognizer(),
        UkNinoRecognizer(),
        DeTaxIdRecognizer(supported_language=LANGUAGE),
        DeSocialSecurityRecognizer(supported_language=LANGUAGE),
        ItFiscalCodeRecognizer(supported_language=LANGUAGE),
        EsNifRecognizer(supported_language=LANGUAGE),
        EsNieRecognizer(supported_language=LANGUAGE),
    ]
    names = SpacyRecognizer(supported_language=LANGUAGE, supported_entities=sorted({*NAMED_ENTITIES.values()}))
    return [names, Phone(), *(bound(recognizer, cpu_seconds) for recognizer in patterns)]


ENTITIES = (
    "PERSON",
    "LOCATION",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "URL",
    "IBAN_CODE",
    "CREDIT_CARD",
    "CRYPTO",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "US_SSN",
    "UK_NINO",
    "DE_TAX_ID",
    "DE_SOCIAL_SECURITY",
    "IT_FISCAL_CODE",
    "ES_NIF",
    "ES_NIE",
)
