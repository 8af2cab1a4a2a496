package rules.china_automotive_test

import data.rules.china_automotive

facts(important, transfers) := {"projects": {"acme/fleet": {"important_data": important}}, "transfers": transfers}

question(origin, access, entities) := {
	"caller": {"tenant": "acme", "project": "fleet", "access_from": access, "jurisdiction": origin},
	"data": {"collected_in": origin, "entities": entities},
	"env": {"time": "2026-06-01T12:00:00Z"},
}

place(near, jurisdiction) := {"near": near, "jurisdiction": jurisdiction}

said(asked, known, where) := verdict if {
	verdict := data.rules.china_automotive.verdict(where) with input as asked with data.facts as known
}

code(asked, known, where) := said(asked, known, where).code

nothing := {}

declared := facts(true, [])

undeclared := facts(false, [])

abroad := place("other", "DE")

test_important_data_stay_in_china if {
	asked := question("CN", "CN", nothing)
	code(asked, declared, place("other", "CN")) == "policy.china_automotive_stays"
	code(asked, declared, place("same-node", "CN")) == "policy.china_automotive_stays"
	said(asked, declared, abroad) == {
		"code": "policy.china_automotive",
		"severity": "deny",
		"legal": data.law.china_automotive.legal,
		"params": {"destination": "DE", "origin": "CN", "why": "declared"},
	}
}

test_hong_kong_and_a_place_that_is_not_set_are_abroad if {
	every where in [place("other", "HK"), place("same-node", ""), place("external", "US")] {
		said(question("CN", "CN", nothing), declared, where).severity == "deny"
	}
}

test_showing_them_abroad_counts if {
	code(question("CN", "DE", nothing), declared, place("other", "CN")) == "policy.china_automotive_access"
	code(question("CN", "", nothing), declared, place("other", "CN")) == "policy.china_automotive_stays"
}

test_other_data_and_other_origins_are_no_concern if {
	code(question("CN", "CN", nothing), undeclared, abroad) == "policy.unconcerned"
	code(question("DE", "DE", {"LICENSE_PLATE": "20+"}), declared, place("other", "US")) == "policy.unconcerned"
}

test_a_project_that_is_not_declared_has_declared_nothing if {
	code(question("CN", "CN", nothing), {"projects": {}}, abroad) == "policy.unconcerned"
}

test_where_projects_are_not_known_all_data_are_important if {
	said(question("CN", "CN", nothing), {}, abroad).params.why == "undeclared"
	code(question("CN", "CN", nothing), {}, place("other", "CN")) == "policy.china_automotive_stays"
}

why(entities) := said(question("CN", "CN", entities), undeclared, abroad).params.why

test_lists_of_plates_and_positions_are_important if {
	why({"LICENSE_PLATE": "20+"}) == "plates-in-bulk"
	why({"GPS_COORDINATE": "20+"}) == "positions-in-bulk"
	why({"LICENSE_PLATE": "5-19", "GPS_COORDINATE": "5-19"}) == "plates-with-positions"
	why({"VIN": "5-19", "GPS_COORDINATE": "5-19"}) == "vehicles-with-positions"
	why({"LICENSE_PLATE": "1000+"}) == "plates-in-bulk" # a bucket that is not known
}

test_single_ones_and_lists_of_vehicles_or_persons_alone_are_not if {
	every entities in [
		{"LICENSE_PLATE": "5-19"},
		{"GPS_COORDINATE": "5-19"},
		{"VIN": "20+"},
		{"PERSON": "20+"},
		{"LICENSE_PLATE": "2-4", "GPS_COORDINATE": "5-19"},
		{"VIN": "5-19", "GPS_COORDINATE": "1"},
	] {
		not why(entities)
	}
}

assessment := {
	"from": "CN",
	"to": "DE",
	"route": "pipl-security-assessment",
	"until": "2026-06-01",
	"reference": "CAC 2026-7",
	"tenant": "",
}

under(transfer, references) := verdict.severity if {
	verdict := data.rules.china_automotive.verdict(abroad) with input as question("CN", "CN", nothing)
		with data.facts as facts(true, [transfer])
		with data.law.china_automotive.assessed_references as references
}

test_an_assessment_that_somebody_named_opens_the_way if {
	under(assessment, ["CAC 2026-7"]) == "info"
}

test_any_other_arrangement_does_not if {
	under(assessment, []) == "deny"
	under(object.union(assessment, {"until": "2026-05-31"}), ["CAC 2026-7"]) == "deny"
	under(object.union(assessment, {"route": "pipl-standard-contract"}), ["CAC 2026-7"]) == "deny"
	under(object.union(assessment, {"to": "US"}), ["CAC 2026-7"]) == "deny"
	under(object.union(assessment, {"tenant": "other"}), ["CAC 2026-7"]) == "deny"
}

test_every_signal_cites_the_law_and_names_buckets if {
	every signal in data.law.china_automotive.signals {
		startswith(signal.legal, "art. 3")
		every bucket in signal.all {
			bucket in {"1", "2-4", "5-19", "20+"}
		}
	}
	china_automotive.law.since == "2021-10-01"
}

test_only_data_from_china_need_a_look_at_places if {
	china_automotive.spares_places with input as {"data": {"collected_in": "DE"}}
	not china_automotive.spares_places with input as {"data": {"collected_in": "CN"}}
	not china_automotive.spares_places with input as {"data": {"collected_in": "DE"}}
		with data.law.china_automotive as {}
}
