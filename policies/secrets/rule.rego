# METADATA
# title: Secrets stay on the node
# description: >-
#   A password or a key (kind @secrets) does not leave the machine that it came to. A target elsewhere is permitted only
#   where the rule table takes every secret out on the way: masked or redacted. A tag or a hash is not enough: both still
#   tell equal secrets from different ones.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: GDPR art. 32, security of processing
# custom:
#   legal: Regulation (EU) 2016/679 art. 32
#   date: "2026-11-22"
#   owner: information security officer
package rules.secrets

import data.sekisho.table

# METADATA
# description: Whether the place is this node, or what goes there holds no secret any more.
verdict(place) := unconcerned if {
	spares_places
} else := {"code": "policy.secrets_here", "severity": "info", "legal": "", "params": {}} if {
	place.near == "same-node"
} else := {"code": "policy.secrets_removed", "severity": "info", "legal": "", "params": {}} if {
	removed[table.spot_of(place)]
} else := {
	"code": "policy.secrets",
	"severity": "deny",
	"legal": "Regulation (EU) 2016/679 art. 32",
	"params": {"data": min(secrets)},
}

# METADATA
# description: Whether no place need be looked at.
spares_places if secrets == set()

secrets := {type | some type, _ in input.data.entities; kinds[type] == "@secrets"} if kinds

kinds := data.facts.kinds

# Spots at which the table lets no secret through.
removed contains spot if {
	some spot, operators in table.redaction
	every secret in secrets {
		operators[secret] in {"mask", "redact"}
	}
}

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}
