package rules.ai_act_test

import data.rules.ai_act

projects := {"acme/overseen": {"human_oversight": true}, "acme/declared": {"human_oversight": false}}

question(purpose, project) := {
	"request": {"purpose": purpose},
	"caller": {"tenant": "acme", "project": project, "jurisdiction": "DE", "access_from": ""},
	"data": {"collected_in": "DE"},
	"env": {"time": "2026-11-22T12:00:00Z"},
}

said(asked) := verdict if {
	verdict := ai_act.verdict({"near": "same-node"}) with input as asked with data.facts.projects as projects
}

code(purpose, project) := said(question(purpose, project)).code

test_what_the_act_prohibits_is_refused_outright if {
	code("social-scoring", "overseen") == "policy.ai_prohibited"
	said(question("emotion-recognition-at-work", "overseen")) == {
		"code": "policy.ai_prohibited",
		"severity": "deny",
		"legal": "Regulation (EU) 2024/1689 art. 5(1)(f)",
		"params": {"purpose": "emotion-recognition-at-work"},
	}
}

test_a_high_risk_purpose_needs_a_project_that_declared_human_oversight if {
	said(question("recruiting", "overseen")) == {
		"code": "policy.ai_overseen",
		"severity": "info",
		"legal": "Regulation (EU) 2024/1689 annex III(4)(a); art. 14 and 26(2)",
		"params": {"purpose": "recruiting"},
	}
	code("recruiting", "declared") == "policy.ai_oversight"
	code("recruiting", "nobody-declared-it") == "policy.ai_oversight"
	said(question("recruiting", "declared")).severity == "deny"
}

test_an_alias_is_the_purpose_that_it_stands_for if {
	said(question("hiring", "declared")) == said(question("recruiting", "declared"))
	said(question("social-credit", "overseen")).params == {"purpose": "social-scoring"}
}

test_an_ordinary_purpose_is_none_of_this_rules_business if {
	every purpose in ["support", "translation", "hazard-analysis", "general"] {
		said(question(purpose, "declared")) == {
			"code": "policy.unconcerned",
			"severity": "info",
			"legal": "",
			"params": {},
		}
	}
}

placed(origin, site, access) := said(json.patch(question("recruiting", "declared"), [
	{"op": "replace", "path": "/data/collected_in", "value": origin},
	{"op": "replace", "path": "/caller/jurisdiction", "value": site},
	{"op": "replace", "path": "/caller/access_from", "value": access},
])).code

test_it_applies_where_data_site_or_access_is_in_the_union if {
	placed("JP", "JP", "JP") == "policy.unconcerned"
	placed("DE", "JP", "JP") == "policy.ai_oversight"
	placed("JP", "FR", "JP") == "policy.ai_oversight"
	placed("JP", "JP", "IT") == "policy.ai_oversight"
	placed("JP", "JP", "NO") == "policy.ai_oversight"
	placed("", "JP", "") == "policy.unconcerned"
}

test_it_applies_where_nobody_said_where_the_site_is if {
	placed("", "", "") == "policy.ai_oversight"
	placed("JP", "", "JP") == "policy.ai_oversight"
}

on(day, purpose) := said(json.patch(question(purpose, "declared"), [{
	"op": "replace",
	"path": "/env/time",
	"value": concat("", [day, "T00:00:00Z"]),
}])).code

test_each_part_applies_from_its_own_day if {
	on("2025-02-01", "social-scoring") == "policy.unconcerned"
	on("2025-02-02", "social-scoring") == "policy.ai_prohibited"
	on("2026-08-01", "recruiting") == "policy.unconcerned"
	on("2026-08-02", "recruiting") == "policy.ai_oversight"
}

test_without_the_table_of_purposes_there_is_no_verdict if {
	found := {verdict |
		verdict := ai_act.verdict({}) with input as question("social-scoring", "overseen") with data.law.purposes as {}
	}
	count(found) == 0
}

# --- the data

test_every_purpose_has_a_class_a_source_and_a_day if {
	every name, purpose in data.law.purposes.purposes {
		regex.match(`^[a-z0-9-]{1,63}$`, name)
		purpose.class in {"prohibited", "high-risk", "safety"}
		regex.match(`^\d{4}-\d{2}-\d{2}$`, purpose.since)
		count(purpose.legal) > 10
	}
}

test_the_days_are_those_of_article_113 if {
	since := {"art. 5(1)": "2025-02-02", "annex III(": "2026-08-02", "art. 6(1), annex I ": "2027-08-02"}
	every purpose in data.law.purposes.purposes {
		days := {day | some point, day in since; contains(purpose.legal, point)}
		days == {day | day := purpose.since; purpose.class != "safety"}
	}
}

test_every_alias_leads_to_a_purpose_and_is_none_itself if {
	every alias, name in data.law.purposes.aliases {
		regex.match(`^[a-z0-9-]{1,63}$`, alias)
		data.law.purposes.purposes[name]
		not data.law.purposes.purposes[alias]
	}
}

test_all_eight_points_of_both_lists_are_named if {
	legal := {purpose.legal | some purpose in data.law.purposes.purposes}
	every point in ["a", "b", "c", "d", "e", "f", "g", "h"] {
		sprintf("Regulation (EU) 2024/1689 art. 5(1)(%s)", [point]) in legal
	}
	every point in numbers.range(1, 8) {
		some source in legal
		startswith(source, sprintf("Regulation (EU) 2024/1689 annex III(%d)", [point]))
	}
}
