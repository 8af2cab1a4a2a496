package sekisho.main_test

import data.sekisho

facts := {
	"revision": "r1",
	"targets": {
		"here": {"jurisdiction": "DE", "same_node": true, "site": "muc", "external": false, "near": "same-node"},
		"next": {"jurisdiction": "DE", "same_node": false, "site": "muc", "external": false, "near": "same-site"},
		"berlin": {"jurisdiction": "DE", "same_node": false, "site": "ber", "external": false, "near": "other"},
		"paris": {"jurisdiction": "FR", "same_node": false, "site": "par", "external": false, "near": "other"},
		"vendor": {"jurisdiction": "DE", "same_node": false, "site": "ven", "external": true, "near": "external"},
		"beijing": {"jurisdiction": "CN", "same_node": false, "site": "bei", "external": false, "near": "other"},
	},
	"redaction": {"internal": {
		"same-node": {"*": "keep"},
		"same-site": {"*": "pseudonymise", "PERSON": "mask"},
		"same-jurisdiction": {"*": "pseudonymise"},
		"elsewhere": {"*": "mask"},
		"external": {"*": "mask"},
	}},
}

question(candidates) := {
	"version": "sekisho.input/1",
	"caller": {"access_from": "DE", "jurisdiction": "DE"},
	"data": {"class": "internal", "collected_in": "DE", "status": "ok"},
	"candidates": candidates,
	"env": {"time": "2026-06-01T12:00:00Z"},
}

decided(asked) := decision if {
	decision := sekisho.decision with input as asked with data.facts as facts
}

granted(asked) := [target.id | some target in decided(asked).targets]

codes(asked) := [reason.code | some reason in decided(asked).reasons]

grant(id) := decided(question([id])).targets[0]

test_permitted_candidates_are_granted_in_their_order if {
	granted(question(["paris", "beijing", "here"])) == ["paris", "here"]
	decided(question(["paris", "beijing", "here"])).allow
}

test_each_candidate_has_its_reasons if {
	said := {reason.target: reason.code | some reason in decided(question(["paris", "beijing"])).reasons}
	said == {"paris": "policy.residency_adequate", "beijing": "policy.residency"}
}

test_it_says_under_which_facts_it_was_made if {
	decided(question(["here"])).facts == "r1"
}

test_none_permitted_is_a_no if {
	decided(question(["beijing"])) == {
		"version": "sekisho.decision/1",
		"allow": false,
		"targets": [],
		"reasons": [{
			"code": "policy.residency",
			"rule": "residency",
			"legal": "Regulation (EU) 2016/679 art. 44",
			"severity": "deny",
			"target": "beijing",
		}],
		"facts": "r1",
		"remember_until": "2026-06-01T23:59:59Z",
	}
}

test_redaction_goes_by_the_nearest_place if {
	grant("here").redact == {"*": "keep"}
	grant("next").redact == {"*": "pseudonymise", "PERSON": "mask"}
	grant("berlin").redact == {"*": "pseudonymise"}
	grant("paris").redact == {"*": "mask"}
	grant("vendor").redact == {"*": "mask"}
}

test_an_external_target_gets_tags_of_one_request_only if {
	grant("vendor").tag_scope == "request"
	grant("paris").tag_scope == "project"
}

test_arguments_are_restored_on_this_machine_only_and_urls_never if {
	grant("here").restore == ["text", "arguments"]
	grant("next").restore == ["text"]
	grant("vendor").restore == ["text"]
}

test_answers_are_guarded_as_the_table_says_of_their_place if {
	guarded := {"same-node": "off", "same-site": "redact", "external": "block"}
	every id, mode in {"here": "off", "next": "redact", "vendor": "block"} {
		decision := sekisho.decision with input as question([id])
			with data.facts as facts
			with data.law.output_guard as guarded
		decision.targets[0].output_guard == mode
	}
	grant("vendor").output_guard == "off"
}

test_a_place_without_an_output_guard_is_not_granted if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with data.law.output_guard as {"external": "off"}
	not decision.allow
	decision.reasons[count(decision.reasons) - 1].code == "policy.no_redaction"
}

test_no_candidates_is_a_no if {
	not decided(question([])).allow
	codes(question([])) == ["policy.no_candidates"]
}

test_an_unknown_target_is_not_granted if {
	granted(question(["stranger", "here"])) == ["here"]
	"policy.unknown_target" in codes(question(["stranger", "here"]))
}

test_a_class_without_redaction_is_not_granted if {
	asked := json.patch(question(["here"]), [{"op": "replace", "path": "/data/class", "value": "strict"}])
	granted(asked) == []
	"policy.no_redaction" in codes(asked)
}

test_another_version_or_an_unfinished_search_meets_the_default if {
	every patch in [
		{"op": "replace", "path": "/version", "value": "sekisho.input/2"},
		{"op": "replace", "path": "/data/status", "value": "timeout"},
		{"op": "remove", "path": "/data/status"},
	] {
		decision := decided(json.patch(question(["here"]), [patch]))
		not decision.allow
		decision.reasons[0].code == "policy.default_deny"
	}
}

test_without_facts_the_default_denies if {
	decision := sekisho.decision with input as question(["here"]) with data.facts as {}
	not decision.allow
}

test_a_rule_that_says_nothing_permits_nothing if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with data.rules.residency.verdicts as {}
	not decision.allow
	decision.reasons[0].code == "policy.no_verdict"
}

test_a_second_rule_can_only_take_away if {
	yes := {"severity": "info", "code": "yes", "rule": "r", "legal": "", "target": "t"}
	no := {"severity": "deny", "code": "no", "rule": "r", "legal": "", "target": "t"}
	verdicts := {"residency": {"here": yes, "next": yes}, "other": {"here": no, "next": yes}}
	decision := sekisho.decision with input as question(["here", "next"])
		with data.facts as facts
		with sekisho.by_rule as verdicts
	[target.id | some target in decision.targets] == ["next"]
}

test_no_rules_permit_nothing if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with sekisho.by_rule as {}
	not decision.allow
}

test_a_decision_may_be_remembered_until_the_end_of_its_day if {
	decided(question(["here"])).remember_until == "2026-06-01T23:59:59Z"
}

test_what_was_denied_by_default_may_not if {
	not decided({"version": "sekisho.input/0"}).remember_until
}
