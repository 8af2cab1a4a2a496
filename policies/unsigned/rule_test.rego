package rules.unsigned_test

import data.rules.unsigned

law := {"classes": {
	"demo": ["public", "internal", "confidential", "strict"],
	"balanced": ["public", "internal"],
	"strict": [],
}}

targets := {
	"muc/n/w0:signed": {"id": "muc/n/w0:signed", "external": false, "signed": true},
	"muc/n/w0:unsigned": {"id": "muc/n/w0:unsigned", "external": false, "signed": false},
	"muc/n/w0:silent": {"id": "muc/n/w0:silent", "external": false},
	"ven/n/w0:m": {"id": "ven/n/w0:m", "external": true, "signed": false},
}

facts(preset) := {"targets": targets, "preset": preset}

question(class) := {"data": {"class": class}, "candidates": object.keys(targets)}

code(preset, class, name) := verdict.code if {
	verdict := unsigned.target_verdict(targets[name]) with input as question(class)
		with data.facts as facts(preset)
		with data.law.unsigned as law
}

test_a_demonstration_takes_any_model if {
	every class in law.classes.demo {
		code("demo", class, "muc/n/w0:unsigned") == "policy.unconcerned"
	}
}

test_where_the_preset_is_strict_a_model_must_be_signed if {
	code("strict", "public", "muc/n/w0:unsigned") == "policy.model_unsigned"
	code("strict", "public", "muc/n/w0:signed") == "policy.unconcerned"
}

test_a_balanced_site_keeps_what_matters_from_unsigned_models if {
	code("balanced", "internal", "muc/n/w0:unsigned") == "policy.unconcerned"
	code("balanced", "confidential", "muc/n/w0:unsigned") == "policy.model_unsigned"
}

test_a_model_that_does_not_say_counts_as_unsigned if {
	code("strict", "public", "muc/n/w0:silent") == "policy.model_unsigned"
}

test_a_preset_that_nobody_knows_counts_as_strict if {
	code("lax", "public", "muc/n/w0:unsigned") == "policy.model_unsigned"
	verdict := unsigned.target_verdict(targets["muc/n/w0:unsigned"]) with input as question("public")
		with data.facts as {"targets": targets}
		with data.law.unsigned as law
	verdict.severity == "deny"
}

test_a_target_of_others_is_none_of_this_rules_business if {
	code("strict", "strict", "ven/n/w0:m") == "policy.unconcerned"
}

test_no_place_is_judged if {
	unsigned.verdict({"near": "same-node"}).code == "policy.unconcerned"
}

spared(preset, candidates) if {
	unsigned.spares_targets with input as {"data": {"class": "internal"}, "candidates": candidates}
		with data.facts as facts(preset)
		with data.law.unsigned as law
}

test_no_target_need_be_looked_at_where_all_are_signed_or_any_may_serve if {
	spared("demo", ["muc/n/w0:unsigned"])
	spared("strict", ["muc/n/w0:signed", "ven/n/w0:m"])
	not spared("strict", ["muc/n/w0:signed", "muc/n/w0:unsigned"])
	not spared("strict", ["muc/n/w0:signed", "nobody-knows-it"])
}
