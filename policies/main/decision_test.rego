package sekisho.main_test

import data.sekisho

facts := {
	"revision": "r1",
	"preset": "demo",
	"places": {
		"same-node/DE": place("same-node", "DE", "same-node||", "same-node||"),
		"same-site/DE": place("same-site", "DE", "same-site||", "same-site||"),
		"other/DE": place("other", "DE", "elsewhere||", "same-jurisdiction||"),
		"other/FR": place("other", "FR", "elsewhere||", "same-jurisdiction||"),
		"external/DE": place("external", "DE", "external||", "external||"),
		"other/CN": place("other", "CN", "elsewhere||", "same-jurisdiction||"),
	},
	"targets": {
		"here": target("here", "same-node/DE", "muc"),
		"next": target("next", "same-site/DE", "muc"),
		"berlin": target("berlin", "other/DE", "ber"),
		"paris": target("paris", "other/FR", "par"),
		"vendor": object.union(target("vendor", "external/DE", "ven"), {"external": true}),
		"beijing": target("beijing", "other/CN", "bei"),
	},
	"table": {
		"origins": {"JP": true},
		"purposes": {"training": true},
		"index": {
			"same-node||": {"internal": {"*": {"*": "keep", "training": "no"}, "JP": {"*": "mask", "training": "no"}}},
			"same-site||": {"internal": {"*": {"*": "persons"}}},
			"same-jurisdiction||": {"internal": {"*": {"*": "observed"}}},
			"elsewhere||": {"internal": {"*": {"*": "mask"}}},
			"external||": {"internal": {"*": {"*": "mask"}}},
		},
		"cells": {
			"keep": {"*": {"row": "9", "operator": "keep"}, "@secrets": {"row": "2"}},
			"no": {"*": {"row": "3"}},
			"mask": {"*": {"row": "4", "operator": "mask"}},
			"persons": {
				"*": {"row": "9", "operator": "pseudonymise"},
				"PERSON": {"row": "5", "operator": "mask"},
				"special:*": {"row": "6", "operator": "hash"},
				"special:health": {"row": "7", "operator": "redact"},
				"@secrets": observed,
				"VIN": observed,
			},
			"observed": {
				"*": {"row": "9", "operator": "pseudonymise"},
				"VIN": observed,
			},
		},
		"legal": {"2": "GDPR art. 32", "8": "works agreement 7"},
	},
	"kinds": {"API_KEY": "@secrets"},
	"tenants": {},
	"projects": {"acme/p1": {"external": ["vendor"]}},
	"break_glass": [],
}

observed := {"row": "8", "until": "2026-06-15", "instead": {"row": "9", "operator": "hash"}}

place(near, jurisdiction, spot, spot_same) := {
	"near": near,
	"jurisdiction": jurisdiction,
	"groups": {"CN": []}[jurisdiction],
	"spot": spot,
	"spot_same": spot_same,
} if {
	jurisdiction == "CN"
} else := {
	"near": near,
	"jurisdiction": jurisdiction,
	"groups": ["EEA", "EU"],
	"spot": spot,
	"spot_same": spot_same,
}

target(id, name, site) := {"id": id, "place": name, "site": site, "external": false, "model": "m", "node": "n"}

question(candidates) := {
	"version": "sekisho.input/1",
	"request": {"purpose": "support"},
	"caller": {"access_from": "DE", "jurisdiction": "DE", "site": "muc", "tenant": "acme", "project": "p1"},
	"data": {"class": "internal", "collected_in": "DE", "status": "ok", "entities": {}, "special": []},
	"candidates": candidates,
	"env": {"time": "2026-06-01T12:00:00Z"},
}

with_data(candidates, entities, special) := object.union(
	question(candidates),
	{"data": {"entities": entities, "special": special}},
)

decided(asked) := decision if {
	decision := sekisho.decision with input as asked with data.facts as facts
}

targets(decision) := {id: decision.terms[spot] | some id, spot in decision.granted}

granted(asked) := object.keys(decided(asked).granted)

