package rules.residency_test

import data.rules.residency

places := {
	"here": {"near": "same-node", "jurisdiction": "DE"},
	"de": {"near": "other", "jurisdiction": "DE"},
	"fr": {"near": "other", "jurisdiction": "FR"},
	"no": {"near": "other", "jurisdiction": "NO"},
	"gb": {"near": "other", "jurisdiction": "GB"},
	"jp": {"near": "other", "jurisdiction": "JP"},
	"ch": {"near": "other", "jurisdiction": "CH"},
	"us": {"near": "other", "jurisdiction": "US"},
	"ca": {"near": "other", "jurisdiction": "CA"},
	"cn": {"near": "other", "jurisdiction": "CN"},
	"cn_here": {"near": "same-node", "jurisdiction": "CN"},
	"unset": {"near": "other", "jurisdiction": ""},
	"unset_here": {"near": "same-node", "jurisdiction": ""},
	"nowhere": {"near": "other", "jurisdiction": "XX"},
}

question(origin, access) := {
	"caller": {"access_from": access, "jurisdiction": origin},
	"data": {"collected_in": origin},
	"env": {"time": "2026-06-01T12:00:00Z"},
}

said(asked) := {id: verdict |
	some id, place in places
	verdict := residency.verdict(place) with input as asked
}

permitted(asked) := {id | some id, verdict in said(asked); verdict.severity == "info"}

codes(asked) := {id: verdict.code | some id, verdict in said(asked)}

test_german_data_stay_in_the_eea_or_go_where_adequacy_holds if {
	permitted(question("DE", "DE")) == {"here", "de", "fr", "no", "gb", "jp", "ch", "unset_here"}
}

test_every_candidate_gets_a_verdict if {
	count(said(question("DE", "DE"))) == count(places)
}

test_the_framework_for_certified_recipients_opens_nothing_by_itself if {
	codes(question("DE", "DE")).us == "policy.residency"
	codes(question("DE", "DE")).ca == "policy.residency"
}

test_japanese_data_go_to_the_eea_and_the_united_kingdom if {
	permitted(question("JP", "JP")) == {"jp", "here", "de", "fr", "no", "gb", "unset_here"}
}

test_british_data_go_to_the_eea_switzerland_and_japan if {
	permitted(question("GB", "GB")) == {"gb", "here", "de", "fr", "no", "ch", "jp", "unset_here"}
}

test_swiss_data_go_to_the_eea_and_the_united_kingdom if {
	permitted(question("CH", "CH")) == {"ch", "here", "de", "fr", "no", "gb", "unset_here"}
}

test_chinese_data_stay_in_china if {
	permitted(question("CN", "CN")) == {"cn", "cn_here", "unset_here"}
	said(question("CN", "CN")).de.legal == "PIPL (CN) art. 38"
}

test_an_origin_whose_law_is_not_known_stays_at_home if {
	permitted(question("XX", "XX")) == {"nowhere", "unset_here"}
	said(question("XX", "XX")).de.legal == ""
}

test_the_same_machine_is_no_excuse_when_both_jurisdictions_are_set if {
	codes(question("DE", "DE")).cn_here == "policy.residency"
}

test_an_unset_origin_stays_on_this_machine if {
	permitted(question("", "")) == {"here", "cn_here", "unset_here"}
	codes(question("", "")).de == "policy.residency_unset"
}

test_an_unset_target_is_used_only_on_this_machine if {
	codes(question("DE", "DE")).unset == "policy.residency_unset"
	codes(question("DE", "DE")).unset_here == "policy.residency_same_node"
}

test_showing_japanese_data_in_china_is_a_transfer if {
	permitted(question("JP", "CN")) == set()
	codes(question("JP", "CN")).jp == "policy.residency_access"
	said(question("JP", "CN")).de.params == {"origin": "JP", "destination": "CN"}
}

test_showing_german_data_in_france_is_none_that_needs_more if {
	permitted(question("DE", "FR")) == permitted(question("DE", "DE"))
}

test_data_of_unset_origin_are_not_shown_to_a_named_place if {
	permitted(question("", "CN")) == set()
}

test_what_is_looked_at_from_nobody_knows_where_goes_nowhere if {
	every origin in {"DE", "CN", "JP", "US", ""} {
		permitted(question(origin, "ZZ")) == set()
	}
}

test_without_a_place_of_access_the_callers_site_counts if {
	asked := json.patch(question("DE", ""), [{"op": "replace", "path": "/caller/jurisdiction", "value": "CN"}])
	permitted(asked) == set()
}

test_with_no_known_place_of_access_the_answer_stays_on_this_machine if {
	asked := json.patch(question("DE", ""), [{"op": "replace", "path": "/caller/jurisdiction", "value": ""}])
	permitted(asked) == {"here", "unset_here"}
}

at(time) := json.patch(question("DE", "DE"), [{"op": "replace", "path": "/env/time", "value": time}])

