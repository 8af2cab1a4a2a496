package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/keys"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Where pushed facts lie; no bundle may own it.
const factsRoot = "facts"

// source says where a bundle is, and what it must be.
type source struct {
	bundle, capabilities, key, keyID, algorithm, scope string
}

// rules are a bundle that was verified and compiled. They never change.
type rules struct {
	compiler *ast.Compiler
	data     []([2]*ast.Term) // the bundle's own, by root
	revision string
}

// load verifies a bundle, as `opa run --bundle` does, and compiles it under the capabilities.
//
// It is an error if there is a key and no signature of it for the scope over every file, if there is a signature and no
// key, if a module uses a builtin that is not among the capabilities, or if the bundle would own the pushed facts.
func load(from source) (*rules, error) {
	capabilities, err := ast.LoadCapabilitiesFile(from.capabilities)
	if err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	verification, err := from.verification()
	if err != nil {
		return nil, err
	}
	found, err := loader.NewFileLoader().
		WithRegoVersion(ast.RegoV1).
		WithCapabilities(capabilities).
		WithBundleVerificationConfig(verification).
		AsBundle(from.bundle)
	if err != nil {
		return nil, err
	}
	if err := factsAreFree(found.Manifest.Roots); err != nil {
		return nil, err
	}
	return compile(found, capabilities)
}

func (from source) verification() (*bundle.VerificationConfig, error) {
	if from.key == "" {
		return nil, nil
	}
	if from.keyID == "" || from.scope == "" {
		return nil, errors.New("a verification key needs its id and a scope")
	}
	key, err := keys.NewKeyConfig(from.key, from.algorithm, from.scope)
	if err != nil {
		return nil, err
	}
	byID := map[string]*keys.Config{from.keyID: key}
	return bundle.NewVerificationConfig(byID, from.keyID, from.scope, nil), nil
}

func factsAreFree(roots *[]string) error {
	if roots == nil {
		return errors.New("the bundle declares no roots")
	}
	for _, root := range *roots {
		first, _, _ := strings.Cut(strings.Trim(root, "/"), "/")
		if first == "" || first == factsRoot {
			return fmt.Errorf("the bundle's root %q would own data.%s", root, factsRoot)
		}
	}
	return nil
}

func compile(found *bundle.Bundle, capabilities *ast.Capabilities) (*rules, error) {
	ctx := context.Background()
	store := inmem.NewWithOpts(inmem.OptReturnASTValuesOnRead(true))
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn) // what is needed of it is read below
	compiler := ast.NewCompiler().
		WithDefaultRegoVersion(ast.RegoV1).
		WithCapabilities(capabilities).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	activation := bundle.ActivateOpts{
		Ctx:           ctx,
		Store:         store,
		Txn:           txn,
		Compiler:      compiler,
		Metrics:       metrics.New(),
		Bundles:       map[string]*bundle.Bundle{"policy": found},
		ParserOptions: ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities},
	}
	if err := bundle.Activate(&activation); err != nil {
		return nil, err
	}
	root, err := store.Read(ctx, txn, storage.RootPath)
	if err != nil {
		return nil, err
	}
	owned, ok := root.(ast.Object)
	if !ok {
		return nil, errors.New("the bundle's data are no object")
	}
	read := &rules{compiler: compiler, revision: found.Manifest.Revision}
	owned.Foreach(func(name, value *ast.Term) { read.data = append(read.data, [2]*ast.Term{name, value}) })
	return read, nil
}
