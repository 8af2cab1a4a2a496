package rules.special_categories_test

import data.rules.special_categories

question(origin, access, special, purpose) := {
	"request": {"purpose": purpose},
	"caller": {"tenant": "acme", "access_from": access, "jurisdiction": origin},
	"data": {"collected_in": origin, "special": special},
	"env": {"time": "2026-06-01T12:00:00Z"},
}

places := {
	"node": {"near": "same-node", "jurisdiction": "DE"},
	"site": {"near": "same-site", "jurisdiction": "DE"},
	"berlin": {"near": "other", "jurisdiction": "DE"},
	"paris": {"near": "other", "jurisdiction": "FR"},
	"unset": {"near": "other", "jurisdiction": ""},
	"vendor": {"near": "external", "jurisdiction": "DE"},
}

said(asked, name) := verdict if verdict := special_categories.verdict(places[name]) with input as asked

permitted(asked) := {name | some name, _ in places; said(asked, name).severity == "info"}

note := question("DE", "DE", ["health"], "support")

test_a_text_that_speaks_of_nothing_special_is_no_concern if {
	permitted(question("DE", "DE", [], "support")) == object.keys(places)
	said(question("DE", "DE", [], "support"), "vendor").code == "policy.unconcerned"
}

test_a_doctors_note_is_handled_in_the_house if {
	permitted(note) == {"node", "site", "berlin"}
	said(note, "site").code == "policy.special_in_house"
}

test_it_goes_to_no_place_that_others_run_whatever_the_purpose if {
	every purpose in ["support", "occupational-health", "personnel", "legal-claims"] {
		said(question("DE", "DE", ["health"], purpose), "vendor").code == "policy.special_external"
	}
}

test_the_reason_names_category_law_and_place if {
	said(note, "paris") == {
		"code": "policy.special_elsewhere",
		"severity": "deny",
		"legal": "Regulation (EU) 2016/679 art. 9 and 10",
		"params": {"data": "special:health", "destination": "FR", "origin": "DE"},
	}
}

test_elsewhere_it_goes_with_a_purpose_that_has_a_basis_for_it if {
	works_doctor := question("DE", "DE", ["health"], "occupational-health")
	said(works_doctor, "paris").code == "policy.special_basis"
	said(works_doctor, "paris").legal == "Regulation (EU) 2016/679 art. 9(2)(h) and 9(3)"
}

test_a_basis_for_one_category_is_none_for_another if {
	more := question("DE", "DE", ["health", "crime"], "occupational-health")
	permitted(more) == {"node", "site", "berlin"}
	said(more, "paris").params.data == "special:crime"
	every purpose in object.keys(data.law.special_categories.bases) {
		said(question("DE", "DE", ["crime"], purpose), "paris").severity == "deny" # GDPR art. 10 has no list of bases
	}
}

test_a_basis_of_one_law_is_none_under_another if {
	said(question("CN", "CN", ["health"], "occupational-health"), "paris").severity == "deny"
	said(question("GB", "GB", ["union"], "personnel"), "paris").legal == "UK GDPR art. 9(2)(b)"
}

test_shown_abroad_it_needs_a_basis_too if {
	permitted(question("DE", "FR", ["health"], "support")) == set()
	said(question("DE", "FR", ["health"], "support"), "site").params.destination == "FR"
	permitted(question("DE", "FR", ["health"], "occupational-health")) == {"node", "site", "berlin", "paris", "unset"}
}

test_a_place_that_is_not_set_counts_as_elsewhere if {
	said(note, "unset").code == "policy.special_elsewhere"
	said(note, "unset").params == {"data": "special:health", "origin": "DE"}
}

test_each_law_has_its_own_list if {
	said(question("JP", "JP", ["union"], "support"), "vendor").code == "policy.unconcerned"
	said(question("JP", "JP", ["crime"], "support"), "vendor").legal == "APPI (JP) art. 2(3)"
	said(question("CH", "CH", ["union"], "support"), "vendor").severity == "deny"
}

test_for_an_origin_without_a_law_here_or_unset_every_category_counts if {
	every origin in ["US", "IN", ""] {
		every category in data.law.special_categories.laws["*"].categories {
			said(question(origin, origin, [category], "support"), "vendor").severity == "deny"
		}
	}
}

test_an_unset_origin_is_handled_on_its_own_site_only if {
	permitted(question("", "", ["health"], "support")) == {"node", "site"}
}

test_every_basis_is_of_a_known_law_and_names_known_categories if {
	known := {category | some category in data.law.special_categories.laws["*"].categories}
	every laws in data.law.special_categories.bases {
		every label, basis in laws {
			data.law.special_categories.laws[label]
			count(basis.legal) > 5
			every category in basis.categories {
				category in known
			}
		}
	}
}

test_only_texts_of_special_categories_need_a_look_at_places if {
	special_categories.spares_places with input as {"data": {"special": []}}
	not special_categories.spares_places with input as {"data": {"special": ["union"]}}
	not special_categories.spares_places with input as {"data": {}}
}
