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

import data.sekisho.table

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

granted := [object.union({"id": id}, terms[[target.place, table.spot_of(target)]]) |
	some id in input.candidates
	target := data.facts.targets[id]
	place_permitted[target.place]
	target_permitted(target)
	table.permits(table.spot_of(target))
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

# --- break-glass: two persons signed that these codes do not stop this project until then, a day at the longest

waivers[code] := grant.id if {
	never := data.law.break_glass.never
	some grant in data.facts.break_glass
	grant.project == project_name
	in_force(grant)
	some code in grant.waives
	not never[code]
}

in_force(grant) if {
	now := time.parse_rfc3339_ns(input.env.time)
	since := time.parse_rfc3339_ns(grant.since)
	until := time.parse_rfc3339_ns(grant.until)
	since <= now
	now < until
	until - since <= data.law.break_glass.longest_hours * nanoseconds_an_hour
}

nanoseconds_an_hour := 3600000000000

project_name := sprintf("%s/%s", [input.caller.tenant, input.caller.project])

# --- the terms of a grant

# What holds for all targets of one place and spot. URLs are never restored: a document could smuggle a value out in a
# link. External targets see a tag once, so that no two requests can be joined by it. What happens to personal data that
# an answer holds and the caller did not send stands in data/output_guard.json: off, redact or block, by distance.
terms[[name, spot]] := {
	"redact": table.redaction[spot],
	"tag_scope": object.get({"external": "request"}, near, "project"),
	"restore": object.get({"same-node": ["text", "arguments"]}, near, ["text"]),
	"obligations": [],
	"output_guard": data.law.output_guard[near],
} if {
	some id in input.candidates
	target := data.facts.targets[id]
	name := target.place
	spot := table.spot_of(target)
	near := near_of(spot)
	table.permits(spot)
}

# --- why: each reason once

# A rule that has nothing to say of a request (policy.unconcerned) permits, and is no reason.
reasons contains reason if {
	some verdict in ((all_verdicts | table.verdicts) | faults)
	not waived(verdict)
	verdict.code != "policy.unconcerned"
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
	some spot in table.spots
	not table.cells[spot]
}

faults contains fault("policy.no_output_guard") if {
	some spot in table.spots
	not data.law.output_guard[near_of(spot)]
}

near_of(spot) := substring(spot, 0, indexof(spot, "|"))

fault(code) := {"code": code, "rule": "main", "legal": "", "severity": "deny", "params": {}}