said(decision) := {reason | some told in decision.reasons; some reason in told}

codes(asked) := {reason.code | some reason in said(decided(asked))}

grant(id) := targets(decided(question([id])))[id]

test_permitted_candidates_are_granted if {
	granted(question(["paris", "beijing", "here"])) == {"paris", "here"}
	decided(question(["paris", "beijing", "here"])).allow
}

test_each_reason_is_said_once if {
	many := ["paris", "berlin", "beijing", "here"]
	codes(question(many)) == {
		"policy.residency",
		"policy.residency_adequate",
		"policy.residency_same_jurisdiction",
	}
	count(said(decided(question(many)))) == 3
}

test_what_rules_work_out_when_facts_are_pushed_is_gathered if {
	found := data.sekisho.derived with input as {
		"facts": {"sites": {"muc": {"jurisdiction": "DE"}}, "places": {}, "transfers": []},
		"env": {"time": "2026-11-22T12:00:00Z"},
	}
	found.residency.ways.DE.DE.says.code == "policy.residency_same_jurisdiction"
}

test_it_says_under_which_facts_it_was_made if {
	decided(question(["here"])).facts == "r1"
}

test_none_permitted_is_a_no if {
	decided(question(["beijing"])) == {
		"version": "sekisho.answer/1",
		"allow": false,
		"granted": {},
		"terms": decided(question(["paris"])).terms,
		"reasons": {"residency": {{
			"code": "policy.residency",
			"legal": "Regulation (EU) 2016/679 art. 44",
			"severity": "deny",
			"params": {"origin": "DE", "destination": "CN"},
		}}},
		"facts": "r1",
		"remember_until": "2026-06-01T23:59:59Z",
	}
}

test_redaction_is_said_of_what_the_request_holds if {
	persons := {"PERSON": "1", "URL": "2-4"}
	redacts := {id: targets(decided(with_data([id], persons, [])))[id].redact | some id in ["here", "next", "berlin", "paris"]}
	redacts == {
		"here": {"*": "keep", "PERSON": "keep", "URL": "keep"},
		"next": {"*": "pseudonymise", "PERSON": "mask", "URL": "pseudonymise"},
		"berlin": {"*": "pseudonymise", "PERSON": "pseudonymise", "URL": "pseudonymise"},
		"paris": {"*": "mask", "PERSON": "mask", "URL": "mask"},
	}
}

test_an_item_that_may_not_go_stops_the_request_there if {
	asked := with_data(["here", "paris"], {"API_KEY": "1"}, [])
	granted(asked) == {"paris"}
	{"code": "policy.table_denied", "legal": "GDPR art. 32", "severity": "deny", "params": {"row": "2", "data": "API_KEY"}} in decided(asked).reasons.table
}

test_origin_and_purpose_lead_to_another_cell if {
	japanese := json.patch(question(["here"]), [{"op": "replace", "path": "/data/collected_in", "value": "JP"}])
	decision := sekisho.decision with input as japanese with data.facts as facts with data.law.adequacy as {"JP": {"EEA": {
		"legal": "x",
		"since": "2020-01-01",
		"until": "2030-01-01",
		"condition": "",
	}}}
	targets(decision).here.redact == {"*": "mask"}
	training := json.patch(question(["here"]), [{"op": "replace", "path": "/request/purpose", "value": "training"}])
	codes(training) == {"policy.residency_same_jurisdiction", "policy.table_denied"}
}

of(special) := targets(decided(with_data(["next"], {"PERSON": "1", "URL": "1"}, special))).next.redact

test_a_special_category_strengthens_what_is_done_to_every_finding if {
	of([]) == {"*": "pseudonymise", "PERSON": "mask", "URL": "pseudonymise"}
	of(["union"]) == {"*": "hash", "PERSON": "mask", "URL": "hash"}
	of(["union", "health"]) == {"*": "redact", "PERSON": "redact", "URL": "redact"}
}

