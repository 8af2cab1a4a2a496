# METADATA
# title: Models per tenant
# description: >-
#   A tenant that names models in organisation.yaml is served by these and no other. One that names none, or is not
#   declared, may use all. Judged by the model that a target serves, so that no alias leads around it.
# scope: package
# custom:
#   legal: none, the house's own word in organisation.yaml
#   date: "2026-11-22"
#   owner: operator
package rules.models

# METADATA
# description: Nothing hangs on the place.
verdict(_) := unconcerned

# METADATA
# description: Whether the model is one of those that the tenant named.
target_verdict(target) := unconcerned if {
	spares_targets
} else := {"code": "policy.model_named", "severity": "info", "legal": "", "params": {}} if {
	target.model in named
} else := {"code": "policy.model_not_named", "severity": "deny", "legal": "", "params": {}}

# METADATA
# description: Whether no target need be looked at.
spares_targets if named == set()

named := {model | some model in object.get(data.facts.tenants, [input.caller.tenant, "models"], [])} if {
	data.facts.tenants
}

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}
