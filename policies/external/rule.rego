# METADATA
# title: External targets
# description: >-
#   A target that somebody else runs is off unless the project names it, by its id, under `external` in
#   organisation.yaml. To name it opens nothing else: every other rule still holds there.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR art. 28, processors
# custom:
#   legal: Regulation (EU) 2016/679 art. 28
#   date: "2026-11-22"
#   owner: privacy officer
package rules.external

import data.sekisho.table

# METADATA
# description: A place of others is closed at once to a project that names none of their targets.
verdict(place) := not_named if {
	place.near == "external"
	named == set()
} else := unconcerned if {
	named
}

# METADATA
# description: Whether the project names this one.
target_verdict(target) := unconcerned if {
	target.external == false
} else := {"code": "policy.external_named", "severity": "info", "legal": "", "params": {}} if {
	target.id in named
} else := not_named

# METADATA
# description: What is said of all places of a request at once, as `verdict` says it of each.
verdicts := object.union(
	{name: unconcerned | named; some name in ours},
	{name: verdict(known[name]) | some name in (table.places - ours)},
) if known := data.facts.places

# METADATA
# description: Whether no place need be looked at.
spares_places if ours == table.places

# Places of the house.
ours := {name |
	known := data.facts.places
	some name in table.places
	house[known[name].near]
}

house := {"same-node", "same-site", "other"}

# METADATA
# description: >-
#   Whether no target need be looked at. Where the project names none, the place alone refuses every target of others.
spares_targets if named == set()

spares_targets if {
	foreign := [1 | some id in input.candidates; not data.facts.targets[id].external == false]
	count(foreign) == 0
}

named := {id | some id in object.get(data.facts.projects, [project, "external"], [])} if {
	data.facts.projects
}

project := concat("/", [input.caller.tenant, input.caller.project])

not_named := {
	"code": "policy.external_not_named",
	"severity": "deny",
	"legal": "Regulation (EU) 2016/679 art. 28",
	"params": {},
}

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}
