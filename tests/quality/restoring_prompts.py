"""Invented prompts with values whose place is known, and what a good answer to each must hold.

A prompt is one task on one value or two, in one of seven languages; from one seed always the same ones. Values are made
up here: names from lists of common given and family names, addresses at ``.example``, numbers with right check digits
where a kind has them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

GIVEN = {
    "en": "Grace Oliver Hannah Peter Alice Henry", "de": "Jürgen Sabine Uwe Katrin Holger Anke",
    "fr": "Élodie Gérard Camille Thierry", "it": "Chiara Lorenzo Giulia Matteo", "es": "Lucía Álvaro Inés Sergio",
    "ja": "太郎 花子 健一 美咲", "zh": "伟 芳 秀英 建国",
}  # fmt: skip
FAMILY = {
    "en": "Whitfield Marsh Okafor Larkin", "de": "Müller Böhmer Krauß Steinbach", "fr": "Lefèvre Moreau Béranger",
    "it": "Ferrante Colombo D'Amico", "es": "Nuñez Ibarra Castaño", "ja": "山田 佐藤 高橋", "zh": "王 李 张",
}  # fmt: skip


class Value(NamedTuple):
    type: str
    text: str


class Trial(NamedTuple):
    """A prompt, the values in it, and those that a good answer holds."""

    id: str
    text: str
    values: tuple[Value, ...]
    wanted: tuple[Value, ...]


def name(dice: random.Random, language: str) -> Value:
    given, family = (dice.choice(of[language].split()) for of in (GIVEN, FAMILY))
    parts = (family, given) if language in {"ja", "zh"} else (given, family)
    return Value("PERSON", ("" if language == "zh" else " ").join(parts))


def mail(dice: random.Random, language: str) -> Value:
    user = "".join(dice.choice("abcdefghiklmnoprstuw") for _ in range(6))
    return Value(
        "EMAIL_ADDRESS", f"{user}.{dice.randint(1, 99)}@{dice.choice(('plant', 'supplier', 'line-4'))}.example"
    )


def phone(dice: random.Random, language: str) -> Value:
    return Value("PHONE_NUMBER", f"+49 841 {dice.randint(100_000, 999_999)}")


def account(dice: random.Random, language: str) -> Value:
    bank = f"{dice.randint(10**17, 10**18 - 1)}"
    check = 98 - int(bank + "131400") % 97
    return Value("IBAN_CODE", f"DE{check:02d}{bank}")


Maker = Callable[[random.Random, str], Value]

TASKS: tuple[tuple[str, str, tuple[Maker, ...], int], ...] = (
    # language, text with {0}, {1}; makers of the values; how many of the first ones a good answer holds
    ("en", "Repeat exactly and nothing else: {0}", (name,), 1),
    ("en", "Repeat exactly and nothing else: {0}", (mail,), 1),
    ("en", "Repeat this sentence: The order is for {0}.", (name,), 1),
    ("en", "{0} works in the paint shop. What is the name of the person? Answer with the name only.", (name,), 1),
    ("en", "Our contact is {1}, e-mail {0}. What is the e-mail address? Answer with it only.", (mail, name), 1),
    ("en", "Call {1} at {0} about the press. Which number do I call? Answer with the number only.", (phone, name), 1),
    ("en", "Write one short sentence that thanks {0} for the report.", (name,), 1),
    ("en", "Write a two-line e-mail to {0} that says the delivery is late.", (name,), 1),
    ("en", 'Answer with JSON only, of the form {{"name": "...", "email": "..."}}. Text: {0} ({1}).', (name, mail), 2),
    ("en", "Pay the invoice to {0}. To which account do I pay? Answer with the account only.", (account,), 1),
    ("en", "{0} has the early shift, {1} has the late shift. Who has the early shift?", (name, name), 1),
    ("de", "Wiederhole genau und sonst nichts: {0}", (name,), 1),
    ("de", "Der Ansprechpartner ist {0}. Wie heißt der Ansprechpartner? Antworte nur mit dem Namen.", (name,), 1),
    ("de", "Schreibe einen Satz: Das ist {0}s Prüfbericht.", (name,), 1),
    ("fr", "Répète exactement et rien d'autre : {0}", (name,), 1),
    ("it", "Ripeti esattamente e nient'altro: {0}", (name,), 1),
    ("es", "Repite exactamente y nada más: {0}", (name,), 1),
    ("ja", "次の文をそのまま繰り返してください: {0}さんは工場にいます。", (name,), 1),
    ("zh", "请原样重复: {0}在工厂工作。", (name,), 1),
)  # fmt: skip


def trials(count: int, seed: int) -> Iterator[Trial]:
    """Yield that many prompts, tasks in turn."""
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")
        language, text, makers, wanted = TASKS[number % len(TASKS)]
        values: list[Value] = []
        for make in makers:
            value = make(dice, language)
            while value in values:
                value = make(dice, language)
            values.append(value)
        filled = text.format(*(value.text for value in values))
        yield Trial(f"{seed}/{number}", filled, tuple(values), tuple(values[:wanted]))
