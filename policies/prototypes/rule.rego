# METADATA
# title: Prototypes and strictly confidential work
# description: >-
#   A project that names sites is worked on there and nowhere else; a prototype project without sites, on the caller's
#   own. What tells of a prototype (data/prototypes.json) is for projects declared as prototypes. A text that is marked
#   strictly confidential, or declared so by who sends it, stays on the caller's site too, unless its project names sites.
# scope: package
# related_resources:
#   - ref: https://www.vda.de/en/topics/digitization/data-security/isa
#     description: VDA Information Security Assessment (the catalogue of TISAX)
# custom:
#   legal: VDA ISA, information security and prototype protection
#   date: "2026-11-22"
#   owner: prototype protection officer
package rules.prototypes

# METADATA
# description: What tells of a prototype is refused everywhere to a project that is none.
verdict(_) := ruling

ruling := unconcerned if {
	telling == set()
} else := unconcerned if {
	project.prototype == true
} else := {"code": "policy.prototype_project", "severity": "deny", "legal": catalogue, "params": {"data": min(telling)}}

# METADATA
# description: Whether the project's prompts may be worked on at the target's site.
target_verdict(target) := unconcerned if {
	spares_targets
} else := {"code": "policy.site_named", "severity": "info", "legal": catalogue, "params": {}} if {
	target.site in sites
	target.external == false
} else := {"code": "policy.site_not_named", "severity": "deny", "legal": catalogue, "params": {}}

# METADATA
# description: Whether no target need be looked at.
spares_targets if {
	project_sites == set()
	not bound
}

# To the caller's site, where the project does not name others.
bound if project.prototype == true

bound if count(telling) > 0

bound if input.data.mark == "strict"

bound if input.request.declared_class == "strict"

sites := project_sites if {
	count(project_sites) > 0
} else := {input.caller.site} if project_sites

project_sites := {site | some site in object.get(project, "sites", [])} if project

project := object.get(data.facts.projects, concat("/", [input.caller.tenant, input.caller.project]), {})

telling := {type | some type in types; input.data.entities[type]} if types

types := data.law.prototypes.types

catalogue := "VDA ISA, prototype protection"

unconcerned := {"code": "policy.unconcerned", "severity": "info", "legal": "", "params": {}}
