# METADATA
# title: Functional safety
# description: >-
#   Work on what makes a vehicle safe (hazard analysis, safety requirements, their software and its verification) is for
#   projects that declared safety oversight: a person who answers for it, and a tool whose output is checked. The
#   purpose is the one that the key declares, looked up in data/purposes.json.
# scope: package
# related_resources:
#   - ref: https://www.iso.org/standard/68383.html
#     description: ISO 26262-1:2018, Road vehicles, Functional safety
# custom:
#   legal: ISO 26262:2018, part 2 cl. 6, part 8 cl. 11 (confidence in the use of software tools)
#   date: "2026-11-22"
#   owner: functional safety manager
package rules.functional_safety

# METADATA
# description: The same for every place.
verdict(_) := ruling

ruling := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}} if {
	data.law.purposes.purposes
	not concerned
} else := {"code": "policy.safety_overseen", "severity": "info", "legal": legal, "params": params} if {
	data.facts.projects[project].safety_oversight == true
} else := {"code": "policy.safety_oversight", "severity": "deny", "legal": legal, "params": params}

concerned if entry.class == "safety"

name := object.get(data.law.purposes.aliases, input.request.purpose, input.request.purpose)

entry := data.law.purposes.purposes[name]

params := {"purpose": name}

legal := sprintf("%s; ISO 26262-8:2018 cl. 11", [entry.legal])

project := concat("/", [input.caller.tenant, input.caller.project])
