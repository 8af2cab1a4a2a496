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

items := ({"*"} | {type | some type, _ in input.data.entities}) | {category |
	some name in input.data.special
	category := concat(":", ["special", name])
}

place_of := {id: data.facts.targets[id].place | some id in input.candidates}

places := {name | some name in place_of}

# Where each place stands in the index: two, if it hangs on the data's origin.
spot_at := {name: spot_of(data.facts.places[name]) | some name in places}

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

cells := {spot: cell |
	some spot in spots
	cell := data.facts.table.cells[data.facts.table.index[spot][input.data.class][origin][purpose]]
}

# The most precise word that the cell has.
found(cell, item) := cell[item]

found(cell, item) := cell[data.facts.kinds[item]] if not cell[item]

found(cell, item) := cell["special:*"] if {
	startswith(item, "special:")
	not cell[item]
}

entry(cell, item) := found(cell, item)

entry(cell, item) := cell["*"] if not found(cell, item)

# What holds: a row that only observes steps back while nothing leaves the site, but never for secrets.
ruling(cell, item) := entry(cell, item).instead if {
	steps_back(cell, item)
} else := entry(cell, item)

steps_back(cell, item) if {
	entry(cell, item).until >= today
	all_on_site
	not object.get(data.facts.kinds, item, "") == "@secrets"
}

all_on_site if {
	count([1 | some name in places; on_site[name]]) == count(places)
	count(place_of) == count({id | some id in input.candidates})
}

on_site := {name | some name in places; data.facts.places[name].near in {"same-node", "same-site"}}

today := substring(input.env.time, 0, 10)

operators := {spot: {item: ruling(cell, item).operator | some item in items} | some spot, cell in cells}

permits(spot) if count(operators[spot]) == count(items)

# What is done to each item at a spot. A row about a special category says the least that is done to every finding of
# such a text.
redaction := {spot: redact(by_item) | some spot, by_item in operators; permits(spot)}

strength := {"keep": 0, "pseudonymise": 1, "hash": 2, "mask": 3, "redact": 4}

redact(by_item) := {item: by_item[strongest] |
	some item, operator in by_item
	not startswith(item, "special:")
	least := [[strength[other], category] |
		some category, other in by_item
		startswith(category, "special:")
	]
	strongest := max(array.concat([[strength[operator], item]], least))[1]
}

# --- why

verdicts contains row_says("policy.table_denied", "deny", ruling(cell, item), item) if {
	some cell in cells
	some item in items
	not ruling(cell, item).operator
}

verdicts contains row_says("policy.table_observed", "info", entry(cell, item), item) if {
	some cell in cells
	some item in items
	steps_back(cell, item)
}

row_says(code, severity, said, item) := {
	"code": code,
	"legal": object.get(data.facts.table.legal, object.get(said, "row", ""), ""),
	"severity": severity,
	"params": {"row": object.get(said, "row", "-"), "data": item},
}
