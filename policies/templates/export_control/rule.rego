# METADATA
# title: Export control
# description: >-
#   A template. Prompts of a project that works on controlled technology go, and are shown, within the territory of its
#   regime, or where a general authorisation or a licence in force opens the way. Sending technology by electronic means
#   is an export, and so is letting somebody abroad see it. Which projects those are stands in data/export_control.json.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2021/821/oj
#     description: EU regime for the control of exports of dual-use items
#   - ref: https://www.ecfr.gov/current/title-15/subtitle-B/chapter-VII/subchapter-C/part-734
#     description: Scope of the Export Administration Regulations (US)
# custom:
#   legal: Regulation (EU) 2021/821 art. 2(2)(d), 3(1) and 12; 15 CFR 734.13
#   date: "2026-11-22"
#   owner: export control officer
package rules.export_control

# METADATA
# description: What is said of a place.
verdict(place) := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}} if {
	law.projects
	not controlled
} else := {"code": "own.export_open", "severity": "info", "legal": regime.legal, "params": params(place)} if {
	open(place.jurisdiction)
	open(viewed_in)
} else := {"code": "own.export_control", "severity": "deny", "legal": regime.legal, "params": params(place)}

law := data.law.export_control

project := concat("/", [input.caller.tenant, input.caller.project])

controlled := law.projects[project]

regime := law.regimes[controlled.regime]

# Nobody said from where: then from the caller's own site.
viewed_in := input.caller.access_from if {
	input.caller.access_from != ""
} else := input.caller.jurisdiction

# Whether the project's technology may be where that country is. A country that is not set is not open.
open(country) if {
	some label in labels(country)
	label in regime.territory
}

open(country) if {
	some name in controlled.general
	country in law.general[name].countries
}

open(country) if {
	some licence in law.licences
	licence.project == project
	licence.to == country
	licence.until >= today
}

labels(country) := array.concat([country], data.law.jurisdictions[country].groups)

today := substring(input.env.time, 0, 10)

params(place) := {name: country |
	some name, country in {"destination": place.jurisdiction, "access": viewed_in}
	country != ""
}
