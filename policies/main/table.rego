# METADATA
# title: The rule table, looked up
# description: >-
#   What the compiled table (data.facts.table) says of the request at each spot where a candidate stands: which operator
#   for each item, and which row says so. Apart from the decision, so that rules can ask it too. A spot where some item
#   may not go has no operator for it; where the table has no cell there is nothing, and nothing is refused by whoever
#   asks.
# scope: package
# custom:
#   legal: none, the rows name their own
#   date: "2026-11-22"
#   owner: policy author
package sekisho.table

# --- an index leads to a cell, a cell decides about each item of the request

items := plain | categories

plain := {"*"} | object.keys(input.data.entities)

categories := {category |
	some name in input.data.special
	category := concat(":", ["special", name])
}

place_of := {id: name |
	targets := data.facts.targets
	some id in input.candidates
	name := targets[id].place
}

places := {name | some name in place_of}

# Where each place stands in the index: two, if it hangs on the data's origin.
spot_at := object.union(
	{name: known[name].spot | some name in (places - same)},
	{name: known[name].spot_same | some name in same},
) if {
	known := data.facts.places
	own := input.data.collected_in
	same := {name | some name in places; known[name].jurisdiction == own}
} else := {}

spot_of(place) := place.spot_same if {
	place.jurisdiction == input.data.collected_in
} else := place.spot

spots := {spot | some spot in spot_at}

origin := input.data.collected_in if {
	data.facts.table.origins[input.data.collected_in]
} else := "*"

purpose := input.request.purpose if {
	data.facts.table.purposes[input.request.purpose]
} else := "*"

# The cell of each spot, by name: few cells stand for many spots, and are looked at once.
cell_of := {spot: name |
	index := data.facts.table.index
	cells := data.facts.table.cells
	class := input.data.class
	from := origin
	for := purpose
	some spot in spots
	name := index[spot][class][from][for]
	cells[name]
}

# The broader word by which a row can mean an item.
broader := object.union(
	{item: object.get(kinds, item, "*") | kinds := data.facts.kinds; some item in plain},
	{item: "special:*" | some item in categories},
)

# What the most precise word that a cell has says of each item; nothing, if there is none.
entries := {name: by_item |
	cells := data.facts.table.cells
	names := {name | some name in cell_of}
	broader_word := broader
	some name in names
	cell := cells[name]
	any_item := object.get(cell, "*", {})
	by_item := {item: object.get(cell, item, object.get(cell, word, any_item)) | some item, word in broader_word}
}

# What holds: a row that only observes steps back while nothing leaves the site, but never for secrets.
rulings := entries if {
	observing == set()
} else := {name: {item: ruling(item, entry) | some item, entry in by_item} | some name, by_item in entries}

observing := {name | some name, by_item in entries; some entry in by_item; entry.until}

ruling(item, entry) := entry.instead if {
	steps_back(item, entry)
} else := entry

steps_back(item, entry) if {
	entry.until >= today
	all_on_site
	not broader[item] == "@secrets"
}

all_on_site if {
	count([1 | some name in places; on_site[name]]) == count(places)
	count(place_of) == count({id | some id in input.candidates})
}

on_site := {name | some name in places; data.facts.places[name].near in {"same-node", "same-site"}}

today := substring(input.env.time, 0, 10)

# What is done to each item at a spot; a spot where some item may not go is left out.
redaction := {spot: operators[name] | some spot, name in cell_of}

operators := {name: redact(allowed) |
	all_items := count(items)
	some name, by_item in rulings
	allowed := {item: entry.operator | some item, entry in by_item}
	count(allowed) == all_items
}

# A row about a special category says the least that is done to every finding of such a text.
redact(by_item) := by_item if {
	input.data.special == []
} else := {item: by_item[strongest] |
	some item, operator in by_item
	not startswith(item, "special:")
	least := [[strength[other], category] |
		some category, other in by_item
		startswith(category, "special:")
	]
	strongest := max(array.concat([[strength[operator], item]], least))[1]
}

strength := {"keep": 0, "pseudonymise": 1, "hash": 2, "mask": 3, "redact": 4}

# --- why

verdicts contains row_says("policy.table_denied", "deny", entry, item) if {
	some name, by_item in rulings
	not operators[name]
	some item, entry in by_item
	not entry.operator
}

verdicts contains row_says("policy.table_observed", "info", entry, item) if {
	some name in observing
	some item, entry in entries[name]
	steps_back(item, entry)
}

row_says(code, severity, said, item) := {
	"code": code,
	"legal": object.get(data.facts.table.legal, object.get(said, "row", ""), ""),
	"severity": severity,
	"params": {"row": object.get(said, "row", "-"), "data": item},
}
