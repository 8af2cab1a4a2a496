package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

const (
	decision = "POST /v1/data/sekisho/decision"
	derived  = "POST /v1/data/sekisho/derived"
	facts    = "PUT /v1/data/facts"
	health   = "GET /health"
	status   = "GET /v1/status"
	canary   = "canary-7f3a91"
)

var roles = map[string]string{decision: "query", derived: "push", facts: "push", health: "watch", status: "watch"}

func tokensFile(t *testing.T, names ...string) string {
	t.Helper()
	hashes := map[string]string{}
	for _, name := range names {
		hash := sha256.Sum256([]byte("token-" + name))
		hashes[name] = hex.EncodeToString(hash[:])
	}
	raw, err := json.Marshal(map[string]any{"system": map[string]any{"authz": map[string]any{"tokens": hashes}}})
	if err != nil {
		t.Fatal(err)
	}
	return written(t, "tokens.json", raw)
}

func aDoor(t *testing.T) *door {
	t.Helper()
	made, err := newDoor(theRules(t), tokensFile(t, "query", "push", "watch"))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// call returns the status and the body of one call, named as in `calls`.
func (d *door) call(name, role, body string) (int, string) {
	method, target, _ := strings.Cut(name, " ")
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	if role != "" {
		request.Header.Set("Authorization", "Bearer token-"+role)
	}
	return answered(d, request)
}

func answered(d *door, request *http.Request) (int, string) {
	recorder := httptest.NewRecorder()
	d.ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

func TestEachCallIsOpenedByItsRoleAlone(t *testing.T) {
	d := aDoor(t)
	for name, role := range roles {
		for _, shown := range []string{"query", "push", "watch", "stranger", ""} {
			said, _ := d.call(name, shown, `{"input": {}}`)
			if (said != http.StatusUnauthorized) != (shown == role) {
				t.Errorf("%s with %q: %d", name, shown, said)
			}
		}
	}
}

func TestNoOtherSpellingLeadsToACall(t *testing.T) {
	d := aDoor(t)
	for _, name := range []string{
		"GET /v1/data/sekisho/decision", "POST /v1/data/sekisho/decision/", "POST /v1/data/sekisho/decision?explain=full",
		"POST /v1/data/sekisho/../sekisho/decision", "POST //v1/data/sekisho/decision", "POST /v1/data/sekisho%2Fdecision",
		"POST /v1/data", "PUT /v1/policies/x", "PATCH /v1/data/facts", "DELETE /v1/data/facts", "PUT /v1/data/law",
		"PUT /v1/data/system/authz/tokens", "POST /v1/query", "POST /v1/compile", "GET /metrics", "GET /",
	} {
		for _, role := range []string{"query", "push", "watch"} {
			if said, body := d.call(name, role, `{"input": {}}`); said != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d %s", name, role, said, body)
			}
		}
	}
}

func TestATokenIsShownOnceAndAsABearer(t *testing.T) {
	d := aDoor(t)
	for _, shown := range [][]string{
		{"token-watch"}, {"bearer token-watch"}, {"Basic token-watch"}, {"Bearer token-watch "}, {"Bearer "},
		{"Bearer token-watch", "Bearer token-watch"}, {"Bearer token-query", "Bearer token-watch"},
	} {
		request := httptest.NewRequest(http.MethodGet, "/health", nil)
		request.Header["Authorization"] = shown
		if said, _ := answered(d, request); said != http.StatusUnauthorized {
			t.Errorf("%q: %d", shown, said)
		}
	}
}

func TestQuestionsAreDecidedUnderTheFactsThatWerePushedLast(t *testing.T) {
	d := aDoor(t)
	for _, open := range []string{"true", "false", "true"} {
		if said, body := d.call(facts, "push", fmt.Sprintf(`{"open": %s}`, open)); said != http.StatusNoContent {
			t.Fatal(said, body)
		}
		want := fmt.Sprintf(`{"result":{"allow":%s,"asked":1,"law":"a"}}`, open)
		if said, body := d.call(decision, "query", `{"input": {"q": 1}}`); said != http.StatusOK || body != want {
			t.Fatal(said, body)
		}
	}
}

func TestFactsThatAreNoneLeaveThoseInForce(t *testing.T) {
	d := aDoor(t)
	d.call(facts, "push", `{"open": true}`)
	for _, wrong := range []string{"", "{", "[]", "1", `"x"`, `{"open": false} {}`} {
		if said, body := d.call(facts, "push", wrong); said != http.StatusBadRequest {
			t.Errorf("%q: %d %s", wrong, said, body)
		}
	}
	if _, body := d.call(decision, "query", `{"input": {"q": 1}}`); !strings.Contains(body, `"allow":true`) {
		t.Fatal(body)
	}
}

func TestWhatIsNoQuestionIsRefusedWithoutQuotingIt(t *testing.T) {
	d := aDoor(t)
	for wrong, want := range map[string]int{
		`{"input": {"q": "` + canary + `"`: http.StatusBadRequest,
		`{"` + canary + `": {}}`:           http.StatusBadRequest,
		`["` + canary + `"]`:               http.StatusBadRequest,
		`{"input": "` + canary + strings.Repeat("x", questionBytes) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		said, body := d.call(decision, "query", wrong)
		if said != want || strings.Contains(body, canary) {
			t.Errorf("%.40s: %d %s", wrong, said, body)
		}
	}
}

func TestACallThatFailsWithinIsToldWithoutItsReason(t *testing.T) {
	d := aDoor(t)
	d.calls[health] = call{"watch", func(http.ResponseWriter, *http.Request) { panic(canary) }}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = writer
	said, body := d.call(health, "watch", "")
	os.Stderr = before
	_ = writer.Close()
	log, _ := io.ReadAll(reader)
	if said != http.StatusInternalServerError || strings.Contains(body+string(log), canary) || len(log) == 0 {
		t.Fatal(said, body, string(log))
	}
}

func TestTheStatusNamesTheRevisionAndOneProcess(t *testing.T) {
	d := aDoor(t)
	_, first := d.call(status, "watch", "")
	_, again := d.call(status, "watch", "")
	_, other := aDoor(t).call(status, "watch", "")
	if !strings.Contains(first, `"active_revision":"r1"`) || first != again || first == other {
		t.Fatal(first, again, other)
	}
}

func TestWhatIsDerivedComesFromTheFactsOfTheQuestion(t *testing.T) {
	if _, body := aDoor(t).call(derived, "push", `{"input": {"facts": [1, 2, 3]}}`); body != `{"result":{"known":3}}` {
		t.Fatal(body)
	}
}

func TestEveryAnswerIsOfOneWholeSetOfFactsWhileOthersArePushed(t *testing.T) {
	d := aDoor(t)
	d.call(facts, "push", `{"open": "0"}`)
	var pushing sync.WaitGroup
	for number := range 20 {
		pushing.Go(func() { d.call(facts, "push", fmt.Sprintf(`{"open": "%d"}`, number)) })
	}
	for range 200 {
		if said, body := d.call(decision, "query", `{"input": {"q": 1}}`); said != http.StatusOK ||
			!strings.HasPrefix(body, `{"result":{"allow":"`) {
			t.Error(said, body)
		}
	}
	pushing.Wait()
}

func TestWithoutAHashForEachRoleThereIsNoDoor(t *testing.T) {
	for name, path := range map[string]string{
		"one is missing": tokensFile(t, "query", "push"),
		"one is short":   written(t, "t", []byte(`{"system": {"authz": {"tokens": {"query": "ab"}}}}`)),
		"no JSON":        written(t, "t", []byte(`{`)),
		"not there":      "/none",
	} {
		if _, err := readTokens(path); err == nil {
			t.Error(name)
		}
	}
}
