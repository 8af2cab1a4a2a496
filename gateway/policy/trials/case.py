"""Everyday cases in words, and whether the rules decide them as a person did: ``policies/cases/*.yaml``.

A case tells a story, says who asks for what and where it could go, and what a person expects: the targets that may be
used, and reason codes that must be among the reasons. It is put together by the same code as a request (class, facts,
question) and decided by the real OPA under the built bundle, its answer read as strictly as in service.

Example (``policies/cases/works-doctor.yaml``)::

    title: {en: A works doctor's note stays in house, de: Der Befund der Werksärztin bleibt im Haus}
    story: The works doctor has a note summarised.
    law: [GDPR art. 9(2)(h)]
    given:
      site: munich
      jurisdiction: DE
      collected_in: DE
      special: [health]
      targets:
        munich/n1/w0:m: {near: same-node}
        cloud: {near: external, jurisdiction: US}
    expected:
      allow: [munich/n1/w0:m]
      reasons: [policy.special_external]

Where a case does not say by which rule table, the one in force holds. ``NO`` is Norway and a day is a text: words are
taken as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import msgspec
import yaml

from gateway import plain_yaml
from gateway.domain import DataClass
from gateway.errors import SetupError
from gateway.policy.facts import MAX_CANDIDATES
from gateway.policy.organisation import Organisation
from gateway.policy.table.row import Operator
from gateway.settings import Jurisdiction, Name

FOLDER = "cases"
Lang = Literal["en", "de", "ja", "zh"]
LANGS: tuple[str, ...] = get_args(Lang)
Near = Literal["same-node", "same-site", "other", "external"]
Code = Annotated[str, msgspec.Meta(pattern=r"^policy\.[a-z0-9_]+$")]
NotEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Title(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    en: NotEmpty
    de: str = ""
    ja: str = ""
    zh: str = ""

    def in_(self, lang: str) -> str:
        """Return the title in a language, or in English where it is not written."""
        return cast(str, getattr(self, lang)) or self.en


class Aim(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A target, as seen from the case's site. Its jurisdiction is the site's own where none is said."""

    near: Near = "other"
    jurisdiction: Jurisdiction | None = None
    model: NotEmpty = "m"
    signed: bool = True  # by a key of the site
    known: bool = True  # false: a candidate that the facts say nothing of


class Counters(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Persons whose data left their country this year, this request's among them. ``year`` 0: the year of the day."""

    year: Annotated[int, msgspec.Meta(ge=0)] = 0
    all: Annotated[int, msgspec.Meta(ge=0)] = 0
    sensitive: Annotated[int, msgspec.Meta(ge=0)] = 0
    by_destination: dict[str, int] = {}


class Grant(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A break-glass grant; for the case's own project where none is said."""

    waives: tuple[str, ...]
    since: str
    until: str
    id: str = "g1"
    project: str = ""


class Given(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks, what the data are, where it could go. ``class`` is the key's floor; the rest may raise it."""

    targets: dict[str, Aim]
    site: Name = "site"
    jurisdiction: Jurisdiction = ""
    tenant: Name = "acme"
    project: Name = "work"
    organisation: Organisation = Organisation()
    collected_in: Jurisdiction = ""
    data_class: DataClass = msgspec.field(name="class", default="internal")
    declared: DataClass | None = None  # by who sends it, in a header
    found: dict[str, Count] = {}
    special: tuple[str, ...] = ()
    mark: DataClass = "public"
    signals: tuple[str, ...] = ()  # countries that ids in the text point to
    purpose: str = "support"
    access_from: Jurisdiction = ""
    at: str = "2026-06-01"  # a day, or a time in RFC 3339
    counters: Counters | None = None
    break_glass: tuple[Grant, ...] = ()
    table: str | tuple[str, ...] = ""  # a preset (the site's too), or rows as in rules.csv; empty: what is in force
    model: str = ""  # that is asked for; empty: the first target's
    clock: Literal["synchronised", "free", "unknown"] = "synchronised"


class Expected(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``redact``: what is done to findings of a type, on the way to every target that is allowed."""

    allow: tuple[str, ...] = ()
    reasons: tuple[Code, ...] = ()
    redact: dict[str, Operator] = {}


class Case(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: Title
    story: NotEmpty
    law: tuple[NotEmpty, ...]
    given: Given
    expected: Expected
    name: str = ""  # of its file


# --- reading


def load(directory: Path) -> tuple[Case, ...]:
    """Return the cases in ``directory/cases``, by file name; none where there is no such folder.

    Raises:
        SetupError: as :func:`parse`.
    """
    return tuple(parse(_text(path), path) for path in sorted((directory / FOLDER).glob("*.yaml")))


def parse(text: str, path: Path) -> Case:
    """Return the case in ``text``.

    Raises:
        SetupError: not YAML, an unknown field, a wrong value, an expectation that cannot be met; names file and line.
    """
    try:
        tree = yaml.compose(text, plain_yaml.Words)
        case = msgspec.convert(plain_yaml.read(text), Case, strict=True)
    except yaml.YAMLError as error:
        line, problem = plain_yaml.problem_of(error)
        raise _wrong(path, line or 1, problem) from error
    except msgspec.ValidationError as error:
        raise _wrong(path, _line_of(str(error), tree), str(error)) from error
    if problem := _problem(case):
        raise _wrong(path, _line_of(problem, tree), problem)
    return msgspec.structs.replace(case, name=path.stem)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, "not UTF-8") from error
    except OSError as error:
        raise SetupError(f"{path} cannot be read.", "Check its mode.") from error


def _problem(case: Case) -> str:
    """Return what is wrong with a case that has the right form; the path is written as msgspec writes it."""
    return next(_problems(case), "")


def _problems(case: Case) -> Iterator[str]:
    given, expected = case.given, case.expected
    if case.name:
        yield "the name is the file's own - at `$.name`"
    if len(given.targets) > MAX_CANDIDATES:
        yield f"more than {MAX_CANDIDATES} targets - at `$.given.targets`"
    if unknown := sorted(set(expected.allow) - set(given.targets)):
        yield f"`{unknown[0]}` is none of the case's targets - at `$.expected.allow`"
    if not expected.allow and not expected.reasons:
        yield "a refusal needs the code of a reason - at `$.expected`"
    if not _is_time(given.at):
        yield f"`{given.at}` is neither a day nor a time such as 2026-06-01T12:00:00Z - at `$.given.at`"
    for id_, aim in given.targets.items():
        if aim.near == "other" and site_of(id_) == given.site:
            yield f"`{id_}` is on the case's own site - at `$.given.targets`"


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text.endswith("Z") or re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def _line_of(message: str, tree: yaml.Node | None) -> int:
    """Return the line that a message is about, from the path and the field in it."""
    steps = re.findall(r"\.(\w+)", (re.findall(r"at `\$(.*?)`", message) or [""])[-1])
    steps += re.findall(r"unknown field `(.*?)`", message)
    line = tree.start_mark.line + 1 if tree else 1
    for step in steps:
        pairs = tree.value if isinstance(tree, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == step), None)
        if found is None:
            break
        line, tree = found[0].start_mark.line + 1, found[1]
    return line


def _wrong(path: Path, line: int, what: str) -> SetupError:
    return SetupError(f"{path}, line {line}: {what.rstrip('.')}.", "Mend the case.", exit_code=2)


def site_of(target: str) -> str:
    """Return the site in a target's id."""
    return target.split("/", maxsplit=1)[0]