test_a_row_that_observes_steps_back_on_the_site_only if {
	on_site := decided(with_data(["next"], {"VIN": "1"}, []))
	targets(on_site).next.redact.VIN == "hash"
	{"code": "policy.table_observed", "legal": "works agreement 7", "severity": "info", "params": {"row": "8", "data": "VIN"}} in on_site.reasons.table
	granted(with_data(["berlin"], {"VIN": "1"}, [])) == set()
	granted(with_data(["next", "berlin"], {"VIN": "1"}, [])) == set()
	granted(with_data(["next", "vendor"], {"VIN": "1"}, [])) == {"vendor"}
}

at(time) := granted(json.patch(
	with_data(["next"], {"VIN": "1"}, []),
	[{"op": "replace", "path": "/env/time", "value": time}],
))

test_a_row_that_observes_ends_with_its_day if {
	at("2026-06-15T23:59:59Z") == {"next"}
	at("2026-06-16T00:00:00Z") == set()
}

test_secrets_are_never_only_observed if {
	asked := with_data(["next"], {"API_KEY": "1"}, [])
	granted(asked) == set()
	"policy.table_denied" in codes(asked)
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
		targets(decision)[id].output_guard == mode
	}
}

test_a_place_without_an_output_guard_is_not_granted if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with data.law.output_guard as {"external": "off"}
	not decision.allow
	"policy.no_output_guard" in {reason.code | some reason in said(decision)}
}

keeping(project) := {of | some id in ["here", "vendor"]; some of in terms_for(project, id).obligations}

terms_for(project, id) := targets(decision)[id] if {
	decision := sekisho.decision with input as question([id])
		with data.facts as json.patch(facts, [{"op": "add", "path": "/projects/acme~1p1", "value": project}])
}

test_content_is_kept_for_a_project_that_declared_it_only if {
	keeping({"external": ["vendor"]}) == set()
	keeping({"external": ["vendor"], "keep_content_days": 0}) == set()
	keeping({"external": ["vendor"], "keep_content_days": 30}) == {"keep_content/30"}
	terms_for({"keep_content_days": 30}, "here").obligations == ["keep_content/30"]
}

test_a_project_says_how_long_answers_are_kept_for_their_callers if {
	terms_for({"keep_state_days": null}, "here").obligations == []
	terms_for({"keep_state_days": 0}, "here").obligations == ["keep_state/0"]
	terms_for({"keep_content_days": 2, "keep_state_days": 7}, "here").obligations == ["keep_content/2", "keep_state/7"]
}

test_no_candidates_is_a_no if {
	not decided(question([])).allow
	codes(question([])) == {"policy.no_candidates"}
}

test_an_unknown_target_is_not_granted if {
	granted(question(["stranger", "here"])) == {"here"}
	"policy.unknown_target" in codes(question(["stranger", "here"]))
}

test_a_case_that_the_table_does_not_have_is_not_granted if {
	asked := json.patch(question(["here"]), [{"op": "replace", "path": "/data/class", "value": "strict"}])
	granted(asked) == set()
	"policy.no_row" in codes(asked)
}

test_another_version_or_an_unfinished_search_meets_the_default if {
	every patch in [
		{"op": "replace", "path": "/version", "value": "sekisho.input/2"},
		{"op": "replace", "path": "/data/status", "value": "timeout"},
		{"op": "remove", "path": "/data/status"},
	] {
		decision := decided(json.patch(question(["here"]), [patch]))
		not decision.allow
		decision.reasons.main[0].code == "policy.default_deny"
	}
}

test_without_facts_the_default_denies if {
	decision := sekisho.decision with input as question(["here"]) with data.facts as {}
	not decision.allow
}

test_a_rule_that_says_nothing_permits_nothing if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as object.remove(facts, ["places"])
	not decision.allow
	"policy.no_verdict" in {reason.code | some reason in said(decision)}
}

verdict(severity) := {"severity": severity, "code": "policy.own", "legal": "", "params": {}}

judged_one := {"one": here_and_next("info", "info"), "two": here_and_next("deny", "info")}

judged_yes := {"one": here_and_next("info", "info")}

