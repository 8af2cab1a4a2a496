package rules.ccpa_test

import data.rules.ccpa

said(origin, near) := verdict if {
	verdict := ccpa.verdict({"near": near, "jurisdiction": "US"}) with input as {"data": {"collected_in": origin}}
}

test_data_from_the_united_states_are_labelled if {
	said("US", "other").code == "policy.ccpa_may_apply"
	said("US", "external").code == "policy.ccpa_disclosure"
}

test_others_are_no_concern if {
	every origin in ["DE", "CN", "JP", ""] {
		said(origin, "external").code == "policy.unconcerned"
	}
}

test_it_never_says_no if {
	every origin in ["US", "DE", ""] {
		every near in ["same-node", "same-site", "other", "external", "somewhere"] {
			said(origin, near).severity == "info"
		}
	}
}

test_only_data_from_the_united_states_need_a_look_at_places if {
	ccpa.spares_places with input as {"data": {"collected_in": "DE"}}
	not ccpa.spares_places with input as {"data": {"collected_in": "US"}}
	not ccpa.spares_places with input as {"data": {}}
}
