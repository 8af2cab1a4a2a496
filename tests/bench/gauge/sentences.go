package main

import (
	"fmt"
	"math/rand"
	"strings"
)

// Words of our own, about a works that builds gearboxes; the people and addresses are invented.
var (
	parts    = []string{"gearbox", "spindle", "coolant pump", "battery tray", "door seal", "torque sensor", "wiring loom", "brake disc", "paint cell", "press tool"}
	faults   = []string{"runs hot", "drifts out of tolerance", "stops without a code", "loses pressure", "shows scratches", "vibrates at idle", "leaks at the flange"}
	places   = []string{"hall two", "the east dock", "line seven", "the test bench", "the paint shop", "cell fourteen", "the spare parts store"}
	shifts   = []string{"early", "late", "night", "weekend"}
	wishes   = []string{"What should we check first?", "Please write a short note for the next shift.", "Summarise this in two sentences.", "Which measurement would tell us more?", "Suggest an order for the repair steps."}
	given    = []string{"Anneliese", "Hiroto", "Margarethe", "Lorenzo", "Keiko", "Thaddeus", "Ingrid", "Matteo"}
	families = []string{"Musterfrau", "Beispiel", "Tanahashi", "Rossetti", "Lindqvist", "Okonkwo", "Vandermeer"}
)

// author writes prompts of 200 to 400 characters that no other request of the run carries: every sentence has numbers
// drawn for it, and `serial` is unique within an author, `name` among authors.
type author struct {
	random *rand.Rand
	name   string
	serial int
	people bool
}

func newAuthor(seed int64, name string, people bool) *author {
	return &author{random: rand.New(rand.NewSource(seed)), name: name, people: people}
}

func (a *author) pick(words []string) string { return words[a.random.Intn(len(words))] }

func (a *author) prompt() string {
	a.serial++
	var text strings.Builder
	fmt.Fprintf(&text, "Report %s-%d: since %d minutes past %d the %s with serial %06d in %s %s. ", a.name, a.serial,
		a.random.Intn(60), a.random.Intn(24), a.pick(parts), a.random.Intn(1e6), a.pick(places), a.pick(faults))
	for text.Len() < 150+a.random.Intn(130) {
		fmt.Fprintf(&text, "The %s shift measured %d.%02d units on unit %d and replaced the %s after %d cycles. ",
			a.pick(shifts), a.random.Intn(90)+10, a.random.Intn(100), a.random.Intn(9000)+1000, a.pick(parts), a.random.Intn(90000))
	}
	if a.people && a.serial%2 == 0 {
		first, last := a.pick(given), a.pick(families)
		fmt.Fprintf(&text, "%s %s (%s.%s%d@example.com) signed it off. ", first, last, strings.ToLower(first), strings.ToLower(last), a.random.Intn(1000))
	}
	text.WriteString(a.pick(wishes))
	return text.String()
}