judged_none := {}

judged_odd := {"one": {"same-node/DE": object.remove(verdict("info"), ["severity"])}}

judged_unconcerned := {"one": {"same-node/DE": object.union(verdict("info"), {"code": "policy.unconcerned"})}}

here_and_next(here, next) := {"same-node/DE": verdict(here), "same-site/DE": verdict(next)}

rule_none(_) := {}

rule_odd(_) := {"one": {"code": "policy.own", "legal": "", "params": {}}}

rule_undefined(target) := {"one": verdict("info")} if target.site != "muc"

rule_site(target) := {"one": verdict(object.get({"same-site/DE": "info"}, target.place, "deny"))}

rule_unconcerned(_) := {"one": object.union(verdict("info"), {"code": "policy.unconcerned"})}

rule_yes(_) := {"one": verdict("info")}

test_a_second_rule_can_only_take_away if {
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_one
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_none
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == {"next"}
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_yes
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_site
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == {"next"}
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_one
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_site
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == {"next"}
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_yes
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_yes
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == {"here", "next"}
}

test_no_rules_and_a_verdict_without_severity_permit_nothing if {
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_none
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_none
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == set()
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_odd
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_none
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == set()
	undefined := sekisho.decision with input as question(["here", "paris"])
		with data.facts as facts
		with sekisho.target_verdicts as rule_undefined
		with sekisho.targets_spared as false
	object.keys(undefined.granted) == {"paris"}
	"policy.no_verdict" in {reason.code | some reason in said(undefined)}
	{id |
		decision := sekisho.decision with input as question(["here", "next"])
			with data.facts as facts
			with sekisho.judged as judged_yes
			with sekisho.everywhere as {}
			with sekisho.target_verdicts as rule_odd
			with sekisho.targets_spared as false
		some id, _ in decision.granted
	} == set()
}

test_a_rule_that_is_not_concerned_permits_and_is_no_reason if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with sekisho.judged as judged_unconcerned
		with sekisho.everywhere as {}
		with sekisho.target_verdicts as rule_unconcerned
		with sekisho.targets_spared as false
	decision.allow
	decision.reasons == {}
}

test_a_rule_that_is_asked_once_permits_for_all_places_or_none if {
	no := {"one": verdict("deny")}
	refused := sekisho.decision with input as question(["here", "paris"])
		with data.facts as facts
		with sekisho.everywhere as no
	refused.granted == {}
	refused.reasons.one == {verdict("deny")}
	allowed := sekisho.decision with input as question(["here", "paris"])
		with data.facts as facts
		with sekisho.everywhere as {"one": verdict("info"), "two": object.union(verdict("info"), {"code": "policy.unconcerned"})}
	object.keys(allowed.granted) == {"here", "paris"}
	allowed.reasons.one == {verdict("info")}
	not allowed.reasons.two
}

test_a_rule_that_is_asked_once_and_is_undefined_permits_nothing if {
	decision := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with data.rules.ai_act.verdict as rule_undefined
	decision.granted == {}
	"policy.no_verdict" in {reason.code | some reason in said(decision)}
}

of_origin(country) := json.patch(
	with_data(["here", "vendor"], {"API_KEY": "1"}, ["union"]),
	[{"op": "replace", "path": "/data/collected_in", "value": country}],
)

arranged := object.union(facts, {"transfers": [
	{"from": "US", "to": "CN", "route": "scc", "until": "2030-01-01", "tenant": "", "reference": "1"},
	{"from": "CN", "to": "DE", "route": "pipl-certification", "until": "2030-01-01", "tenant": "", "reference": "2"},
]})

test_rules_are_asked_of_places_where_they_are_concerned if {
	asked_of("DE") == {"external", "residency", "secrets", "special_categories"}
	asked_of("US") == {"ccpa", "external", "residency", "secrets", "special_categories", "transfers"}
	asked_of("CN") == {"china_automotive", "external", "residency", "secrets", "special_categories", "transfers"}
}

