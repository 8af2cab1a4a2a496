package rules.external_test

import data.rules.external

facts := {
	"projects": {
		"acme/open": {"external": ["ven/n/w0:large"]},
		"acme/closed": {"external": []},
	},
	"targets": {
		"muc/n/w0:m": {"external": false, "id": "muc/n/w0:m"},
		"ven/n/w0:large": {"external": true, "id": "ven/n/w0:large"},
		"ven/n/w1:large": {"external": true, "id": "ven/n/w1:large"},
	},
}

question(project) := {
	"caller": {"tenant": "acme", "project": project},
	"candidates": object.keys(facts.targets),
}

target(project, id) := verdict if {
	verdict := external.target_verdict(facts.targets[id]) with input as question(project) with data.facts as facts
}

place(project, near) := verdict if {
	verdict := external.verdict({"near": near}) with input as question(project) with data.facts as facts
}

test_a_target_of_others_is_off_unless_named if {
	target("open", "ven/n/w0:large").code == "policy.external_named"
	target("open", "ven/n/w1:large").code == "policy.external_not_named"
	target("closed", "ven/n/w0:large") == {
		"code": "policy.external_not_named",
		"severity": "deny",
		"legal": "Regulation (EU) 2016/679 art. 28",
		"params": {},
	}
	target("nobody-declared-it", "ven/n/w0:large").severity == "deny"
}

test_a_target_of_the_house_is_none_of_this_rules_business if {
	target("closed", "muc/n/w0:m").code == "policy.unconcerned"
}

test_a_project_that_names_none_is_refused_at_the_place if {
	place("closed", "external").code == "policy.external_not_named"
	place("nobody-declared-it", "external").severity == "deny"
	place("open", "external").code == "policy.unconcerned"
	place("closed", "other").code == "policy.unconcerned"
}

spared(candidates) if {
	asked := object.union(question("open"), {"candidates": candidates})
	external.spares_targets with input as asked with data.facts as facts
}

test_no_target_need_be_looked_at_where_all_are_the_houses_own if {
	spared(["muc/n/w0:m"])
	not spared(["muc/n/w0:m", "ven/n/w0:large"])
	not spared(["muc/n/w0:m", "nobody-knows-it"])
}

test_a_target_that_does_not_say_whose_it_is_counts_as_of_others if {
	verdict := external.target_verdict({"id": "x"}) with input as question("open") with data.facts as facts
	verdict.severity == "deny"
}

test_without_facts_there_is_no_verdict if {
	found := {verdict |
		some near in ["external", "same-node"]
		verdict := external.verdict({"near": near}) with input as question("open") with data.facts as {}
	}
	count(found) == 0
}

test_where_a_project_names_none_its_place_refuses_and_no_target_need_be_looked_at if {
	asked := object.union(question("closed"), {"candidates": ["ven/n/w0:large"]})
	external.spares_targets with input as asked with data.facts as facts
}

test_a_place_of_others_must_be_looked_at if {
	every near, spared in {"same-node": true, "same-site": true, "other": true, "external": false, "moon": false} {
		found := [1 | spares_places(near)]
		count(found) == 1 == spared
	}
}

spares_places(near) if {
	known := {"places": {"here": {"near": near}}, "targets": {"t": {"place": "here"}}}
	external.spares_places with input as {"candidates": ["t"]} with data.facts as known
}

# --- all places at once

all_near := {near: {"near": near} | some near in ["same-node", "same-site", "other", "external", "odd"]}

housed := object.union(facts, {
	"places": all_near,
	"targets": {near: {"place": near} | some near, _ in all_near},
})

at_once := external.verdicts

one_by_one := {name: verdict | some name, its in all_near; verdict := external.verdict(its)}

test_all_places_at_once_are_told_what_each_is_told if {
	every project in ["open", "closed", "nobody-declared-it"] {
		every known in [housed, json.remove(housed, ["/projects"])] {
			asked := object.union(question(project), {"candidates": object.keys(all_near)})
			both := at_once with input as asked with data.facts as known
			each := one_by_one with input as asked with data.facts as known
			both == each
		}
	}
}
