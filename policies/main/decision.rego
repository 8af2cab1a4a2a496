# METADATA
# title: The decision
# description: >-
#   Answers sekisho.input/1 with sekisho.decision/1. A target is granted when every rule permits its place (and the
#   target, where a rule looks at targets), and the rule table lets every kind of data in the request go there. What is
#   undefined on the way is refused. Nothing overrides another but a break-glass grant, which names what it waives.
# scope: package
# organizations: ["Sekisho"]
# custom:
#   legal: none, it only joins what the rules say
#   date: "2026-11-22"
#   owner: policy author
package sekisho

default decision := {
	"version": "sekisho.decision/1",
	"allow": false,
	"targets": [],
	"reasons": [{
		"code": "policy.default_deny",
		"rule": "main",
		"legal": "",
		"severity": "deny",
		"params": {},
	}],
	"facts": "",
	"remember_until": "",
}

# METADATA
# description: What the gateway asks for. `facts` says which pushed facts it was decided under.
# entrypoint: true
decision := {
	"version": "sekisho.decision/1",
	"allow": count(granted) > 0,
	"targets": granted,
	"reasons": [reason | some reason in reasons], # a set: each once, in one order
	"facts": data.facts.revision,
	"remember_until": remember_until,
} if {
	input.version == "sekisho.input/1"
	input.data.status == "ok"
}

# The rules look at the day, no closer. A break-glass grant ends within one: then each question is asked.
default remember_until := ""

remember_until := sprintf("%sT23:59:59Z", [substring(input.env.time, 0, 10)]) if count(data.facts.break_glass) == 0

granted := [object.union({"id": id}, terms[[target.place, spot_of(target)]]) |
	some id in input.candidates
	target := data.facts.targets[id]
	place_permitted[target.place]
	target_permitted(target)
	table_permits(spot_of(target))
]

# --- the rules: `verdicts` and `target_verdicts` are written by the build and ask every rule folder

places := {data.facts.targets[id].place | some id in input.candidates}

judged[name] := verdicts(data.facts.places[name]) if some name in places

place_permitted[name] if {
	some name, found in judged
	permits(found)
	count(found) > 0
}

target_permitted(target) if permits(target_verdicts(target))

permits(found) if count([1 | some verdict in found; passes(verdict)]) == count(found)

passes(verdict) if verdict.severity == "info"

passes(verdict) if waivers[verdict.code]

# --- break-glass: two persons signed that these codes do not stop this project until then

waivers[code] := grant.id if {
	some grant in data.facts.break_glass
	grant.project == project_name
	grant.since <= input.env.time
	input.env.time < grant.until
	some code in grant.waives
	not data.law.break_glass.never[code]
}

project_name := sprintf("%s/%s", [input.caller.tenant, input.caller.project])

# --- the table: an index leads to a cell, a cell decides about each item of the request

items := ({"*"} | {type | some type, _ in input.data.entities}) | {category |
	some name in input.data.special
	category := concat(":", ["special", name])
}

spot_of(target) := target.spot_same if {
	data.facts.places[target.place].jurisdiction == input.data.collected_in
} else := target.spot

spots := {spot_of(data.facts.targets[id]) | some id in input.candidates}

origin := input.data.collected_in if {
	data.facts.table.origins[input.data.collected_in]
} else := "*"

purpose := input.request.purpose if {
	data.facts.table.purposes[input.request.purpose]
} else := "*"

cells[spot] := data.facts.table.cells[name] if {
	some spot in spots
	name := data.facts.table.index[spot][input.data.class][origin][purpose]
}

# The most precise word that the cell has.
found(cell, item) := cell[item]

found(cell, item) := cell[data.facts.kinds[item]] if not cell[item]

found(cell, item) := cell["special:*"] if {
	startswith(item, "special:")
	not cell[item]
}

entry(cell, item) := found(cell, item)

entry(cell, item) := cell["*"] if not found(cell, item)

# What holds: a row that only observes steps back while nothing leaves the site, but never for secrets.
ruling(cell, item) := entry(cell, item).instead if {
	steps_back(cell, item)
} else := entry(cell, item)