asked_of(country) := {rule |
	judged := sekisho.judged with input as of_origin(country) with data.facts as arranged
	some rule, _ in judged
	rule in {
		"ccpa",
		"china_automotive",
		"external",
		"residency",
		"secrets",
		"special_categories",
		"transfers",
	}
}

# --- break-glass

broken(grant) := object.union(facts, {"break_glass": [object.union(
	{
		"id": "01J",
		"project": "acme/p1",
		"waives": ["policy.residency"],
		"since": "2026-06-01T00:00:00Z",
		"until": "2026-06-02T00:00:00Z",
	},
	grant,
)]})

beijing(grant) := decision if {
	decision := sekisho.decision with input as question(["beijing"]) with data.facts as broken(grant)
}

test_break_glass_waives_what_it_names_for_its_project_and_time if {
	beijing({}).allow
	{reason.code: reason.params | some reason in said(beijing({}))} == {"policy.break_glass": {
		"grant": "01J",
		"waives": "policy.residency",
		"origin": "DE",
		"destination": "CN",
	}}
	beijing({}).remember_until == ""
	not beijing({"project": "acme/p2"}).allow
	not beijing({"waives": ["policy.other"]}).allow
	not beijing({"since": "2026-06-01T12:00:01Z"}).allow
	not beijing({"until": "2026-06-01T12:00:00Z"}).allow
	not beijing({"until": "2026-06-02T00:00:01Z"}).allow
	not beijing({"until": "some day"}).allow
}

test_without_the_list_of_what_is_never_waived_nothing_is if {
	decision := sekisho.decision with input as question(["beijing"])
		with data.facts as broken({})
		with data.law.break_glass as {"longest_hours": 24}
	not decision.allow
}

test_a_grant_ends_to_the_fraction_of_a_second if {
	asked := json.patch(question(["beijing"]), [{"op": "replace", "path": "/env/time", "value": "2026-06-02T00:00:00.001Z"}])
	late := sekisho.decision with input as asked with data.facts as broken({})
	not late.allow
}

test_break_glass_waives_rules_that_are_asked_once_and_of_targets if {
	own := broken({"waives": ["policy.own"]})
	once := sekisho.decision with input as question(["here"])
		with data.facts as own
		with sekisho.everywhere as {"one": verdict("deny")}
	once.allow
	{reason.code | some reason in once.reasons.one} == {"policy.break_glass"}
	targets := sekisho.decision with input as question(["here", "next"])
		with data.facts as own
		with sekisho.target_verdicts as rule_site
		with sekisho.targets_spared as false
	object.keys(targets.granted) == {"here", "next"}
	{reason.code | some reason in targets.reasons.one} == {"policy.break_glass", "policy.own"}
}

test_a_broken_glass_leaves_what_it_does_not_name_of_rules_that_are_asked_once if {
	once := sekisho.decision with input as question(["here"])
		with data.facts as broken({"waives": ["policy.other"]})
		with sekisho.everywhere as {"one": verdict("deny"), "two": verdict("info")}
	not once.allow
	{reason.code | some reason in once.reasons.one} == {"policy.own"}
}

test_where_no_rule_is_asked_nothing_is_permitted if {
	silent := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with sekisho.everywhere as {}
		with sekisho.judged as {}
	not silent.allow
}

test_a_verdict_without_a_severity_permits_nothing if {
	odd := sekisho.decision with input as question(["here"])
		with data.facts as facts
		with sekisho.everywhere as {"one": {"code": "policy.own", "legal": "", "params": {}}}
	not odd.allow
}

test_some_codes_are_never_waived if {
	decision := sekisho.decision with input as question(["beijing"])
		with data.facts as broken({})
		with data.law.break_glass.never as {"policy.residency": true}
	not decision.allow
}

test_a_decision_may_be_remembered_until_the_end_of_its_day if {
	decided(question(["here"])).remember_until == "2026-06-01T23:59:59Z"
}

test_what_was_denied_by_default_may_not if {
	decided({"version": "sekisho.input/0"}).remember_until == ""
}
