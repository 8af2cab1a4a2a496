package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// plan is one bounded load run: it ends after `seconds` or `requests`, whichever comes first.
type plan struct {
	address, path, key, model string
	callers, requests         int
	maxTokens                 int
	seconds, warmup, ramp     float64
	seed                      int64
	stream, people, gaps      bool
	expect, bias              string
}

// tally is what one caller saw. Times are microseconds, from before the request is written.
type tally struct {
	Latencies  []int64 `json:"latencies_us"`
	FirstBytes []int64 `json:"first_byte_us"`
	FirstText  []int64 `json:"first_text_us"`
	Gaps       []int64 `json:"gaps_us"`
	Tokens     int64   `json:"completion_tokens"`
	Errors     int     `json:"errors"`
	FirstError string  `json:"first_error"`
}

type report struct {
	tally
	Seconds  float64 `json:"seconds"`
	MostOpen int64   `json:"most_open"`
}

const (
	maxRequests = 2_000_000
	maxSeconds  = 600
)

func load(arguments []string) {
	p := plan{}
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&p.address, "address", "", "loopback address:port, or unix:/path")
	flags.StringVar(&p.path, "path", "/v1/chat/completions", "path to POST to")
	flags.StringVar(&p.model, "model", "mock", "model to name")
	flags.IntVar(&p.callers, "callers", 1, "connections, each with one request in flight")
	flags.IntVar(&p.requests, "requests", 1000, "most requests in all")
	flags.IntVar(&p.maxTokens, "max-tokens", 64, "max_tokens of each request")
	flags.Float64Var(&p.seconds, "seconds", 10, "longest run")
	flags.Float64Var(&p.warmup, "warmup", 0, "seconds at the start that do not count")
	flags.Int64Var(&p.seed, "seed", 1, "seed of the sentences; a seed is used once in a measurement")
	flags.Float64Var(&p.ramp, "ramp", 0, "seconds over which the callers begin, one after the other")
	flags.BoolVar(&p.gaps, "gaps", false, "tell the time between pieces of text of each stream")
	flags.StringVar(&p.bias, "bias", "", "logit_bias to send, as JSON")
	flags.BoolVar(&p.stream, "stream", false, "ask for server-sent events")
	flags.BoolVar(&p.people, "people", true, "put a name and an e-mail address into every second prompt")
	flags.StringVar(&p.expect, "expect", Marker, "text that every answer must contain")
	flags.Parse(arguments)
	p.key = os.Getenv("BENCH_KEY")
	if !isLocal(p.address) || p.callers < 1 || p.requests > maxRequests || p.seconds+p.warmup+p.ramp > maxSeconds {
		refuse("address must be loopback or unix:, callers at least 1, requests and seconds within bounds")
	}
	must(json.NewEncoder(os.Stdout).Encode(p.run()))
}

func isLocal(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// run warms up on the connections it then measures on, and joins what all callers saw.
func (p plan) run() report {
	callers, open := make([]*caller, p.callers), &streams{}
	for index := range callers {
		callers[index] = newCaller(p, index)
		callers[index].open = open
	}
	if p.warmup > 0 {
		p.round(callers, p.warmup, maxRequests)
		for _, c := range callers {
			c.seen = tally{Errors: c.seen.Errors, FirstError: c.seen.FirstError}
		}
	}
	began := time.Now()
	p.round(callers, p.seconds, p.requests)
	joined := report{Seconds: time.Since(began).Seconds(), MostOpen: open.most.Load()}
	for _, c := range callers {
		joined.Latencies = append(joined.Latencies, c.seen.Latencies...)
		joined.FirstBytes = append(joined.FirstBytes, c.seen.FirstBytes...)
		joined.FirstText = append(joined.FirstText, c.seen.FirstText...)
		joined.Gaps = append(joined.Gaps, c.seen.Gaps...)
		joined.Tokens += c.seen.Tokens
		joined.Errors += c.seen.Errors
		if joined.FirstError == "" {
			joined.FirstError = c.seen.FirstError
		}
	}
	return joined
}

// round lets every caller ask until the time or the shared count is used up.
func (p plan) round(callers []*caller, seconds float64, requests int) {
	var taken atomic.Int64
	ramp := time.Duration(p.ramp * float64(time.Second))
	deadline := time.Now().Add(ramp + time.Duration(seconds*float64(time.Second)))
	var group sync.WaitGroup
	for index, c := range callers {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(ramp * time.Duration(index) / time.Duration(len(callers)))
			for time.Now().Before(deadline) && taken.Add(1) <= int64(requests) && c.seen.Errors < 20 {
				c.ask()
			}
		}()
	}
	group.Wait()
}

// streams counts answers between their first text and their end.
type streams struct{ now, most atomic.Int64 }

func (s *streams) begin() {
	for now, most := s.now.Add(1), s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
}

func (s *streams) end() { s.now.Add(-1) }

// caller is one keep-alive connection with one request in flight.
type caller struct {
	plan   plan
	author *author
	conn   net.Conn
	reader *bufio.Reader
	buffer []byte
	body   []byte
	texts  []time.Time // when pieces of text of this answer came
	open   *streams
	seen   tally
}

func newCaller(p plan, index int) *caller {
	name := fmt.Sprintf("%x-%d", p.seed, index)
	return &caller{plan: p, author: newAuthor(p.seed*1000+int64(index), name, p.people)}
}

func (c *caller) connect() error {
	network, address := "tcp", c.plan.address
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		network, address = "unix", path
	}
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReaderSize(conn, 64<<10)
	return nil
}

// ask sends one request and times its answer; a failure closes the connection and counts as an error.
func (c *caller) ask() {
	if c.conn == nil {
		if err := c.connect(); err != nil {
			c.fail(err)
			time.Sleep(20 * time.Millisecond)
			return
		}
	}
	c.compose(c.author.prompt())
	c.conn.SetDeadline(time.Now().Add(120 * time.Second))
	began := time.Now()
	if _, err := c.conn.Write(c.buffer); err != nil {
		c.fail(err)
		return
	}
	first, err := c.receive()
	ended := time.Now()
	if err != nil {
		c.fail(err)
		return
	}
	c.seen.Latencies = append(c.seen.Latencies, ended.Sub(began).Microseconds())
	c.seen.FirstBytes = append(c.seen.FirstBytes, first.Sub(began).Microseconds())
	if len(c.texts) > 0 {
		c.seen.FirstText = append(c.seen.FirstText, c.texts[0].Sub(began).Microseconds())
	}
	for index := 1; c.plan.gaps && index < len(c.texts); index++ {
		c.seen.Gaps = append(c.seen.Gaps, c.texts[index].Sub(c.texts[index-1]).Microseconds())
	}
	c.seen.Tokens += completionTokens(c.body)
}

func (c *caller) fail(err error) {
	c.seen.Errors++
	if c.seen.FirstError == "" {
		c.seen.FirstError = err.Error()
	}
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *caller) compose(text string) {
	stream := ""
	if c.plan.stream {
		stream = `,"stream":true,"stream_options":{"include_usage":true}`
	}
	bias := ""
	if c.plan.bias != "" {
		bias = `,"logit_bias":` + c.plan.bias
	}
	quoted, err := json.Marshal(text)
	must(err)
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%s}],"max_tokens":%d,"temperature":0%s%s}`,
		c.plan.model, quoted, c.plan.maxTokens, bias, stream)
	authorization := ""
	if c.plan.key != "" {
		authorization = "authorization: Bearer " + c.plan.key + "\r\n"
	}
	c.buffer = fmt.Appendf(c.buffer[:0], "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s",
		c.plan.path, authorization, len(body), body)
}
