package rules.transfers_test

import data.rules.residency
import data.rules.transfers

place(jurisdiction) := {"near": "other", "jurisdiction": jurisdiction}

question(origin, access) := {
	"caller": {"tenant": "acme", "access_from": access, "jurisdiction": origin},
	"data": {"collected_in": origin, "entities": {"PERSON": "2-4"}},
	"env": {"time": "2026-06-01T12:00:00Z"},
	"counters": null,
}

transfer(from, to, route) := {
	"from": from,
	"to": to,
	"route": route,
	"until": "2027-06-30",
	"reference": "DPA 2026-114",
	"tenant": "",
}

arranged(transfers) := {"transfers": transfers, "tenants": {"acme": {"entity": "Beispiel AG"}}}

said(asked, transfers, country) := verdict if {
	verdict := data.rules.transfers.verdict(place(country)) with input as asked with data.facts as arranged(transfers)
}

code(asked, transfers, country) := said(asked, transfers, country).code

residence(asked, transfers, country) := verdict if {
	verdict := residency.verdict(place(country)) with input as asked with data.facts as arranged(transfers)
}

german := question("DE", "DE")

# --- who speaks of what

test_places_of_the_same_law_or_with_adequacy_are_no_concern if {
	every country in ["DE", "FR", "NO", "GB", "JP", "BR"] {
		code(german, [transfer("EEA", country, "appi-consent")], country) == "policy.unconcerned"
	}
}

test_at_home_nothing_needs_to_be_arranged if {
	code(question("JP", "JP"), [transfer("JP", "JP", "scc")], "JP") == "policy.unconcerned"
}

test_without_an_arrangement_residency_refuses_and_nothing_more_is_said if {
	code(german, [], "US") == "policy.unconcerned"
	residence(german, [], "US").code == "policy.residency"
}

test_with_one_residency_leaves_it_to_this_rule if {
	verdict := residence(german, [transfer("EEA", "US", "scc")], "US")
	verdict.code == "policy.residency_arranged"
	verdict.severity == "info"
}

test_an_unset_place_is_never_arranged if {
	residence(german, [transfer("EEA", "", "scc")], "").code == "policy.residency_unset"
	code(german, [transfer("EEA", "", "scc")], "") == "policy.unconcerned"
}

# --- what the laws know

opens(origin, route) if code(question(origin, origin), [transfer(origin, "IN", route)], "IN") == "policy.transfer_arranged"

routes := {
	"scc",
	"bcr",
	"appropriate-safeguards",
	"explicit-consent",
	"pipl-security-assessment",
	"pipl-standard-contract",
	"pipl-certification",
	"appi-consent",
	"appi-equivalent-measures",
	"adequate-recipient",
}

test_each_law_knows_its_own_routes if {
	known := {origin: [route | some route in routes; opens(origin, route)] |
		some origin in ["DE", "NO", "GB", "CH", "JP", "CN", "US", "IN"]
	}
	safeguards := ["appropriate-safeguards", "bcr", "scc"]
	known == {
		"DE": safeguards,
		"NO": safeguards,
		"GB": safeguards,
		"CH": safeguards,
		"JP": ["appi-consent", "appi-equivalent-measures"],
		"CN": ["pipl-security-assessment"], # the others hang on numbers, which are not known here
		"US": [],
		"IN": [],
	}
}

test_a_decision_for_certain_recipients_opens_the_way_to_them if {
	recipient := transfer("EEA", "US", "adequate-recipient")
	code(german, [recipient], "US") == "policy.transfer_arranged"
	residence(german, [recipient], "US").code == "policy.residency_arranged"
	code(question("CH", "CH"), [transfer("CH", "US", "adequate-recipient")], "US") == "policy.transfer_arranged"
	code(question("GB", "GB"), [transfer("GB", "CA", "adequate-recipient")], "CA") == "policy.transfer_arranged"
}

