# METADATA
# title: Special categories of data
# description: >-
#   A text that speaks of somebody's health, belief, origin, convictions and so on stays in the house: no place that
#   others run gets it. On its own node and site, and at other sites of the house in the same country, it is handled like
#   any other, so that the works doctor can work. Elsewhere, and shown abroad, only for a purpose to which
#   data/special_categories.json gives a legal basis for that category. Which categories the law of the origin knows
#   stands there too; for a law that is not there, all of them count. Nothing here opens a way that another rule closes.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR art. 9 and 10
# custom:
#   legal: >-
#     Regulation (EU) 2016/679 art. 9 and 10; UK GDPR art. 9 and 10; FADP (CH) art. 5(c); PIPL (CN) art. 28 and 29;
#     APPI (JP) art. 2(3)
#   date: "2026-11-22"
#   owner: privacy officer
package rules.special_categories

import data.rules.residency

# METADATA
# description: What may be said of a place. What is not known of it counts as elsewhere.
verdict(place) := yes("policy.unconcerned", "") if {
	count(spoken_of) == 0
} else := no("policy.special_external", place, foremost) if {
	place.near == "external"
} else := yes("policy.special_in_house", "") if {
	near(place) in data.law.special_categories.free
	not shown_abroad
} else := yes("policy.special_basis", legal_of_bases) if {
	count(without_basis) == 0
} else := no("policy.special_elsewhere", {"jurisdiction": residency.viewed_in}, min(without_basis)) if {
	near(place) in data.law.special_categories.free
} else := no("policy.special_elsewhere", place, min(without_basis))

# METADATA
# description: Whether no place need be looked at.
spares_places if input.data.special == []

# The laws that are about these data: those of their origin, else the strictest reading.
laws := found if {
	found := [law | some label in residency.labels; law := data.law.special_categories.laws[label]]
	count(found) > 0
} else := [data.law.special_categories.laws["*"]]

foremost := min(spoken_of)

spoken_of := {category | some law in laws; some category in law.categories; category in input.data.special}

near(place) := "same-jurisdiction" if {
	place.near == "other"
	place.jurisdiction == residency.origin
	residency.origin != ""
} else := place.near

shown_abroad if {
	residency.viewed_in != residency.origin
	not "" in [residency.viewed_in, residency.origin]
}

bases := [basis |
	some label in residency.labels
	basis := data.law.special_categories.bases[input.request.purpose][label]
]

without_basis := spoken_of - {category | some basis in bases; some category in basis.categories}

legal_of_bases := concat("; ", {basis.legal | some basis in bases})

yes(code, legal) := {"code": code, "severity": "info", "legal": legal, "params": {}}

no(code, place, category) := {
	"code": code,
	"severity": "deny",
	"legal": legal_of_laws,
	"params": object.union({"data": concat(":", ["special", category])}, residency.params(place)),
}

legal_of_laws := concat("; ", {law.legal | some law in laws; law.legal != ""})