steps_back(cell, item) if {
	entry(cell, item).until >= today
	all_on_site
	not object.get(data.facts.kinds, item, "") == "@secrets"
}

all_on_site if {
	on_site := [id |
		some id in input.candidates
		target := data.facts.targets[id]
		target.site == input.caller.site
		target.external == false
	]
	count(on_site) == count(input.candidates)
}

today := substring(input.env.time, 0, 10)

operators[spot] := {item: ruling(cell, item).operator | some item in items} if some spot, cell in cells

table_permits(spot) if count(operators[spot]) == count(items)

# --- the terms of a grant

# What holds for all targets of one place and spot. URLs are never restored: a document could smuggle a value out in a
# link. External targets see a tag once, so that no two requests can be joined by it. What happens to personal data that
# an answer holds and the caller did not send stands in data/output_guard.json: off, redact or block, by distance.
terms[[name, spot]] := {
	"redact": redact(operators[spot]),
	"tag_scope": object.get({"external": "request"}, near, "project"),
	"restore": object.get({"same-node": ["text", "arguments"]}, near, ["text"]),
	"obligations": [],
	"output_guard": data.law.output_guard[near],
} if {
	some id in input.candidates
	target := data.facts.targets[id]
	name := target.place
	spot := spot_of(target)
	near := near_of(spot)
	table_permits(spot)
}

strength := {"keep": 0, "pseudonymise": 1, "hash": 2, "mask": 3, "redact": 4}

# A row about a special category says the least that is done to every finding of such a text.
redact(by_item) := {item: by_item[strongest] |
	some item, operator in by_item
	not startswith(item, "special:")
	least := [[strength[other], category] |
		some category, other in by_item
		startswith(category, "special:")
	]
	strongest := max(array.concat([[strength[operator], item]], least))[1]
}

# --- why: each reason once

reasons contains reason if {
	some verdict in ((all_verdicts | table_verdicts) | faults)
	not waived(verdict)
	reason := verdict
}

reasons contains object.union(reason, {"code": "policy.break_glass", "severity": "info", "params": params}) if {
	some reason in all_verdicts
	waived(reason)
	params := {"grant": waivers[reason.code], "waives": reason.code}
}

waived(verdict) if {
	verdict.severity == "deny"
	waivers[verdict.code]
}

all_verdicts contains object.union(verdict, {"rule": rule}) if {
	some place_verdicts in judged
	some rule, verdict in place_verdicts
}

all_verdicts contains object.union(verdict, {"rule": rule}) if {
	some id in input.candidates
	some rule, verdict in target_verdicts(data.facts.targets[id])
}

table_verdicts contains row_says("policy.table_denied", "deny", ruling(cell, item), item) if {
	some cell in cells
	some item in items
	not ruling(cell, item).operator
}

table_verdicts contains row_says("policy.table_observed", "info", entry(cell, item), item) if {
	some cell in cells
	some item in items
	steps_back(cell, item)
}

row_says(code, severity, said, item) := {
	"code": code,
	"rule": "table",
	"legal": object.get(data.facts.table.legal, object.get(said, "row", ""), ""),
	"severity": severity,
	"params": {"row": object.get(said, "row", "-"), "data": item},
}

faults contains fault("policy.no_candidates") if count(input.candidates) == 0

faults contains fault("policy.unknown_target") if {
	some id in input.candidates
	not data.facts.targets[id]
}

faults contains fault("policy.no_verdict") if {
	some name in places
	not judged[name]
}

faults contains fault("policy.no_verdict") if {
	some id in input.candidates
	target := data.facts.targets[id]
	not target_verdicts(target)
}

faults contains fault("policy.no_row") if {
	some spot in spots
	not cells[spot]
}

faults contains fault("policy.no_output_guard") if {
	some spot in spots
	not data.law.output_guard[near_of(spot)]
}

near_of(spot) := substring(spot, 0, indexof(spot, "|"))

fault(code) := {"code": code, "rule": "main", "legal": "", "severity": "deny", "params": {}}