test_without_such_a_decision_in_force_no_recipient_is_one if {
	code(german, [transfer("EEA", "IN", "adequate-recipient")], "IN") == "policy.transfer_route"
	code(question("JP", "JP"), [transfer("JP", "US", "adequate-recipient")], "US") == "policy.transfer_route"
	before := object.union(german, {"env": {"time": "2023-07-09T23:59:59Z"}})
	code(before, [transfer("EEA", "US", "adequate-recipient")], "US") == "policy.transfer_route"
}

test_a_route_of_another_law_is_none if {
	verdict := said(german, [transfer("DE", "US", "appi-consent")], "US")
	verdict.code == "policy.transfer_route"
	verdict.severity == "deny"
	verdict.legal == "Regulation (EU) 2016/679 art. 44"
	verdict.params == {"origin": "DE", "destination": "US", "route": "appi-consent"}
}

test_an_origin_without_a_law_here_has_no_way if {
	verdict := said(question("IN", "IN"), [transfer("IN", "US", "scc")], "US")
	verdict.code == "policy.transfer_route"
	verdict.legal == ""
}

test_an_open_way_says_route_and_last_day if {
	said(german, [transfer("EEA", "US", "scc")], "US") == {
		"code": "policy.transfer_arranged",
		"severity": "info",
		"legal": "Regulation (EU) 2016/679 art. 46(2)(c)",
		"params": {"origin": "DE", "destination": "US", "route": "scc", "until": "2027-06-30"},
	}
}

# --- for whom and where

test_groups_are_read_at_both_ends if {
	code(german, [transfer("EU", "US", "scc")], "US") == "policy.transfer_arranged"
	code(question("NO", "NO"), [transfer("EU", "US", "scc")], "US") == "policy.unconcerned"
	code(question("JP", "JP"), [transfer("JP", "EEA", "appi-consent")], "DE") == "policy.unconcerned"
	code(question("CN", "CN"), [transfer("CN", "EEA", "pipl-security-assessment")], "DE") == "policy.transfer_arranged"
}

test_a_transfer_is_its_tenants_alone if {
	theirs := object.union(transfer("EEA", "US", "scc"), {"tenant": "other"})
	code(german, [theirs], "US") == "policy.unconcerned"
	residence(german, [theirs], "US").code == "policy.residency"
	code(german, [object.union(theirs, {"tenant": "acme"})], "US") == "policy.transfer_arranged"
}

test_it_does_not_work_backwards if {
	code(question("US", "US"), [transfer("EEA", "US", "scc")], "IN") == "policy.unconcerned"
}

# --- until when

until(day) := object.union(transfer("EEA", "US", "scc"), {"until": day})

test_it_holds_to_the_end_of_its_last_day if {
	code(german, [until("2026-06-01")], "US") == "policy.transfer_arranged"
	code(german, [until("2026-05-31")], "US") == "policy.transfer_expired"
	said(german, [until("2026-05-31")], "US").params.until == "2026-05-31"
}

test_a_time_that_is_none_opens_no_way if {
	asked := json.patch(german, [{"op": "replace", "path": "/env/time", "value": "tomorrow"}])
	code(asked, [until("2027-06-30")], "US") == "policy.transfer_expired"
}

test_one_that_holds_is_enough_and_the_nearest_reason_is_said if {
	run_out := until("2026-05-31")
	foreign := transfer("EEA", "US", "appi-consent")
	code(german, [foreign, run_out, transfer("EEA", "US", "bcr")], "US") == "policy.transfer_arranged"
	code(german, [foreign, run_out], "US") == "policy.transfer_expired"
}

# --- explicit consent, an exception

consent := {
	"from": "DE",
	"to": "US",
	"route": "explicit-consent",
	"until": "2027-06-30",
	"reference": "form 7",
	"tenant": "acme",
}

test_explicit_consent_holds_for_one_tenant_one_country_and_no_list if {
	code(german, [consent], "US") == "policy.transfer_arranged"
	every wide in [{"tenant": ""}, {"to": "EEA"}] {
		changed := object.union(consent, wide)
		country := object.get({"EEA": "DE"}, changed.to, "US")
		origin := object.get({"EEA": "CH"}, changed.to, "DE")
		asked := question(origin, origin)
		some found in [transfers.judged(object.union(changed, {"from": origin}), country)]
			with input as asked
			with data.facts as arranged([])
		found.code == "policy.transfer_narrow"
	}
	list := json.patch(german, [{"op": "replace", "path": "/data/entities/PERSON", "value": "20+"}])
	code(list, [consent], "US") == "policy.transfer_narrow"
}

