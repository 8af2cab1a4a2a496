# METADATA
# title: EU AI Act
# description: >-
#   What the Act prohibits is refused outright. A high-risk purpose is for projects that declared human oversight. The
#   purpose is the one that the key declares, looked up in data/purposes.json; one that the table does not name is
#   ordinary. The Act is taken to apply where the data, the caller's site or the place of access is in the EEA, and
#   where nobody said where the site is.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2024/1689/oj
#     description: Artificial Intelligence Act
# custom:
#   legal: Regulation (EU) 2024/1689 art. 2, 5, 6, 14, 26 and 113, annex III
#   date: "2026-11-22"
#   owner: privacy officer
package rules.ai_act

# METADATA
# description: The same for every place.
verdict(_) := ruling

ruling := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}} if {
	data.law.purposes.purposes
	not concerned
} else := {"code": "policy.ai_prohibited", "severity": "deny", "legal": entry.legal, "params": params} if {
	entry.class == "prohibited"
} else := {"code": "policy.ai_overseen", "severity": "info", "legal": legal, "params": params} if {
	data.facts.projects[project].human_oversight == true
} else := {"code": "policy.ai_oversight", "severity": "deny", "legal": legal, "params": params}

concerned if {
	entry.class in {"prohibited", "high-risk"}
	in_union
	not not_yet
}

not_yet if today < entry.since

name := object.get(data.law.purposes.aliases, input.request.purpose, input.request.purpose)

entry := data.law.purposes.purposes[name]

params := {"purpose": name}

# Human oversight is what the provider builds in (art. 14) and the deployer assigns to persons (art. 26(2)).
legal := sprintf("%s; art. 14 and 26(2)", [entry.legal])

# Art. 2(1): the deployer is in the Union, or what the system says is used there.
in_union if {
	some country in {input.data.collected_in, input.caller.jurisdiction, input.caller.access_from}
	"EEA" in data.law.jurisdictions[country].groups
}

in_union if input.caller.jurisdiction == ""

project := concat("/", [input.caller.tenant, input.caller.project])

today := substring(input.env.time, 0, 10)
