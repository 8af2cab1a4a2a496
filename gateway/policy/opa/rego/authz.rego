# METADATA
# title: Who may do what at OPA's own API
# description: >-
#   Three bearer tokens, new at every start, known here by their SHA-256 only: one may ask for the decision, one may
#   replace the facts and ask what the rules derive from them, one may look whether OPA is well. All else is refused,
#   the policy API first of all.
# scope: package
# custom:
#   legal: none
#   date: "2026-11-21"
#   owner: operator
package system.authz

default allow := false

allow if {
	input.method == "POST"
	input.path == ["v1", "data", "sekisho", "decision"]
	bears("query")
}

allow if {
	input.method == "PUT"
	input.path == ["v1", "data", "facts"]
	bears("push")
}

allow if {
	input.method == "POST"
	input.path == ["v1", "data", "sekisho", "derived"]
	bears("push")
}

allow if {
	input.method == "GET"
	input.path in {["health"], ["v1", "status"]}
	bears("watch")
}

# Parameters such as `explain`, `metrics` or `pretty` would show more than the answer.
bears(role) if {
	count(input.params) == 0
	crypto.sha256(input.identity) == data.system.authz.tokens[role]
}