# --- shown abroad

test_showing_an_answer_abroad_goes_by_the_same_ways if {
	asked := question("DE", "US")
	code(asked, [transfer("EEA", "US", "scc")], "DE") == "policy.transfer_arranged"
	residence(asked, [transfer("EEA", "US", "scc")], "DE").code == "policy.residency_same_jurisdiction"
	code(asked, [until("2026-05-31")], "DE") == "policy.transfer_expired"
	residence(asked, [], "DE").code == "policy.residency_access"
}

test_target_and_screen_each_need_their_way if {
	asked := question("DE", "US")
	screen := transfer("EEA", "US", "scc")
	target := transfer("EEA", "IN", "scc")
	over := {"until": "2026-05-31"}
	code(asked, [screen, target], "IN") == "policy.transfer_arranged"
	said(asked, [screen, target], "IN").params.destination == "IN"
	code(asked, [screen, object.union(target, over)], "IN") == "policy.transfer_expired"
	code(asked, [object.union(screen, over), target], "IN") == "policy.transfer_expired"
	residence(asked, [screen], "IN").code == "policy.residency"
	residence(asked, [target], "IN").code == "policy.residency_access"
}

# --- China's yearly numbers

counters(all, sensitive) := {"entity": "Beispiel AG", "year": 2026, "all": all, "sensitive": sensitive, "by_destination": {}}

chinese(numbers) := object.union(question("CN", "CN"), {"counters": numbers})

to_germany(route, numbers) := said(chinese(numbers), [transfer("CN", "DE", route)], "DE")

test_below_the_lowest_number_every_route_is_enough if {
	every route in ["explicit-consent", "pipl-standard-contract", "pipl-certification", "pipl-security-assessment"] {
		to_germany(route, counters(99999, 0)).code == "policy.transfer_arranged"
	}
}

test_from_the_lowest_number_on_a_contract_or_certificate_is_needed if {
	to_germany("explicit-consent", counters(100000, 0)).code == "policy.transfer_threshold"
	to_germany("explicit-consent", counters(100000, 0)).params.needs == "standard-contract"
	to_germany("pipl-standard-contract", counters(100000, 0)).severity == "info"
	to_germany("pipl-certification", counters(999999, 0)).severity == "info"
}

test_one_sensitive_person_takes_a_contract_or_certificate if {
	to_germany("explicit-consent", counters(1, 1)).code == "policy.transfer_threshold"
	to_germany("pipl-standard-contract", counters(9999, 9999)).severity == "info"
}

test_from_the_highest_numbers_on_only_an_assessment_opens if {
	every numbers in [counters(1000000, 0), counters(10000, 10000)] {
		every route in ["explicit-consent", "pipl-standard-contract", "pipl-certification"] {
			to_germany(route, numbers).code == "policy.transfer_threshold"
			to_germany(route, numbers).params.needs == "security-assessment"
		}
		to_germany("pipl-security-assessment", numbers).severity == "info"
	}
}

test_without_numbers_a_way_that_hangs_on_them_is_closed if {
	every route in ["explicit-consent", "pipl-standard-contract", "pipl-certification"] {
		to_germany(route, null).code == "policy.transfer_uncounted"
		to_germany(route, null).severity == "deny"
	}
	to_germany("pipl-security-assessment", null).severity == "info"
}

test_numbers_of_another_entity_or_year_are_none if {
	every wrong in [{"entity": "Other AG"}, {"year": 2025}, {"year": 2027}, {"all": "few"}, {"sensitive": "few"}] {
		numbers := object.union(counters(1, 0), wrong)
		to_germany("pipl-standard-contract", numbers).code == "policy.transfer_uncounted"
	}
}

at(time) := json.patch(chinese(counters(1, 0)), [{"op": "replace", "path": "/env/time", "value": time}])

