# METADATA
# title: Unsigned models
# description: >-
#   A model's file may be signed by its maker or by the house. One that no key of this site signed works only on the
#   classes of data that the site's preset lists in data/unsigned.json: all of them in a demonstration, none where the
#   preset is strict. Of a target of others nobody here sees the file; it is judged by whether the project names it.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2024/1689/oj
#     description: AI Act art. 15(5), models that somebody tampered with
# custom:
#   legal: none, the house's own word in data/unsigned.json
#   date: "2026-11-22"
#   owner: operator
package rules.unsigned

# METADATA
# description: Nothing hangs on the place.
verdict(_) := unconcerned

# METADATA
# description: Whether a key of this site signed the model's file, where that is asked for.
target_verdict(target) := unconcerned if {
	open_to_all
} else := unconcerned if {
	target.signed == true
} else := unconcerned if {
	target.external == true
} else := {"code": "policy.model_unsigned", "severity": "deny", "legal": "", "params": {}}

# METADATA
# description: Whether no target need be looked at.
spares_targets if open_to_all

spares_targets if {
	told := [1 | some id in input.candidates; is_told(data.facts.targets[id])]
	count(told) == count(input.candidates)
}

is_told(target) if target.signed == true

is_told(target) if target.external == true

# Where a site has no preset, or one that the data do not know, it is taken for strict.
open_to_all if input.data.class in data.law.unsigned.classes[data.facts.preset]

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}
