package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

const policy = `package sekisho

default decision := {"allow": false}

decision := {"allow": data.facts.open, "asked": input.q, "law": data.law.mark} if input.q

decision := "slow" if {
	input.slow
	some i in numbers.range(1, 3000)
	some j in numbers.range(1, 3000)
	i * j == -1
}

derived := {"known": count(input.facts)}
`

// aBundle writes an unsigned bundle with one module and these roots, and returns its file.
func aBundle(t *testing.T, module string, roots ...string) string {
	t.Helper()
	var packed bytes.Buffer
	content := bundle.Bundle{
		Manifest: bundle.Manifest{Revision: "r1", Roots: &roots},
		Data:     map[string]any{"law": map[string]any{"mark": "a"}},
		Modules: []bundle.ModuleFile{{
			URL: "main/decision.rego", Path: "main/decision.rego",
			Parsed: ast.MustParseModule(module), Raw: []byte(module),
		}},
	}
	if err := bundle.NewWriter(&packed).Write(content); err != nil {
		t.Fatal(err)
	}
	return written(t, "bundle.tar.gz", packed.Bytes())
}

func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withoutHTTP writes the capabilities of this OPA, less what reaches outside.
func withoutHTTP(t *testing.T) string {
	t.Helper()
	said := ast.CapabilitiesForThisVersion()
	said.Builtins = slices.DeleteFunc(said.Builtins, func(b *ast.Builtin) bool { return b.Name == "http.send" })
	raw, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, "capabilities.json", raw)
}

func theRules(t *testing.T) *rules {
	t.Helper()
	loaded, err := load(source{bundle: aBundle(t, policy, "sekisho", "law"), capabilities: withoutHTTP(t)})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestABundleIsLoadedWithItsRevisionAndItsOwnData(t *testing.T) {
	loaded := theRules(t)
	isLaw := func(item [2]*ast.Term) bool { return item[0].Equal(ast.StringTerm("law")) }
	if loaded.revision != "r1" || !slices.ContainsFunc(loaded.data, isLaw) {
		t.Fatalf("loaded %q with %v", loaded.revision, loaded.data)
	}
}

func TestWhatIsRefusedWhenItIsLoaded(t *testing.T) {
	unsigned, reaching := aBundle(t, policy, "sekisho", "law"), strings.Replace(policy, "input.q\n\ndecision := \"slow\"",
		"http.send({}).status_code == 200\n\ndecision := \"slow\"", 1)
	key := written(t, "key.pem", []byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	for name, from := range map[string]source{
		"a builtin that is no capability": {bundle: aBundle(t, reaching, "sekisho", "law")},
		"a bundle without a signature":    {bundle: unsigned, key: key, keyID: "k", scope: "s", algorithm: "ES256"},
		"a key without its name":          {bundle: unsigned, key: key, scope: "s", algorithm: "ES256"},
		"a key without a scope":           {bundle: unsigned, key: key, keyID: "k", algorithm: "ES256"},
		"a bundle that is not there":      {bundle: filepath.Join(t.TempDir(), "none")},
		"the pushed facts as its own":     {bundle: aBundle(t, policy, "sekisho", "law", "facts")},
	} {
		from.capabilities = withoutHTTP(t)
		if loaded, err := load(from); err == nil || loaded != nil {
			t.Errorf("%s was loaded", name)
		}
	}
	if _, err := load(source{bundle: unsigned, capabilities: "/none"}); err == nil {
		t.Error("it was loaded without capabilities")
	}
}

func TestNoBundleMayOwnThePushedFacts(t *testing.T) {
	for _, roots := range [][]string{{""}, {"/"}, {"facts"}, {"/facts/"}, {"facts/sites"}, {"sekisho", "facts"}} {
		if factsAreFree(&roots) == nil {
			t.Errorf("%q is let in", roots)
		}
	}
	if factsAreFree(nil) == nil {
		t.Error("one without roots, which owns all, is let in")
	}
	for _, roots := range [][]string{{"sekisho", "rules", "law"}, {"factsheet"}, {"law/facts"}, {}} {
		if err := factsAreFree(&roots); err != nil {
			t.Errorf("%q: %v", roots, err)
		}
	}
}
