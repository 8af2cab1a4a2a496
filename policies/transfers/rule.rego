# METADATA
# title: Transfer routes
# description: >-
#   Where no adequacy holds, a transfer that the house has arranged (`transfers` of organisation.yaml) opens the way: if
#   the law of the origin knows that route, if it has not run out, and if the route is enough. Some hold only for few
#   (explicit consent under GDPR art. 49, read narrowly), one only where an adequacy decision in force is about recipients
#   of its kind (`adequate-recipient`: certified under the EU-US framework, subject to Canada's PIPEDA), some only below
#   China's yearly numbers of persons; then the counters decide, and a way that hangs on them is closed while they are
#   unknown. In China below the lowest number no contract is needed, but separate consent still is (PIPL art. 39), so
#   even there something must have been arranged.
#   Places of the data's own law, with adequacy, or without any arrangement are for the rule `residency`.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR art. 46, 47 and 49
#   - ref: https://www.cac.gov.cn/2024-03/22/c_1712776611775634.htm
#     description: Provisions on promoting and regulating cross-border data flows, art. 5, 7 and 8
# custom:
#   legal: >-
#     Regulation (EU) 2016/679 art. 46 to 49; UK GDPR art. 46 to 49; FADP (CH) art. 16(2) and 17; PIPL (CN) art. 38 to 40
#     with the provisions of 2024-03-22; APPI (JP) art. 28
#   date: "2026-11-22"
#   owner: privacy officer
package rules.transfers

import data.rules.residency
import data.sekisho.table

# METADATA
# description: >-
#   What may be said of a place. The target's country and the one in which the answer is looked at both need their way;
#   one that is closed counts.
verdict(place) := view if {
	crossing(place.jurisdiction).code == "policy.unconcerned"
} else := view if {
	view.severity != "info"
	crossing(place.jurisdiction)
} else := crossing(place.jurisdiction) if {
	view
}

view := crossing(residency.viewed_in)

# METADATA
# description: >-
#   What is said of all places of a request at once, as `verdict` says it of each. Where the answer may be shown without
#   an arrangement, none is about places that none leads to.
verdicts := object.union(
	{name: nothing | some name in (table.places - led_to)},
	{name: verdict(known[name]) | some name in led_to},
) if {
	view == nothing
	known := data.facts.places
} else := {name: verdict(known[name]) |
	known := data.facts.places
	some name in table.places
}

led_to := straight | by_group

straight := {name |
	known := data.facts.places
	to := reached
	some name in table.places
	to[known[name].jurisdiction]
}

by_group := {name |
	known := data.facts.places
	law := data.law.jurisdictions
	to := reached
	some name in table.places
	some group in law[known[name].jurisdiction].groups
	to[group]
}

# METADATA
# description: Whether no place need be looked at.
spares_places if ours == []

# Of places of the data's own law, with adequacy, or without any arrangement, `residency` speaks.
crossing(country) := nothing if {
	country == residency.origin
} else := nothing if {
	residency.adequacy(country)
} else := nothing if {
	not arranged(country)
} else := way(country)

nothing := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}

# METADATA
# description: Whether the house has arranged a transfer to a country at all, be it one that holds or not.
arranged(country) if reached[country]

arranged(country) if {
	some group in data.law.jurisdictions[country].groups
	reached[group]
}

reached := {transfer.to | some transfer in ours; transfer.to != ""}

ours := [transfer |
	some transfer in data.facts.transfers
	transfer.from in residency.labels
	transfer.tenant in {"", input.caller.tenant}
]

# METADATA
# description: What the house has arranged for a country.
arrangements(country) := [transfer | some transfer in ours; covers(transfer, country)]

covers(transfer, country) if transfer.to == country

covers(transfer, country) if transfer.to in data.law.jurisdictions[country].groups

# One arrangement that holds is enough; where none does, the reason is that of the one that is nearest to it.
way(country) := min([[nearness[found.code], found] |
	some transfer in arrangements(country)
	found := judged(transfer, country)
])[1]

