# METADATA
# title: California's privacy act, as a label
# description: >-
#   Data from the United States may be those of people in California. A jurisdiction does not say in which state it is,
#   so this is a label for whoever reads the decision and never a no: the act restricts selling, sharing and handing data
#   to others without the contract that it asks for, not the country they go to.
# scope: package
# related_resources:
#   - ref: https://leginfo.legislature.ca.gov/faces/codes_displayText.xhtml?division=3.&part=4.&title=1.81.5.&lawCode=CIV
#     description: California Consumer Privacy Act of 2018, as amended
# custom:
#   legal: California Civil Code § 1798.100 and following
#   date: "2026-11-22"
#   owner: privacy officer
package rules.ccpa

# METADATA
# description: What may be said of a place; never a no.
verdict(place) := label("policy.ccpa_disclosure", "California Civil Code § 1798.100(d)") if {
	input.data.collected_in == "US"
	place.near == "external"
} else := label("policy.ccpa_may_apply", "California Civil Code § 1798.100 and following") if {
	input.data.collected_in == "US"
} else := label("policy.unconcerned", "")

# METADATA
# description: Whether no place need be looked at.
spares_places if input.data.collected_in != "US"

label(code, legal) := {"code": code, "severity": "info", "legal": legal, "params": {}}
