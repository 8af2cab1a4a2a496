package main

import (
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func term(text string) *ast.Term { return ast.MustParseTerm(text) }

func asked(t *testing.T, from *dataSet, input string) string {
	t.Helper()
	said, err := ask(context.Background(), from.decision, term(input).Value)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func theData(t *testing.T, under *rules, facts *ast.Term) *dataSet {
	t.Helper()
	made, err := newDataSet(context.Background(), under, facts)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestADecisionIsMadeOfRulesLawAndFacts(t *testing.T) {
	said := asked(t, theData(t, theRules(t), term(`{"open": true}`)), `{"q": 1}`)
	if said != `{"result":{"allow":true,"asked":1,"law":"a"}}` {
		t.Fatal(said)
	}
}

func TestWithoutFactsTheDefaultDecides(t *testing.T) {
	if said := asked(t, theData(t, theRules(t), nil), `{"q": 1}`); said != `{"result":{"allow":false}}` {
		t.Fatal(said)
	}
}

func TestWhatIsUndefinedIsAnEmptyAnswer(t *testing.T) {
	from := theData(t, theRules(t), nil)
	said, err := ask(context.Background(), from.derived, term(`{}`).Value)
	if err != nil || string(said) != "{}" {
		t.Fatal(string(said), err)
	}
}

// A set of facts never changes: who began with one ends with it, whatever is made of the same rules meanwhile.
func TestOneSetOfFactsKnowsNothingOfAnother(t *testing.T) {
	under := theRules(t)
	own := len(under.data)
	open := theData(t, under, term(`{"open": true}`))
	shut := theData(t, under, term(`{"open": false}`))
	if a, b := asked(t, open, `{"q": 1}`), asked(t, shut, `{"q": 1}`); a == b {
		t.Fatal("both say", a)
	}
	if len(under.data) != own {
		t.Fatal("the rules' own data have grown:", under.data)
	}
}

// Room behind the rules' own data belongs to nobody: a set of facts that were appended there would be overwritten by the
// next one, while questions still read the first.
func TestFactsAreNotWrittenBehindTheRulesOwnData(t *testing.T) {
	under := theRules(t)
	roomy := make([][2]*ast.Term, len(under.data), len(under.data)+4)
	copy(roomy, under.data)
	under.data = roomy
	theData(t, under, term(`{"open": true}`))
	for _, behind := range roomy[len(roomy):cap(roomy)] {
		if behind[0] != nil || behind[1] != nil {
			t.Fatal("facts lie in the rules' own array:", behind)
		}
	}
}

func TestAnEvaluationEndsWithItsContext(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	end()
	if said, err := ask(ctx, theData(t, theRules(t), nil).decision, term(`{"slow": true}`).Value); err == nil {
		t.Fatal("it went on, to", string(said))
	}
}
