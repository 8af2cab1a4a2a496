package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/util"
	"github.com/open-policy-agent/opa/v1/version"
)

const (
	questionBytes = 1 << 20
	factsBytes    = 256 << 20
	evalSeconds   = 30 // whether anybody still waits for it or not
)

// call is one thing that may be done, and the one role whose token opens it.
type call struct {
	role string
	do   func(http.ResponseWriter, *http.Request)
}

// door is the whole API: five calls, each opened by one token, and 401 for everything else. A call is named by its
// method and its request target as it was sent, so no parameter, no escape and no other spelling leads to one.
type door struct {
	calls  map[string]call
	tokens map[string][sha256.Size]byte // by role
	rules  *rules
	id     string

	inForce atomic.Pointer[dataSet]
	pushing sync.Mutex
}

func newDoor(loaded *rules, tokens string) (*door, error) {
	hashes, err := readTokens(tokens)
	if err != nil {
		return nil, err
	}
	without, err := newDataSet(context.Background(), loaded, nil)
	if err != nil {
		return nil, err
	}
	d := &door{tokens: hashes, rules: loaded, id: rand.Text()}
	d.inForce.Store(without)
	d.calls = map[string]call{
		"POST /v1/data/sekisho/decision": {"query", d.decide},
		"PUT /v1/data/facts":             {"push", d.push},
		"POST /v1/data/sekisho/derived":  {"push", d.derive},
		"GET /health":                    {"watch", d.health},
		"GET /v1/status":                 {"watch", d.status},
	}
	return d, nil
}

// readTokens returns the SHA-256 of each role's token; the tokens themselves never come here.
func readTokens(path string) (map[string][sha256.Size]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var said struct {
		System struct {
			Authz struct {
				Tokens map[string]string `json:"tokens"`
			} `json:"authz"`
		} `json:"system"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	found := map[string][sha256.Size]byte{}
	for _, role := range []string{"query", "push", "watch"} {
		hash, err := hex.DecodeString(said.System.Authz.Tokens[role])
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("tokens: there is no SHA-256 for %s", role)
		}
		found[role] = [sha256.Size]byte(hash)
	}
	return found, nil
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if recover() != nil { // its value may quote an input
			fmt.Fprintf(os.Stderr, "error: a call failed within\n%s", debug.Stack())
			refuse(w, http.StatusInternalServerError, "internal_error")
		}
	}()
	asked, known := d.calls[r.Method+" "+r.RequestURI]
	if !known || !d.bears(r, asked.role) {
		refuse(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	asked.do(w, r)
}

func (d *door) bears(r *http.Request, role string) bool {
	said := r.Header["Authorization"]
	if len(said) != 1 {
		return false
	}
	token, bearer := strings.CutPrefix(said[0], "Bearer ")
	given, wanted := sha256.Sum256([]byte(token)), d.tokens[role]
	return subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 && bearer
}

// --- the five calls

func (d *door) decide(w http.ResponseWriter, r *http.Request) {
	answer(w, r, d.inForce.Load().decision, questionBytes)
}

// derive answers under the rules alone: the facts to derive from come with the question.
func (d *door) derive(w http.ResponseWriter, r *http.Request) {
	answer(w, r, d.inForce.Load().derived, factsBytes)
}

// push replaces the facts. When it has answered, every question is decided under them.
func (d *door) push(w http.ResponseWriter, r *http.Request) {
	facts, ok := body(w, r, factsBytes)
	if !ok {
		return
	}
	d.pushing.Lock()
	defer d.pushing.Unlock()
	fresh, err := newDataSet(r.Context(), d.rules, ast.NewTerm(facts))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal_error")
		return
	}
	d.inForce.Store(fresh)
	w.WriteHeader(http.StatusNoContent)
}

func (d *door) health(w http.ResponseWriter, _ *http.Request) {
	say(w, []byte("{}"))
}

func (d *door) status(w http.ResponseWriter, _ *http.Request) {
	told, err := json.Marshal(map[string]any{"result": map[string]any{
		"labels":  map[string]string{"id": d.id, "version": version.Version},
		"bundles": map[string]any{"policy": map[string]string{"name": "policy", "active_revision": d.rules.revision}},
	}})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal_error")
		return
	}
	say(w, told)
}

// --- how

func answer(w http.ResponseWriter, r *http.Request, query rego.PreparedEvalQuery, limitBytes int64) {
	question, ok := body(w, r, limitBytes)
	if !ok {
		return
	}
	input := question.Get(ast.InternedTerm("input"))
	if input == nil {
		refuse(w, http.StatusBadRequest, "invalid_parameter")
		return
	}
	ctx, done := context.WithTimeout(r.Context(), evalSeconds*time.Second)
	defer done()
	said, err := ask(ctx, query, input.Value)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal_error")
		return
	}
	say(w, said)
}

// body returns the JSON object that was sent, or answers for itself.
func body(w http.ResponseWriter, r *http.Request, limitBytes int64) (ast.Object, bool) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limitBytes))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		refuse(w, http.StatusRequestEntityTooLarge, "invalid_parameter")
		return nil, false
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_parameter")
		return nil, false
	}
	var decoded any
	if err := util.UnmarshalJSON(raw, &decoded); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_parameter")
		return nil, false
	}
	value, err := ast.InterfaceToValue(decoded)
	if object, ok := value.(ast.Object); err == nil && ok {
		return object, true
	}
	refuse(w, http.StatusBadRequest, "invalid_parameter")
	return nil, false
}

func say(w http.ResponseWriter, content []byte) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(content))}
	_, _ = w.Write(content)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "{\"code\": %q}\n", code)
}
