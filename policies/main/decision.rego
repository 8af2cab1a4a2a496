# METADATA
# title: The decision
# description: >-
#   Answers sekisho.input/1 with sekisho.decision/1. Denies unless every rule folder says "info" of the target in its
#   `verdicts` (a reason for each candidate, by its id) and the rule table has a redaction for it. A rule that is
#   undefined permits nothing.
# scope: package
# organizations: ["Sekisho"]
# custom:
#   legal: none, it only joins what the rules say
#   date: "2026-11-21"
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
		"target": "",
	}],
	"facts": "",
}

# METADATA
# description: What the gateway asks for. `facts` says which pushed facts it was decided under.
# entrypoint: true
decision := {
	"version": "sekisho.decision/1",
	"allow": count(granted) > 0,
	"targets": granted,
	"reasons": array.concat(reasons, faults),
	"facts": data.facts.revision,
	"remember_until": sprintf("%sT23:59:59Z", [substring(input.env.time, 0, 10)]), # the rules look at the day, no closer
} if {
	input.version == "sekisho.input/1"
	input.data.status == "ok"
}

granted := [grant |
	some id in input.candidates
	permitted[id]
	target := data.facts.targets[id]
	its := terms(target.near, target.jurisdiction)
	grant := {
		"id": id,
		"redact": its.redact,
		"tag_scope": its.tag_scope,
		"restore": its.restore,
		"obligations": [],
		"output_guard": its.output_guard,
	}
]

# `by_rule` is written by the build, one entry for each rule folder. If one of them is undefined, all of it is, and
# nothing is permitted.
permitted := intersection({yes |
	some verdicts in by_rule
	yes := {id | some id, verdict in verdicts; verdict.severity == "info"}
})

# What holds for all targets at one distance. URLs are never restored: a document could smuggle a value out in a link.
# External targets see a tag once, so that no two requests can be joined by it. What happens to personal data that an
# answer holds and the caller did not send stands in data/output_guard.json: off, redact or block, by distance.
terms(near, jurisdiction) := {
	"redact": data.facts.redaction[input.data.class][where],
	"tag_scope": object.get({"external": "request"}, where, "project"),
	"restore": object.get({"same-node": ["text", "arguments"]}, where, ["text"]),
	"output_guard": data.law.output_guard[where],
} if {
	where := place(near, jurisdiction)
}

# How far the target is away, for the rule table's `where`. The facts know what does not hang on the data.
place(near, jurisdiction) := near if {
	near != "other"
} else := "same-jurisdiction" if {
	jurisdiction != ""
	jurisdiction == input.data.collected_in
} else := "elsewhere"

reasons := [verdict |
	some verdicts in by_rule
	some verdict in verdicts
]

faults := [] if {
	count(granted) == count(input.candidates)
	count(granted) > 0
} else := [fault("policy.no_candidates", "")] if {
	count(input.candidates) == 0
} else := [fault(code, id) |
	some id in input.candidates
	code := fault_code(id)
]

fault_code(id) := "policy.unknown_target" if {
	not data.facts.targets[id]
} else := "policy.no_redaction" if {
	target := data.facts.targets[id]
	not terms(target.near, target.jurisdiction)
} else := "policy.no_verdict" if {
	some verdicts in by_rule
	not verdicts[id]
}

fault(code, target) := {"code": code, "rule": "main", "legal": "", "severity": "deny", "target": target}
