package rules.export_control_test

import data.rules.export_control

# The tests bring their own data, so that yours may change.
known := {
	"general": {"EU001": {"countries": ["CH", "JP", "US"]}},
	"licences": [{"project": "acme/laser", "to": "KR", "until": "2027-06-30"}],
	"projects": {
		"acme/laser": {"regime": "EU", "general": ["EU001"]},
		"acme/radar": {"regime": "US", "general": []},
	},
	"regimes": {
		"EU": {"territory": ["EU"], "legal": "Regulation (EU) 2021/821 art. 3(1)"},
		"US": {"territory": ["US"], "legal": "15 CFR 734.13"},
	},
}

question(project, access) := {
	"caller": {"tenant": "acme", "project": project, "jurisdiction": "DE", "access_from": access},
	"env": {"time": "2026-11-22T12:00:00Z"},
}

said(asked, country) := verdict if {
	verdict := export_control.verdict({"near": "other", "jurisdiction": country}) with input as asked
		with data.law.export_control as known
}

open(asked) := [country |
	some country in ["DE", "FR", "CH", "JP", "KR", "US", "CN", ""]
	said(asked, country).severity == "info"
]

test_controlled_technology_stays_in_its_territory_or_goes_where_something_opens_the_way if {
	open(question("laser", "")) == ["DE", "FR", "CH", "JP", "KR", "US"]
	open(question("radar", "US")) == ["US"]
}

test_other_projects_are_none_of_this_rules_business if {
	said(question("brochure", ""), "CN").code == "policy.unconcerned"
}

test_showing_it_abroad_is_an_export_too if {
	open(question("laser", "CN")) == []
	open(question("radar", "")) == []
	said(question("laser", "CN"), "DE") == {
		"code": "own.export_control",
		"severity": "deny",
		"legal": "Regulation (EU) 2021/821 art. 3(1)",
		"params": {"destination": "DE", "access": "CN"},
	}
	said(question("laser", "JP"), "DE").code == "own.export_open"
}

test_a_country_that_is_not_set_is_not_open if {
	said(question("laser", ""), "").params == {"access": "DE"}
	said(question("laser", ""), "").severity == "deny"
}

test_a_licence_ends_with_its_day if {
	at("2027-06-30") == "info"
	at("2027-07-01") == "deny"
}

at(day) := said(asked, "KR").severity if {
	asked := object.union(question("laser", ""), {"env": {"time": concat("", [day, "T00:00:00Z"])}})
}

test_without_its_data_there_is_no_verdict if {
	found := {verdict |
		some project in ["laser", "brochure"]
		verdict := export_control.verdict({"jurisdiction": "DE"}) with input as question(project, "")
			with data.law.export_control as {}
	}
	count(found) == 0
}

# --- your data

test_every_controlled_project_has_a_regime_and_authorisations_that_are_known if {
	every name, project in data.law.export_control.projects {
		regex.match(`^[a-z0-9-]+/[a-z0-9-]+$`, name)
		data.law.export_control.regimes[project.regime]
		every general in project.general {
			data.law.export_control.general[general]
		}
	}
}

test_every_licence_is_for_a_controlled_project_and_ends if {
	every licence in data.law.export_control.licences {
		data.law.export_control.projects[licence.project]
		regex.match(`^\d{4}-\d{2}-\d{2}$`, licence.until)
	}
}
