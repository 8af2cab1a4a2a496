"""Reading ``decisions.csv``: cases that a person decided, one a line. What its words mean stands at the file's top."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateway.policy.trials.case import Case, Expected, Given, Title

FILE = Path(__file__).parents[1] / "policy" / "decisions.csv"
COLUMNS = "here origin access place class data purpose at besides expected code why".split()


@dataclass(frozen=True)
class Line:
    """One line. ``expected`` are the places that are allowed, ``code`` a reason that must be given."""

    number: int
    case: Case
    code: str
    denied: bool


def read(path: Path = FILE) -> list[Line]:
    """Return the decided lines. Raises ValueError, naming the line, where one has another form."""
    numbered = list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    kept = [(number, line) for number, line in numbered if line.strip() and not line.startswith("#")]
    rows = csv.reader((line for _, line in kept), strict=True, skipinitialspace=True)
    header, *cells = [[cell.strip() for cell in row] for row in rows]
    if header != COLUMNS:
        raise ValueError(f"{path}: the columns must be {COLUMNS}")
    return [_line(number, row) for (number, _), row in zip(kept[1:], cells, strict=True)]


def _line(number: int, cells: list[str]) -> Line:
    try:
        said = dict(zip(COLUMNS, ["" if cell == "-" else cell for cell in cells], strict=True))
        allowed = {"allow": said["place"], "deny": ""}.get(said["expected"], said["expected"])
        case = Case(
            title=Title(en=f"line {number}"),
            story=said["why"],
            law=(),
            given=msgspec.convert(_given(said), Given, strict=True),
            expected=Expected(allow=tuple(map(_id, allowed.split())), reasons=(said["code"],)),
            name=f"{FILE.name}:{number}",
        )
    except (ValueError, KeyError, msgspec.ValidationError) as error:
        raise ValueError(f"{FILE}, line {number}: {error}") from error
    if not said["why"] or not said["code"]:
        raise ValueError(f"{FILE}, line {number}: code and why must be said")
    return Line(number, case, said["code"], said["expected"] == "deny")


def _given(said: dict[str, str]) -> dict[str, Any]:
    words = [word.partition(":") for word in said["data"].split()]
    found = {name: int(count) for name, _, count in words if name != "special"}
    given: dict[str, Any] = {
        "site": "here",
        "jurisdiction": said["here"],
        "collected_in": said["origin"],
        "access_from": said["access"],
        "targets": {_id(place): _aim(place) for place in said["place"].split()},
        "class": said["class"] or "internal",
        "found": found,
        "special": [category for name, _, category in words if name == "special"],
        "purpose": said["purpose"] or "support",
        "at": said["at"] or "2026-06-01",
        "table": "balanced",
        "organisation": {"projects": {"acme/work": {}}, "tenants": {"acme": {}}, "transfers": []},
    }
    for word in filter(None, said["besides"].split(";")):
        kind, _, rest = word.strip().partition(":")
        _BESIDES[kind](given, rest)
    return given


def _id(place: str) -> str:
    near, _, country = place.partition("/")
    return {"same-node": "here/n1/w0:m", "same-site": "here/n2/w0:m"}.get(near) or (
        f"{near}-{country.lower() or 'unset'}/n1/w0:m"
    )


def _aim(place: str) -> dict[str, Any]:
    near, _, country = place.partition("/")
    return {"near": near} if near.startswith("same") else {"near": near, "jurisdiction": country}


# --- what a word in the column `besides` adds


def _project(given: dict[str, Any], rest: str) -> None:
    """``project:prototype``, ``project:sites=here+other-fr``, ``project:external=external/US``"""
    name, _, value = rest.partition("=")
    many: dict[str, Any] = {"sites": value.split("+"), "external": [_id(place) for place in value.split("+")]}
    given["organisation"]["projects"]["acme/work"][name] = many.get(name, value or True)


def _tenant(given: dict[str, Any], rest: str) -> None:
    """``tenant:models=m+n``, ``tenant:entity=…``"""
    name, _, value = rest.partition("=")
    given["organisation"]["tenants"]["acme"][name] = value.split("+") if name == "models" else value


def _route(given: dict[str, Any], rest: str) -> None:
    """``route:EEA>CN:scc:2027-06-30``, with a tenant at the end where it is one's own"""
    places, route, until, *tenant = rest.split(":")
    from_, _, to = places.partition(">")
    entry = {"from": from_, "to": to, "route": route, "until": until, "reference": "DPA 1"}
    given["organisation"]["transfers"].append(entry | ({"tenant": tenant[0]} if tenant else {}))


def _counters(given: dict[str, Any], rest: str) -> None:
    """``counters:all=100000+sensitive=1``"""
    pairs = (pair.partition("=") for pair in rest.split("+"))
    given["counters"] = {name: int(value) for name, _, value in pairs}


def _waive(given: dict[str, Any], rest: str) -> None:
    """``waive:policy.x+policy.y@SINCE..UNTIL``, with ``@PROJECT`` at the end where it is another's"""
    codes, times, *project = rest.split("@")
    since, _, until = times.partition("..")
    grant = {"waives": codes.split("+"), "since": since, "until": until}
    given.setdefault("break_glass", []).append(grant | ({"project": project[0]} if project else {}))


def _row(given: dict[str, Any], rest: str) -> None:
    """``row:PERSON|*|*|*|external|deny``: a row above `everything else is pseudonymised`"""
    rows = given["table"] if isinstance(given["table"], list) else ["*,*,*,*,*,allow,pseudonymise"]
    given["table"] = [*rows[:-1], rest.replace("|", ","), rows[-1]]


def _plain(name: str) -> Any:
    def put(given: dict[str, Any], rest: str) -> None:
        given[name] = rest

    return put


def _signals(given: dict[str, Any], rest: str) -> None:
    given["signals"] = rest.split("+")


def _unknown(given: dict[str, Any], rest: str) -> None:
    """``unknown:other/FR``: a candidate that nothing is known of"""
    given["targets"][_id(rest)]["known"] = False


def _unsigned(given: dict[str, Any], rest: str) -> None:
    """``unsigned:same-node``: a target whose model no key of the site signed"""
    given["targets"][_id(rest)]["signed"] = False


_BESIDES = {
    "project": _project,
    "tenant": _tenant,
    "route": _route,
    "counters": _counters,
    "waive": _waive,
    "row": _row,
    "table": _plain("table"),
    "mark": _plain("mark"),
    "declared": _plain("declared"),
    "clock": _plain("clock"),
    "model": _plain("model"),
    "signals": _signals,
    "unknown": _unknown,
    "unsigned": _unsigned,
}
