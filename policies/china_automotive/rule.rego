# METADATA
# title: China's automotive data rules
# description: >-
#   Important data that were collected in China stay in China: they go to places there only, and are shown there only,
#   unless a security assessment covers them. That they are important is what their project has declared
#   (`important_data`), or what many plates or positions in one text tell: such lists show the flow of vehicles or the
#   running of a charging network. Whether an assessment covers them is for persons to say: they name its reference in
#   data/china_automotive.json (`assessed_references`), and the transfer in organisation.yaml under the same reference.
#   More than 100,000 persons, which art. 3 names too, cannot be seen in one text; the rule `transfers` counts them.
# scope: package
# related_resources:
#   - ref: https://www.cac.gov.cn/2021-08/20/c_1631049984897667.htm
#     description: Several Provisions on the Management of Automotive Data Security (for trial implementation)
# custom:
#   legal: >-
#     Several Provisions on the Management of Automotive Data Security (CN, trial, in force since 2021-10-01) art. 3, 11
#     and 12; Data Security Law (CN) art. 31; Guidelines on the security of automotive data exports (CN, 2026 edition)
#   date: "2026-11-22"
#   owner: privacy officer
package rules.china_automotive

import data.rules.residency
import data.rules.transfers

# METADATA
# description: What may be said of a place. A place of which it is not known where it is counts as abroad.
verdict(place) := yes("policy.unconcerned") if {
	not important
} else := no("policy.china_automotive_access", residency.viewed_in) if {
	not stays(residency.viewed_in)
} else := yes("policy.china_automotive_stays") if {
	stays(place.jurisdiction)
} else := no("policy.china_automotive", place.jurisdiction)

# METADATA
# description: Whether no place need be looked at.
spares_places if {
	law.origins
	not concerned
}

law := data.law.china_automotive

# METADATA
# description: >-
#   Why the data are important; undefined when they are not. Where it is not known what projects have declared, they are.
important := "declared" if {
	concerned
	project.important_data
} else := "undeclared" if {
	concerned
	not projects_known
} else := min(signals) if {
	concerned
	count(signals) > 0
}

concerned if residency.origin in law.origins

projects_known if is_object(data.facts.projects)

project := data.facts.projects[sprintf("%s/%s", [input.caller.tenant, input.caller.project])]

signals := {name |
	some name, signal in law.signals
	every type, least in signal.all {
		at_least(object.get(input.data.entities, type, "0"), least)
	}
}

# A bucket that is not known counts as the highest.
size := {"0": 0, "1": 1, "2-4": 2, "5-19": 3}

at_least(bucket, least) if object.get(size, bucket, 4) >= object.get(size, least, 4)

stays(country) if country == residency.origin

stays(country) if {
	some transfer in transfers.arrangements(country)
	transfer.route == "pipl-security-assessment"
	transfers.in_force(transfer)
	transfer.reference in law.assessed_references
}

no(code, country) := {
	"code": code,
	"severity": "deny",
	"legal": law.legal,
	"params": {name: word |
		some name, word in {"destination": country, "origin": residency.origin, "why": important}
		word != ""
	},
}

yes(code) := {"code": code, "severity": "info", "legal": "", "params": {}}