test_adequacy_counts_from_its_first_to_its_last_day if {
	not permitted(at("2021-06-27T23:59:59Z")).gb
	permitted(at("2021-06-28T00:00:00Z")).gb
	permitted(at("2031-12-27T23:59:59Z")).gb
	not permitted(at("2031-12-28T00:00:00Z")).gb
}

test_a_time_that_is_none_opens_no_way_abroad if {
	permitted(at("tomorrow")) == {"here", "de", "unset_here"}
	permitted(at("2026-06-01T12:00:00+02:00")) == {"here", "de", "unset_here"}
}

# --- the data

test_every_route_is_dated_and_cites_a_source if {
	every routes in data.law.adequacy {
		every route in routes {
			regex.match(`^\d{4}-\d{2}-\d{2}$`, route.since)
			regex.match(`^\d{4}-\d{2}-\d{2}$`, route.until)
			route.since < route.until
			count(route.legal) > 10
			is_string(route.condition)
		}
	}
}

test_every_route_joins_known_jurisdictions_or_groups if {
	groups := {group | some jurisdiction in data.law.jurisdictions; some group in jurisdiction.groups}
	known := object.keys(data.law.jurisdictions) | groups
	every giver, routes in data.law.adequacy {
		giver in known
		count(object.keys(routes) - known) == 0
	}
}

test_the_groups_have_their_members if {
	count([1 | some jurisdiction in data.law.jurisdictions; "EU" in jurisdiction.groups]) == 27
	count([1 | some jurisdiction in data.law.jurisdictions; "EEA" in jurisdiction.groups]) == 30
}

# --- what is worked out when facts are pushed

pushed := {
	"sites": {"muc": {"jurisdiction": "DE"}, "tyo": {"jurisdiction": "JP"}, "fresh": {"jurisdiction": ""}},
	"places": places,
	"transfers": [
		{"from": "EEA", "to": "US", "route": "scc", "until": "2031-12-31", "tenant": "", "reference": "1"},
		{"from": "JP", "to": "CN", "route": "consent", "until": "2031-12-31", "tenant": "acme", "reference": "2"},
	],
}

facts_of(day) := object.union(pushed, {"derived": {"residency": found}}) if {
	found := residency.derived with input as {"facts": pushed, "env": {"time": sprintf("%sT12:00:00Z", [day])}}
}

asked_by(tenant, from, to, day) := {
	"caller": {"tenant": tenant, "access_from": to, "jurisdiction": "DE"},
	"data": {"collected_in": from},
	"env": {"time": sprintf("%sT12:00:00Z", [day])},
}

words := {
	"verdicts": {id: residency.verdict(place) | some id, place in places},
	"adequate": {country: residency.adequacy(country) | some place in places; country := place.jurisdiction},
}

test_what_was_worked_out_says_what_the_rule_says if {
	facts := facts_of("2026-11-22")
	every from in ["DE", "JP", ""] {
		every to in ["DE", "CN"] {
			every tenant in ["acme", "other"] {
				asked := asked_by(tenant, from, to, "2026-11-22")
				once := words with input as asked with data.facts as pushed
				again := words with input as asked with data.facts as facts
				again == once
			}
		}
	}
}

from_germany(tenant, day, facts) := object.keys(ways) if {
	ways := residency.derived_ways with input as asked_by(tenant, "DE", "DE", day) with data.facts as facts
} else := set()

test_it_is_used_between_two_changes_of_the_law_and_for_nobody_with_ways_of_its_own if {
	facts := facts_of("2026-11-22")
	from_germany("other", "2026-11-22", facts) == {"DE", "FR", "NO", "GB", "JP", "CH", "US", "CA", "CN", "XX"}
	from_germany("other", "2031-12-27", facts) != set()
	from_germany("other", "2031-12-28", facts) == set()
	from_germany("other", "2021-06-27", facts) == set()
	from_germany("acme", "2026-11-22", facts) == set()
}

test_it_is_used_by_nobody_whose_tenant_is_not_known if {
	facts := facts_of("2026-11-22")
	asked := json.remove(asked_by("other", "DE", "DE", "2026-11-22"), ["/caller/tenant"])
	not residency.derived_ways with input as asked with data.facts as facts
}

# --- all places at once

here_and_there := {"candidates": [place | some place, _ in places]}

targets := {place: {"place": place} | some place, _ in places}

at_once := residency.verdicts

one_by_one := {name: verdict | some name, place in places; verdict := residency.verdict(place)}

test_all_places_at_once_are_told_what_each_is_told if {
	every day in ["2026-11-22", "2031-12-28"] {
		every from in ["DE", "JP", "", "BR"] {
			every to in ["DE", "CN", ""] {
				asked := object.union(asked_by("other", from, to, day), here_and_there)
				worked_out := object.union(facts_of("2026-11-22"), {"targets": targets})
				both := at_once with input as asked with data.facts as worked_out
				each := one_by_one with input as asked with data.facts as worked_out
				both == each
				count(both) == count(places)
			}
		}
	}
}
