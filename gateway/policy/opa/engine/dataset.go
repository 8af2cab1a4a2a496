package main

import (
	"context"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// dataSet is one revision of facts under the rules, with its queries prepared. It never changes: whoever began with it
// ends with it, and the next one takes its place between two questions.
type dataSet struct {
	decision, derived rego.PreparedEvalQuery
}

// newDataSet prepares the queries for these facts; nil where none were pushed yet.
func newDataSet(ctx context.Context, under *rules, facts *ast.Term) (*dataSet, error) {
	items := under.data
	if facts != nil {
		items = append(items[:len(items):len(items)], [2]*ast.Term{ast.StringTerm(factsRoot), facts})
	}
	store := inmem.NewFromASTObject(ast.NewObject(items...))
	prepared := new(dataSet)
	for query, to := range map[string]*rego.PreparedEvalQuery{
		"data.sekisho.decision": &prepared.decision,
		"data.sekisho.derived":  &prepared.derived,
	} {
		made, err := rego.New(rego.Query(query), rego.Compiler(under.compiler), rego.Store(store)).PrepareForEval(ctx)
		if err != nil {
			return nil, err
		}
		*to = made
	}
	return prepared, nil
}

// ask returns what OPA's REST API answers: {"result": ...}, or {} where the query is undefined.
//
// It is an error if the evaluation fails, or the context ends before it.
func ask(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value) ([]byte, error) {
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	found, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalExternalCancel(cancel))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || len(found[0].Expressions) == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]any{"result": found[0].Expressions[0].Value})
}
