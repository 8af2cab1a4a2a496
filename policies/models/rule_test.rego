package rules.models_test

import data.rules.models

tenants := {"bodyshop": {"models": ["small", "large"]}, "paintshop": {"models": []}}

said(tenant, model) := verdict if {
	verdict := models.target_verdict({"model": model}) with input as {"caller": {"tenant": tenant}}
		with data.facts.tenants as tenants
}

test_a_tenant_that_names_models_has_these_and_no_other if {
	said("bodyshop", "small").severity == "info"
	said("bodyshop", "large").code == "policy.model_named"
	said("bodyshop", "other") == {
		"code": "policy.model_not_named",
		"severity": "deny",
		"legal": "",
		"params": {},
	}
}

test_a_tenant_that_names_none_has_all if {
	said("paintshop", "other").code == "policy.unconcerned"
	said("nobody-declared-it", "other").code == "policy.unconcerned"
}

test_no_target_need_be_looked_at_where_none_is_named if {
	not spared("bodyshop")
	spared("paintshop")
}

spared(tenant) if {
	models.spares_targets with input as {"caller": {"tenant": tenant}} with data.facts.tenants as tenants
}

test_no_place_is_refused if {
	models.verdict({"near": "external"}).severity == "info"
}

test_without_facts_no_model_may_be_used if {
	verdict := models.target_verdict({"model": "small"}) with input as {"caller": {"tenant": "bodyshop"}}
		with data.facts as {}
	verdict.severity == "deny"
}
