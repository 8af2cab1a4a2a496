package rules.secrets_test

import data.rules.secrets

facts := {
	"places": {
		"here": {"near": "same-node", "jurisdiction": "DE", "spot": "same-node||", "spot_same": "same-node||"},
		"next": {"near": "same-site", "jurisdiction": "DE", "spot": "same-site||", "spot_same": "same-site||"},
		"berlin": {"near": "other", "jurisdiction": "DE", "spot": "elsewhere||", "spot_same": "same-jurisdiction||"},
		"vendor": {"near": "external", "jurisdiction": "DE", "spot": "external||", "spot_same": "external||"},
	},
	"targets": {id: {"place": id} | some id in ["here", "next", "berlin", "vendor"]},
	"kinds": {"API_KEY": "@secrets", "PASSWORD": "@secrets", "US_SSN": "@ids"},
	"table": {
		"origins": {},
		"purposes": {},
		"index": {
			"same-node||": {"internal": {"*": {"*": "keep"}}},
			"same-site||": {"internal": {"*": {"*": "tag"}}},
			"same-jurisdiction||": {"internal": {"*": {"*": "mask"}}},
		},
		"cells": {
			"keep": {"*": {"row": "9", "operator": "keep"}},
			"tag": {"*": {"row": "9", "operator": "pseudonymise"}, "special:health": {"row": "8", "operator": "redact"}},
			"mask": {"*": {"row": "9", "operator": "keep"}, "@secrets": {"row": "2", "operator": "mask"}, "PASSWORD": {"row": "3"}},
		},
		"legal": {},
	},
}

question(entities, special) := {
	"request": {"purpose": "support"},
	"caller": {"site": "muc"},
	"data": {"class": "internal", "collected_in": "DE", "entities": entities, "special": special},
	"candidates": object.keys(facts.targets),
	"env": {"time": "2026-11-22T12:00:00Z"},
}

said(entities, special) := {id: verdict.code |
	some id, place in facts.places
	verdict := secrets.verdict(place) with input as question(entities, special) with data.facts as facts
}

test_a_secret_stays_on_the_node_unless_the_table_takes_it_out if {
	said({"API_KEY": "1", "PERSON": "1"}, []) == {
		"here": "policy.secrets_here",
		"next": "policy.secrets",
		"berlin": "policy.secrets_removed",
		"vendor": "policy.secrets",
	}
}

test_one_secret_that_is_not_taken_out_is_enough if {
	said({"API_KEY": "1", "PASSWORD": "1"}, []).berlin == "policy.secrets"
}

test_what_a_special_category_takes_out_is_out if {
	said({"API_KEY": "1"}, ["health"]).next == "policy.secrets_removed"
}

test_it_says_which_secret if {
	verdict := secrets.verdict(facts.places.next) with input as question({"API_KEY": "1", "PASSWORD": "1"}, [])
		with data.facts as facts
	verdict == {
		"code": "policy.secrets",
		"severity": "deny",
		"legal": "Regulation (EU) 2016/679 art. 32",
		"params": {"data": "API_KEY"},
	}
}

test_other_data_are_none_of_this_rules_business if {
	every _, code in said({"US_SSN": "1", "PERSON": "1"}, []) {
		code == "policy.unconcerned"
	}
	secrets.spares_places with input as question({"US_SSN": "1"}, []) with data.facts as facts
}

test_without_kinds_there_is_no_verdict if {
	blind := object.remove(facts, ["kinds"])
	found := {verdict |
		some id in ["next", "berlin", "vendor"]
		verdict := secrets.verdict(blind.places[id]) with input as question({"API_KEY": "1"}, [])
			with data.facts as blind
	}
	count(found) == 0
}
