"""What would have to be otherwise: single changes of a question, each really asked; those that flip the answer.

One thing is changed at a time: where it goes, what it carries, its class, where the answer is read, what for, what the
project has declared, where the data come from. That a change flips the answer says nothing of whether somebody may make
it; best first means: first what a caller can do, then what an operator can, then what is as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.domain import DATA_CLASSES, Capability, PolicyInput, Target
from gateway.errors import SetupError
from gateway.kinds import SPECIAL
from gateway.policy.answer import Answer, Refused
from gateway.policy.datasets import under
from gateway.policy.facts import Rulebook, build_facts
from gateway.policy.organisation import Organisation, Project
from gateway.policy.trials.scratch import Rehearsal
from gateway.policy.words import named, phrase
from gateway.settings import SiteSettings

ANY_PURPOSE = "general"
OVERSIGHT = ("human_oversight", "safety_oversight")
MOST_TARGETS = 16
_HERE = {"same-node": "here", "same-site": "near", "other": "elsewhere", "external": "outside"}


class Change(msgspec.Struct, frozen=True):
    """One thing that is otherwise. ``facts`` are other facts to ask under; ``None``: those of the question.

    ``what`` is a phrase (``change_<what>`` in the texts), ``value`` the word in it.
    """

    what: str
    value: str
    question: PolicyInput
    facts: dict[str, Any] | None = None

    def said(self, language: str = "en") -> str:
        parameter = {"leave_out": "data", "add": "data"}.get(self.what, self.what)
        value = named(self.value, language, parameter)
        if self.what == "place" and self.value not in _HERE:  # a country: that of another site
            value = phrase("comma", language).join((named("other", language), value))
        return phrase(f"change_{self.what}", language, value=value)


def changes(question: PolicyInput, facts: Mapping[str, Any], rulebook: Rulebook | None) -> Iterator[Change]:
    """Yield the changes that are worth asking, best first.

    Args:
        facts: what the question is asked under.
        rulebook: the table it is asked under; without one no place that the fleet does not have can be tried.
    """
    yield from _targets(question, facts)
    yield from _places(question, facts, rulebook)
    yield from _data(question)
    yield from _classes(question)
    yield from _accesses(question, facts)
    yield from _purposes(question, rulebook)
    yield from _projects(question, facts)
    yield from _origins(question, facts)


async def flips(
    rehearsal: Rehearsal, question: PolicyInput, facts: dict[str, Any], rulebook: Rulebook | None
) -> tuple[bool, list[Change]]:
    """Return what is answered, and the changes under which the answer is the other one.

    The facts are in force in the rehearsal when this returns.

    Raises:
        SetupError: OPA is gone.
    """
    await rehearsal.push(facts)
    before = await allowed(rehearsal, question)
    wanted = list(changes(question, facts, rulebook))
    found = [number for number, change in enumerate(wanted) if await _flips(rehearsal, change, None, before)]
    for number, change in enumerate(wanted):
        if change.facts is not None and await _flips(rehearsal, change, change.facts, before):
            found.append(number)
    await rehearsal.push(facts)
    return before, [wanted[number] for number in sorted(found)]


async def _flips(rehearsal: Rehearsal, change: Change, facts: dict[str, Any] | None, before: bool) -> bool:
    """Whether the change flips the answer; one that needs other facts is passed over until those are given."""
    if change.facts is not facts:
        return False
    if facts is not None:
        await rehearsal.push(facts)
    return await allowed(rehearsal, change.question) != before


async def allowed(rehearsal: Rehearsal, question: PolicyInput) -> bool:
    """Whether the question is answered with a yes; no valid answer is a no."""
    try:
        answer: Answer = await rehearsal.ask(question)
    except Refused:
        return False
    return answer.allow


def with_targets(facts: Mapping[str, Any], targets: Iterable[Target], rulebook: Rulebook) -> dict[str, Any]:
    """Return the facts with more targets in the fleet, the table compiled for all of them."""
    site = SiteSettings(name=facts["site"], jurisdiction=facts["sites"][facts["site"]]["jurisdiction"])
    more = build_facts(site, Organisation(), list(targets), rulebook)
    both = {name: {**facts[name], **more[name], **facts[name]} for name in ("sites", "places", "targets")}
    return under({**facts, **both}, rulebook)


def hypothetical(near: str, jurisdiction: str, facts: Mapping[str, Any], model: str) -> Target:
    """Return a target that stands at such a place, of no real site unless it is this one.

    Args:
        near: ``same-node``, ``same-site``, ``other`` or ``external``.

    Raises:
        SetupError: there is no such word.
    """
    if near not in _HERE:
        raise SetupError(f"`{near}` is no place.", f"Use one of {', '.join(_HERE)}, then /JURISDICTION.", exit_code=2)
    is_here = near in ("same-node", "same-site")
    site = facts["site"] if is_here else f"{_HERE[near]}-{jurisdiction.lower() or 'unset'}"
    return Target(
        id=f"{site}/{_HERE[near]}/w0:{model}",
        model=model,
        capabilities=(Capability.CHAT,),
        site=site,
        node=_HERE[near],
        jurisdiction=jurisdiction or (facts["sites"][site]["jurisdiction"] if is_here else ""),
        same_node=near == "same-node",
        external=near == "external",
        signed=near != "external",
    )


# --- the changes


def _targets(question: PolicyInput, facts: Mapping[str, Any]) -> Iterator[Change]:
    """Other targets of the fleet: one for each site and place, of the same model where there is one."""
    known = {
        (facts["targets"][id_]["site"], facts["targets"][id_]["place"])
        for id_ in question.candidates
        if id_ in facts["targets"]
    }
    others: dict[tuple[str, str], str] = {}
    for id_, target in sorted(facts["targets"].items(), key=lambda item: item[1]["model"] != question.request.model):
        others.setdefault((target["site"], target["place"]), id_)
    for spot, id_ in list(others.items())[:MOST_TARGETS]:
        if spot not in known:
            yield Change("target", id_, replace(question, candidates=(id_,)))


def _places(question: PolicyInput, facts: Mapping[str, Any], rulebook: Rulebook | None) -> Iterator[Change]:
    """Places that the fleet does not have: this machine, this site, the data's own jurisdiction."""
    if rulebook is None:
        return
    places = {(place["near"], place["jurisdiction"]) for place in facts["places"].values()}
    home, origin = facts["sites"][facts["site"]]["jurisdiction"], question.data.collected_in
    wanted = [("same-node", home), ("same-site", home), *([("other", origin)] if origin else [])]
    for near, jurisdiction in wanted:
        if (near, jurisdiction) in places:
            continue
        target = hypothetical(near, jurisdiction, facts, question.request.model)
        more = with_targets(facts, [target], rulebook)
        value = jurisdiction if near == "other" else near
        yield Change("place", value, replace(question, candidates=(target.id,)), more)


