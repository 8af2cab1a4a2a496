# METADATA
# title: Residency
# description: >-
#   Data go only where the law of their origin lets them: their own jurisdiction, one with an adequacy decision in force
#   on the day of the request, or one that the house has arranged a transfer to. Whether that arrangement holds is for the
#   rule `transfers` to say; here is said that there is a way, or none. Showing an answer to somebody abroad is a transfer
#   too. An origin or place that is not set keeps the prompt on the machine it arrived at. Content is never a transfer by
#   itself.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR art. 44 and 45
# custom:
#   legal: >-
#     Regulation (EU) 2016/679 art. 44 and 45; UK GDPR ch. V; FADP (CH) art. 16; APPI (JP) art. 28;
#     PIPL (CN) art. 38 to 40
#   date: "2026-11-22"
#   owner: privacy officer
package rules.residency

import data.rules.transfers
import data.sekisho.table

# METADATA
# description: What may be said of a place. The first that applies.
verdict(place) := not_shown if {
	view == "closed"
} else := crossing(place.jurisdiction) if {
	view == "open"
	origin != ""
	place.jurisdiction != ""
} else := yes("policy.residency_same_node", place, "") if {
	place.near == "same-node"
	"" in [origin, place.jurisdiction]
} else := crossing(place.jurisdiction) if {
	place.near == "same-node"
} else := no("policy.residency_unset", place)

# METADATA
# description: >-
#   What is said of all places of a request at once, as `verdict` says it of each: to ask one by one costs several times
#   as much.
verdicts := worked_out if {
	count(worked_out) == count(table.places)
} else := {name: verdict(known[name]) |
	known := data.facts.places
	some name in table.places
}

worked_out := {name: ways[known[name].jurisdiction].says |
	known := data.facts.places
	ways := open_ways
	some name in table.places
}

# What was worked out of each country, where the answer may be shown.
open_ways := derived_ways if view == "open"

# METADATA
# description: What may be said of a country, where it and the origin are known.
crossing(country) := derived_ways[country].says if {
	derived_ways[country]
} else := yes("policy.residency_same_jurisdiction", {"jurisdiction": country}, "") if {
	country == origin
} else := yes("policy.residency_adequate", {"jurisdiction": country}, legal) if {
	legal := adequacy(country)
} else := yes("policy.residency_arranged", {"jurisdiction": country}, "") if {
	transfers.arranged(country)
} else := no("policy.residency", {"jurisdiction": country})

# The country that counts is the one where the answer is looked at, wherever the place is.
not_shown := no("policy.residency_access", {"jurisdiction": viewed_in})

origin := input.data.collected_in

# METADATA
# description: Whether the origin's law lets the answer be shown where it is looked at.
view := "unset" if {
	input.caller.access_from == ""
	"" in [origin, viewed_in]
} else := "open" if {
	origin != ""
	crossing(viewed_in).severity == "info"
} else := "closed"

# Nobody said from where: then from the caller's own site.
viewed_in := input.caller.access_from if {
	input.caller.access_from != ""
} else := input.caller.jurisdiction

# METADATA
# description: >-
#   The decision in force today that opens the way from the origin to a country, or to a group that it is in. One that
#   holds for certain recipients only (`condition`) opens nothing by itself: that a target's operator is one of them is
#   for the house to say, as an arrangement (`conditional`, and the rule `transfers`).
adequacy(country) := derived_ways[country].adequate if {
	derived_ways[country]
}

adequacy(country) := legal if {
	not derived_ways[country]
	legal := adequate_of(country)
}

adequate_of(country) := adequate[country] if {
	adequate[country]
} else := min(found) if {
	found := {adequate[group] | some group in data.law.jurisdictions[country].groups}
	count(found) > 0
}

# Worked out once, whatever the places: by country or group that data from this origin may go to.
adequate := object.union_n([open_to |
	some giver in labels
	open_to := {receiver: route.legal |
		some receiver, route in data.law.adequacy[giver]
		route.condition == ""
		route.since <= today
		route.until >= today
	}
])

# METADATA
# description: The decisions in force today that hold for certain recipients only, by the country that they are about.
conditional[receiver] contains route.legal if {
	some giver in labels
	some receiver, route in data.law.adequacy[giver]
	route.condition != ""
	route.since <= today
	route.until >= today
}

# The origin with the groups that it is in; one that the data do not know is in none.
labels := array.concat([origin], data.law.jurisdictions[origin].groups) if {
	data.law.jurisdictions[origin]
} else := [origin]

# RFC 3339 in UTC, so that its first ten characters are the day and compare as text.
today := substring(input.env.time, 0, 10) if {
	endswith(input.env.time, "Z")
	time.parse_rfc3339_ns(input.env.time)
}

law := min([rule.legal | some label in labels; rule := data.law.transfers[label]])

yes(code, place, legal) := {"code": code, "severity": "info", "legal": legal, "params": params(place)}

no(code, place) := {"code": code, "severity": "deny", "legal": law, "params": params(place)} if {
	law
} else := {"code": code, "severity": "deny", "legal": "", "params": params(place)}

params(place) := {"origin": origin, "destination": place.jurisdiction} if {
	origin != ""
	place.jurisdiction != ""
} else := {name: country |
	some name, country in {"origin": origin, "destination": place.jurisdiction}
	country != ""
}

# --- worked out when facts are pushed

# METADATA
# description: >-
#   What `crossing` and `adequacy` say between the countries of the house's sites and places, asked by the gateway each
#   time it pushes facts, and pushed with them (data.facts.derived.residency). `input` holds those facts and the time.
#   It holds for every tenant that has arranged no transfers of its own (`own`), and on every day between two on which
#   a decision of adequacy comes into force or ends: it began `since` or later and has not reached `before`, none ended
#   between `after` and now, and `through` is the last day of the next one that ends.
derived := {
	"ways": {from: to |
		some from in countries
		to := ways with input.data.collected_in as from with input.caller.tenant as "" with data.facts as input.facts
	},
	"own": {tenant: true | some transfer in input.facts.transfers; tenant := transfer.tenant; tenant != ""},
	"since": max({""} | {day | some day in beginnings; day <= today}),
	"before": min({"~"} | {day | some day in beginnings; day > today}),
	"after": max({""} | {day | some day in ends; day < today}),
	"through": min({"~"} | {day | some day in ends; day >= today}),
}

countries := {country |
	some known in [input.facts.sites, input.facts.places]
	country := known[_].jurisdiction
	country != ""
}

beginnings := {route.since | route := data.law.adequacy[_][_]}

ends := {route.until | route := data.law.adequacy[_][_]}

ways := {to: way |
	some to in countries
	way := object.union({"says": crossing(to)}, {"adequate": legal | legal := adequacy(to)})
}

# What was worked out from this origin, where it holds for this tenant and this day.
derived_ways := its.ways[origin] if {
	its := data.facts.derived.residency
	its.since <= today
	its.after < today
	today <= its.through
	today < its.before
	tenant := input.caller.tenant
	not its.own[tenant]
}
