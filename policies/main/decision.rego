# METADATA
# title: The decision
# description: >-
#   Answers sekisho.input/1 with sekisho.answer/1, of which the gateway makes a sekisho.decision/1. A target is granted
#   when every rule permits its place (and the target, where a rule looks at targets), and the rule table lets every kind
#   of data in the request go there. What is undefined on the way is refused. Nothing overrides another but a break-glass
#   grant, which names what it waives. What is the same for many targets is said once: `granted` leads from a target to
#   its `terms`, `reasons` holds what each rule said.
# scope: package
# organizations: ["Sekisho"]
# custom:
#   legal: none, it only joins what the rules say
#   date: "2026-11-22"
#   owner: policy author
package sekisho

import data.sekisho.table

default decision := {
	"version": "sekisho.answer/1",
	"allow": false,
	"granted": {},
	"terms": {},
	"reasons": {"main": [{"code": "policy.default_deny", "legal": "", "severity": "deny", "params": {}}]},
	"facts": "",
	"remember_until": "",
}

# METADATA
# description: What the gateway asks for. `facts` says which pushed facts it was decided under.
# entrypoint: true
decision := {
	"version": "sekisho.answer/1",
	"allow": granted != {},
	"granted": granted,
	"terms": terms,
	"reasons": reasons,
	"facts": data.facts.revision,
	"remember_until": remember_until,
} if {
	input.version == "sekisho.input/1"
	input.data.status == "ok"
}

# The rules look at the day, no closer. A break-glass grant ends within one: then each question is asked.
default remember_until := ""

remember_until := concat("", [substring(input.env.time, 0, 10), "T23:59:59Z"]) if data.facts.break_glass == []

granted := open_to_rules_and_table if {
	targets_spared
} else := {id: spot |
	some id, spot in open_to_rules_and_table
	permits(target_verdicts(data.facts.targets[id]))
}

# What is read in a loop gets a name before it: to read a rule or pushed facts there costs several times as much.
open_to_rules_and_table := {id: spot |
	open := open_places
	some id, name in table.place_of
	spot := open[name]
}

open_places := {name: spot |
	spots := table.spot_at
	said := terms
	some name in permitted_places
	spot := spots[name]
	said[spot]
}

# --- the rules. The build writes who is asked what: `everywhere`, the rules that do not look at places; `judged`, the
# others by rule and place, less those that have nothing to say of any place (`spares_places`); `target_verdicts` of a
# target, and `targets_spared` where no rule wants to look at any.

permitted_places := intersection({table.places} | {permitted |
	some found in judged
	permitted := {name | some name, verdict in found; verdict.severity == "info"}
}) if {
	none_waived
	permits(everywhere)
	not silent
} else := intersection({table.places} | {permitted |
	some found in judged
	permitted := {name | some name, verdict in found; passes(verdict)}
}) if {
	not none_waived
	permits(everywhere)
	not silent
} else := set()

# There is no rule that said anything: then nothing is permitted.
silent if {
	count(everywhere) == 0
	count(judged) == 0
}

permits(found) if {
	every verdict in found { verdict.severity == "info" }
} else if {
	not none_waived
	every verdict in found { passes(verdict) }
}

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

project_name := concat("/", [input.caller.tenant, input.caller.project])

# --- the terms of a grant

# What holds for all targets of one spot. URLs are never restored: a document could smuggle a value out in a link.
# External targets see a tag once, so that no two requests can be joined by it. What happens to personal data that an
# answer holds and the caller did not send stands in data/output_guard.json: off, redact or block, by distance.
terms := {spot: its |
	guards := data.law.output_guard
	duties := obligations
	some spot, redact in table.redaction
	near := split(spot, "|")[0]
	its := {
		"redact": redact,
		"tag_scope": object.get({"external": "request"}, near, "project"),
		"restore": object.get({"same-node": ["text", "arguments"]}, near, ["text"]),
		"obligations": duties,
		"output_guard": guards[near],
	}
}

# Prompts and answers are kept only for a project that has declared so, and for as long as it says.
obligations := array.concat(kept_content, kept_state)

kept_content := [sprintf("keep_content/%d", [days])] if {
	days := data.facts.projects[project_name].keep_content_days
	days > 0
} else := []

# For how long an answer may be kept that its caller asked to be kept; 0: never. A project that has not said so, has null.
kept_state := [sprintf("keep_state/%d", [days])] if {
	days := data.facts.projects[project_name].keep_state_days
	is_number(days)
} else := []

# --- why: by rule, each reason once. A rule that has nothing to say of a request (policy.unconcerned) permits, and is no
# reason.

reasons[rule] contains verdict if {
	none_waived
	some rule, found in judged
	some verdict in {said | some said in found}
	verdict.code != "policy.unconcerned"
}

reasons[rule] contains verdict if {
	none_waived
	some rule, verdict in everywhere
	verdict != unconcerned
	verdict.code != "policy.unconcerned"
}

reasons[rule] contains verdict if {
	rare
	some rule, found in rarely
	some verdict in found
}

reasons.table contains verdict if some verdict in table.verdicts

reasons.main contains verdict if some verdict in faults

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}

# What there is to say besides where a glass is broken, or where rules look at targets.
rare if not none_waived

rare if targets_spared == false

rarely[rule] contains verdict if {
	not none_waived
	some rule, found in judged
	some verdict in found
	verdict.code != "policy.unconcerned"
	not waived(verdict)
}

rarely[rule] contains verdict if {
	not none_waived
	some rule, verdict in everywhere
	verdict.code != "policy.unconcerned"
	not waived(verdict)
}

rarely[rule] contains broken(verdict) if {
	not none_waived
	some rule, verdict in everywhere
	waived(verdict)
}

rarely[rule] contains verdict if {
	targets_spared == false
	some id in input.candidates
	some rule, verdict in target_verdicts(data.facts.targets[id])
	verdict.code != "policy.unconcerned"
	not waived(verdict)
}

rarely[rule] contains broken(verdict) if {
	not none_waived
	some rule, found in judged
	some verdict in found
	waived(verdict)
}

rarely[rule] contains broken(verdict) if {
	not none_waived
	some id in input.candidates
	some rule, verdict in target_verdicts(data.facts.targets[id])
	waived(verdict)
}

faults contains fault("policy.no_candidates") if input.candidates == []

faults contains fault("policy.unknown_target") if count(table.place_of) < count(input.candidates)

faults contains fault("policy.no_verdict") if not everywhere

faults contains fault("policy.no_verdict") if {
	places := count(table.places)
	some found in judged
	count(found) < places
}

faults contains fault("policy.no_verdict") if {
	targets_spared == false
	some id in input.candidates
	target := data.facts.targets[id]
	not target_verdicts(target)
}

faults contains fault("policy.no_row") if {
	not whole
	some spot in table.spots
	not table.cell_of[spot]
}

faults contains fault("policy.no_output_guard") if {
	not whole
	some spot in table.spots
	not data.law.output_guard[split(spot, "|")[0]]
}

# Every spot has its terms, so that it has a row and an output guard.
whole if count(terms) == count(table.spots)

waived(verdict) if {
	verdict.severity == "deny"
	waivers[verdict.code]
}

# Most days no glass is broken, and no verdict need be looked at twice.
none_waived if waivers == {}

broken(verdict) := {
	"code": "policy.break_glass",
	"severity": "info",
	"legal": verdict.legal,
	"params": object.union(verdict.params, {"grant": waivers[verdict.code], "waives": verdict.code}),
}

fault(code) := {"code": code, "legal": "", "severity": "deny", "params": {}}