test_the_year_begins_and_ends_in_chinas_time if {
	contract := [transfer("CN", "DE", "pipl-standard-contract")]
	code(at("2025-12-31T15:59:59Z"), contract, "DE") == "policy.transfer_uncounted"
	code(at("2025-12-31T16:00:00Z"), contract, "DE") == "policy.transfer_arranged"
	code(at("2026-12-31T15:59:59Z"), contract, "DE") == "policy.transfer_arranged"
	code(at("2026-12-31T16:00:00Z"), contract, "DE") == "policy.transfer_uncounted"
}

test_an_operator_of_critical_infrastructure_needs_an_assessment_always if {
	transfers_of := [transfer("CN", "DE", "pipl-standard-contract")]
	limits := object.union(data.law.thresholds.CN, {"operators_of_critical_infrastructure": ["Beispiel AG"]})
	verdict := data.rules.transfers.verdict(place("DE")) with input as chinese(counters(1, 0))
		with data.facts as arranged(transfers_of)
		with data.law.thresholds as {"CN": limits}
	verdict.code == "policy.transfer_threshold"
	verdict.params.needs == "security-assessment"
}

test_a_tenant_without_an_entity_is_counted_by_itself if {
	numbers := object.union(counters(1, 0), {"entity": "acme"})
	every tenants in [{}, {"acme": {"entity": ""}}] {
		verdict := data.rules.transfers.verdict(place("DE")) with input as chinese(numbers)
			with data.facts as {"transfers": [transfer("CN", "DE", "pipl-standard-contract")], "tenants": tenants}
		verdict.severity == "info"
	}
}

test_hong_kong_is_abroad if {
	code(chinese(counters(1, 0)), [], "HK") == "policy.unconcerned"
	residence(chinese(counters(1, 0)), [], "HK").code == "policy.residency"
}

# --- the data

test_every_law_has_a_source_a_day_and_routes_that_the_rule_can_read if {
	every law in data.law.transfers {
		regex.match(`^\d{4}-\d{2}-\d{2}$`, law.since)
		count(law.legal) > 5
		every name, route in law.routes {
			name in routes
			count(route.legal) > 5
			route.holds in {"always", "conditional", "narrow", "limited", "exempt"}
		}
	}
}

test_the_thresholds_rise if {
	every limits in data.law.thresholds {
		limits.contract_from_persons < limits.assessment_from_persons
		limits.contract_from_sensitive < limits.assessment_from_sensitive
		regex.match(`^\d{4}-\d{2}-\d{2}$`, limits.since)
		time.parse_rfc3339_ns(sprintf("2026-01-01T%s", [limits.year_begins_at])) > 0
	}
}

test_where_nothing_is_arranged_no_place_need_be_looked_at if {
	asked := {"data": {"collected_in": "DE"}, "caller": {"tenant": "acme"}}
	arranged := [{"from": "EEA", "to": "US", "tenant": ""}]
	transfers.spares_places with input as asked with data.facts.transfers as []
	not transfers.spares_places with input as asked with data.facts.transfers as arranged
}

# --- all places at once

countries := {country: place(country) | some country in ["DE", "FR", "US", "CN", "IN", "BR", "JP", "", "XX"]}

targets := {country: {"place": country} | some country, _ in countries}

at_once := transfers.verdicts

one_by_one := {name: verdict | some name, its in countries; verdict := transfers.verdict(its)}

ways := [
	[],
	[transfer("EEA", "US", "scc")],
	[transfer("DE", "EEA", "scc"), transfer("EEA", "IN", "explicit-consent")],
	[transfer("CN", "DE", "pipl-standard-contract"), transfer("CN", "EEA", "explicit-consent")],
]

test_all_places_at_once_are_told_what_each_is_told if {
	every arrangement in ways {
		every origin in ["DE", "CN", "JP", ""] {
			every access in ["DE", "US", "IN", ""] {
				asked := object.union(question(origin, access), {"candidates": object.keys(countries)})
				known := object.union(arranged(arrangement), {"places": countries, "targets": targets})
				both := at_once with input as asked with data.facts as known
				each := one_by_one with input as asked with data.facts as known
				both == each
			}
		}
	}
}