nearness := {
	"policy.transfer_arranged": 0,
	"policy.transfer_uncounted": 1,
	"policy.transfer_threshold": 2,
	"policy.transfer_narrow": 3,
	"policy.transfer_expired": 4,
	"policy.transfer_route": 5,
}

# METADATA
# description: What one arrangement is worth for a country. What it does not name among the ways to hold is closed.
judged(transfer, country) := no("policy.transfer_route", transfer, country, {}) if {
	not routes[transfer.route]
} else := no("policy.transfer_expired", transfer, country, {"until": transfer.until}) if {
	not in_force(transfer)
} else := yes(transfer, country) if {
	routes[transfer.route].holds == "conditional"
	residency.conditional[transfer.to]
	transfer.to == country
} else := no("policy.transfer_route", transfer, country, {}) if {
	routes[transfer.route].holds == "conditional"
} else := yes(transfer, country) if {
	routes[transfer.route].holds == "always"
} else := yes(transfer, country) if {
	routes[transfer.route].holds == "narrow"
	narrow(transfer, country)
} else := no("policy.transfer_narrow", transfer, country, {}) if {
	routes[transfer.route].holds == "narrow"
} else := no("policy.transfer_uncounted", transfer, country, {}) if {
	not level
} else := yes(transfer, country) if {
	level in enough[routes[transfer.route].holds]
} else := no("policy.transfer_threshold", transfer, country, {"needs": level})

# The routes that the law of the origin knows.
routes := object.union_n([data.law.transfers[label].routes | some label in residency.labels])

in_force(transfer) if transfer.until >= residency.today

# An exception for single cases: one tenant has arranged it, for one country, and the text is no list of persons.
narrow(transfer, country) if {
	transfer.tenant == input.caller.tenant
	transfer.to == country
	not list_of_persons
}

list_of_persons if "20+" in object.keys({bucket: true | some bucket in input.data.entities})

# --- how many persons there were this year

# Up to which level of the yearly numbers a route is enough.
enough := {"exempt": {"nothing"}, "limited": {"nothing", "standard-contract"}}

limits := min([data.law.thresholds[label] | some label in residency.labels])

# METADATA
# description: What the law asks for at this year's numbers; undefined when they are not known.
level := "security-assessment" if {
	entity in limits.operators_of_critical_infrastructure
} else := "security-assessment" if {
	counted
	input.counters.all >= limits.assessment_from_persons
} else := "security-assessment" if {
	counted
	input.counters.sensitive >= limits.assessment_from_sensitive
} else := "standard-contract" if {
	counted
	input.counters.all >= limits.contract_from_persons
} else := "standard-contract" if {
	counted
	input.counters.sensitive >= limits.contract_from_sensitive
} else := "nothing" if {
	counted
}

# The numbers are those of the legal entity that answers for these data, and of the running year where they come from.
counted if {
	input.counters.entity == entity
	is_number(input.counters.all)
	is_number(input.counters.sensitive)
	now := time.parse_rfc3339_ns(input.env.time)
	now >= begin_of(input.counters.year)
	now < begin_of(input.counters.year + 1)
}

begin_of(year) := time.parse_rfc3339_ns(sprintf("%d-01-01T%s", [year, limits.year_begins_at]))

# A tenant that has not said which entity answers for it is one by itself.
entity := data.facts.tenants[input.caller.tenant].entity if {
	data.facts.tenants[input.caller.tenant].entity != ""
} else := input.caller.tenant

yes(transfer, country) := {
	"code": "policy.transfer_arranged",
	"severity": "info",
	"legal": routes[transfer.route].legal,
	"params": params(transfer, country, {"until": transfer.until}),
}

no(code, transfer, country, more) := {
	"code": code,
	"severity": "deny",
	"legal": legal_of(transfer),
	"params": params(transfer, country, more),
}

legal_of(transfer) := routes[transfer.route].legal if {
	routes[transfer.route]
} else := residency.law if {
	residency.law
} else := ""

params(transfer, country, more) := object.union(
	{"origin": residency.origin, "destination": country, "route": transfer.route},
	more,
)
