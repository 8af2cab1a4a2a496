package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// pieces is the fixed answer, one stream event each. Marker must stay within the first piece.
var pieces = []string{Marker, " the line", " runs at", " the planned", " pace,", " and nothing", " needs to", " be done."}

// Marker begins every answer of the mock, so that a load run can tell an answer from an error page.
const Marker = "Checked:"

const maxBody = 16 << 20

// engine answers every prompt with the same words, after `delay` nanoseconds, which a caller may change while it runs. With
// a `pace`, a stream has `count` pieces of text, and so many nanoseconds lie between them.
type engine struct {
	delay  atomic.Int64
	pace   atomic.Int64
	count  atomic.Int64
	plain  []byte
	events [][]byte
	piece  []byte
	models []byte
}

func newEngine(delay time.Duration) *engine {
	e := &engine{plain: whole("application/json", plainBody()), models: whole("application/json", modelsBody)}
	e.delay.Store(int64(delay))
	e.events = streamEvents()
	e.piece = framed(fmt.Sprintf(chunkShell, `{"index":0,"delta":{"content":" word"},"finish_reason":null}`, ""))
	return e
}

const modelsBody = `{"object":"list","data":[{"id":"mock","object":"model","created":1,"owned_by":"bench"}]}`

func plainBody() string {
	return fmt.Sprintf(`{"id":"chatcmpl-mock","object":"chat.completion","created":1,"model":"mock","choices":[{"index":0,`+
		`"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":60,"completion_tokens":%d,"total_tokens":%d}}`,
		strings.Join(pieces, ""), len(pieces), 60+len(pieces))
}

func whole(kind, body string) []byte {
	return []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s", kind, len(body), body))
}

const chunkShell = `{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1,"model":"mock","choices":[%s]%s}`

// framed returns one server-sent event as one chunk (RFC 9112 section 7.1).
func framed(event string) []byte {
	data := "data: " + event + "\n\n"
	return []byte(fmt.Sprintf("%x\r\n%s\r\n", len(data), data))
}

func streamEvents() [][]byte {
	const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
	usage := fmt.Sprintf(`,"usage":{"prompt_tokens":60,"completion_tokens":%d,"total_tokens":%d}`, len(pieces), 60+len(pieces))
	events := []string{}
	for index, piece := range pieces {
		role := ""
		if index == 0 {
			role = `"role":"assistant",`
		}
		events = append(events, fmt.Sprintf(chunkShell, fmt.Sprintf(`{"index":0,"delta":{%s"content":%q},"finish_reason":null}`, role, piece), ""))
	}
	events = append(events, fmt.Sprintf(chunkShell, `{"index":0,"delta":{},"finish_reason":"stop"}`, ""))
	events = append(events, fmt.Sprintf(chunkShell, "", usage), "[DONE]")
	written := [][]byte{[]byte(head)}
	for _, event := range events {
		written = append(written, framed(event))
	}
	written[0] = append(written[0], written[1]...)
	last := len(written) - 1
	written[last] = append(written[last], "0\r\n\r\n"...)
	return append(written[:1], written[2:]...)
}

func mock(arguments []string) {
	flags := flag.NewFlagSet("mock", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "loopback address:port, or unix:/path")
	delay := flags.Duration("delay", 0, "time before the first byte, as a prefill takes")
	flags.Parse(arguments)
	listener, err := listenLocal(*listen)
	must(err)
	fmt.Println(listener.Addr().String())
	e := newEngine(*delay)
	for {
		connection, err := listener.Accept()
		must(err)
		go e.serve(connection)
	}
}

// listenLocal refuses anything but loopback and Unix sockets.
func listenLocal(address string) (net.Listener, error) {
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		return net.Listen("unix", path)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, errors.New("the mock engine listens on loopback only")
	}
	return net.Listen("tcp", address)
}

func (e *engine) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 64<<10)
	body := make([]byte, 0, 64<<10)
	for {
		request, err := readRequest(reader, body)
		if err != nil {
			return
		}
		if e.answer(connection, request) != nil {
			return
		}
		body = request.body[:0]
	}
}

type request struct {
	method, path string
	body         []byte
}

// readRequest reads one HTTP/1.1 request with a content-length (RFC 9112 section 6.2); `room` is reused for its body.
func readRequest(reader *bufio.Reader, room []byte) (request, error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return request{}, err
	}
	parts := strings.SplitN(string(line), " ", 3)
	if len(parts) != 3 {
		return request{}, io.ErrUnexpectedEOF
	}
	length := 0
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return request{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, found := header(line, "content-length"); found {
			if length, err = strconv.Atoi(value); err != nil || length < 0 || length > maxBody {
				return request{}, io.ErrUnexpectedEOF
			}
		}
	}
	if cap(room) < length {
		room = make([]byte, length)
	}
	room = room[:length]
	_, err = io.ReadFull(reader, room)
	return request{parts[0], parts[1], room}, err
}

// header returns the value of a header line when its name is `name` (lower case).
func header(line []byte, name string) (string, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return string(bytes.TrimSpace(line[len(name)+1:])), true
}

// answer writes the fixed answer. `PUT /delay/MILLISECONDS` changes how long it thinks from now on, `PUT
// /pace/MILLISECONDS/COUNT` how fast its streams go on, and for how many pieces of text.
func (e *engine) answer(to net.Conn, r request) error {
	if said, found := strings.CutPrefix(r.path, "/pace/"); found && r.method == "PUT" {
		var milliseconds, count int64
		if _, err := fmt.Sscanf(said, "%d/%d", &milliseconds, &count); err != nil || milliseconds < 0 || count < 0 {
			return io.ErrUnexpectedEOF
		}
		e.pace.Store(milliseconds * int64(time.Millisecond))
		e.count.Store(count)
		_, err := to.Write(whole("application/json", "{}"))
		return err
	}
	if milliseconds, found := strings.CutPrefix(r.path, "/delay/"); found && r.method == "PUT" {
		value, err := strconv.Atoi(milliseconds)
		if err != nil {
			return err
		}
		e.delay.Store(int64(value) * int64(time.Millisecond))
		_, err = to.Write(whole("application/json", "{}"))
		return err
	}
	if r.method == "GET" {
		_, err := to.Write(e.models)
		return err
	}
	if delay := e.delay.Load(); delay > 0 {
		time.Sleep(time.Duration(delay))
	}
	if !bytes.Contains(r.body, []byte(`"stream":true`)) && !bytes.Contains(r.body, []byte(`"stream": true`)) {
		_, err := to.Write(e.plain)
		return err
	}
	if pace := e.pace.Load(); pace > 0 {
		return e.stream(to, time.Duration(pace), int(e.count.Load()))
	}
	for _, event := range e.events {
		if _, err := to.Write(event); err != nil {
			return err
		}
	}
	return nil
}

// stream writes the answer's first piece, `count` further ones at that pace, and its end. A slow reader moves no piece
// but the next: the clock goes on.
func (e *engine) stream(to net.Conn, pace time.Duration, count int) error {
	if _, err := to.Write(e.events[0]); err != nil {
		return err
	}
	clock := time.NewTicker(pace)
	defer clock.Stop()
	for range count {
		<-clock.C
		if _, err := to.Write(e.piece); err != nil {
			return err
		}
	}
	for _, event := range e.events[len(pieces):] {
		if _, err := to.Write(event); err != nil {
			return err
		}
	}
	return nil
}