def _data(question: PolicyInput) -> Iterator[Change]:
    data = question.data
    for type_ in data.entities:
        rest = {other: count for other, count in data.entities.items() if other != type_}
        yield Change("leave_out", type_, replace(question, data=replace(data, entities=rest)))
    for name in data.special:
        rest_of = tuple(other for other in data.special if other != name)
        yield Change("leave_out", f"special:{name}", replace(question, data=replace(data, special=rest_of)))
    if len(data.entities) + len(data.special) > 1:
        yield Change("leave_out_all", "", replace(question, data=replace(data, entities={}, special=())))
    for name in SPECIAL:
        if name not in data.special:
            yield Change("add", f"special:{name}", replace(question, data=replace(data, special=(*data.special, name))))


def _classes(question: PolicyInput) -> Iterator[Change]:
    """The nearest class first."""
    here = DATA_CLASSES.index(question.data.data_class)
    for name in sorted(DATA_CLASSES, key=lambda name: abs(DATA_CLASSES.index(name) - here)):
        if name != question.data.data_class:
            yield Change("class", name, replace(question, data=replace(question.data, data_class=name)))


def _accesses(question: PolicyInput, facts: Mapping[str, Any]) -> Iterator[Change]:
    for country in _countries(question, facts):
        if country != question.caller.access_from:
            yield Change("access", country, replace(question, caller=replace(question.caller, access_from=country)))


def _purposes(question: PolicyInput, rulebook: Rulebook | None) -> Iterator[Change]:
    words = {word for row in (rulebook.rows if rulebook else ()) for word in row.purpose} - {"*"}
    for purpose in (*sorted(words), ANY_PURPOSE):
        if purpose != question.request.purpose:
            yield Change("purpose", purpose, replace(question, request=replace(question.request, purpose=purpose)))


def _projects(question: PolicyInput, facts: Mapping[str, Any]) -> Iterator[Change]:
    """What the project has not declared: oversight, an outside target, or a site that it may be worked on at."""
    name = f"{question.caller.tenant}/{question.caller.project}"
    project = facts["projects"].get(name) or msgspec.to_builtins(Project())
    for flag in OVERSIGHT:
        if not project.get(flag):
            yield Change(flag, name, question, _declaring(facts, name, {**project, flag: True}))
    for id_ in question.candidates:
        named_already = project.get("external", ())
        if facts["targets"].get(id_, {}).get("external") and id_ not in named_already:
            declared = {**project, "external": [*named_already, id_]}
            yield Change("external", id_, question, _declaring(facts, name, declared))
    for site in _other_sites(question, facts, project):
        declared = {**project, "sites": [*project.get("sites", ()), site]}
        yield Change("site", site, question, _declaring(facts, name, declared))


def _other_sites(question: PolicyInput, facts: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    """Return the candidates' sites that the project does not name, where its sites hold it."""
    held = project.get("sites") or ([question.caller.site] if project.get("prototype") else [])
    found = [facts["targets"][id_]["site"] for id_ in question.candidates if id_ in facts["targets"]]
    return [site for site in dict.fromkeys(found) if held and site not in held]


def _declaring(facts: Mapping[str, Any], name: str, project: Mapping[str, Any]) -> dict[str, Any]:
    return {**facts, "projects": {**facts["projects"], name: project}}


def _origins(question: PolicyInput, facts: Mapping[str, Any]) -> Iterator[Change]:
    for country in _countries(question, facts):
        if country != question.data.collected_in:
            yield Change("origin", country, replace(question, data=replace(question.data, collected_in=country)))


def _countries(question: PolicyInput, facts: Mapping[str, Any]) -> list[str]:
    """Return where the data come from, where the caller is, and where there are sites."""
    own = [question.data.collected_in, question.caller.jurisdiction]
    sites = sorted(site["jurisdiction"] for site in facts["sites"].values())
    return [country for country in dict.fromkeys([*own, *sites]) if country]
