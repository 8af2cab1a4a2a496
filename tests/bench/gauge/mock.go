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

// engine answers every prompt with the same words, after `delay` nanoseconds, which a caller may change while it runs.
type engine struct {
	delay  atomic.Int64
	plain  []byte
	events [][]byte
	models []byte
}

func newEngine(delay time.Duration) *engine {
	e := &engine{plain: whole("application/json", plainBody()), models: whole("application/json", modelsBody)}
	e.delay.Store(int64(delay))
	e.events = streamEvents()
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

func streamEvents() [][]byte {
	const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
	const shell = `{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1,"model":"mock","choices":[%s]%s}`
	usage := fmt.Sprintf(`,"usage":{"prompt_tokens":60,"completion_tokens":%d,"total_tokens":%d}`, len(pieces), 60+len(pieces))
	events := []string{}
	for index, piece := range pieces {
		role := ""
		if index == 0 {
			role = `"role":"assistant",`
		}
		events = append(events, fmt.Sprintf(shell, fmt.Sprintf(`{"index":0,"delta":{%s"content":%q},"finish_reason":null}`, role, piece), ""))
	}
	events = append(events, fmt.Sprintf(shell, `{"index":0,"delta":{},"finish_reason":"stop"}`, ""))
	events = append(events, fmt.Sprintf(shell, "", usage), "[DONE]")
	framed := [][]byte{[]byte(head)}
	for _, event := range events {
		data := "data: " + event + "\n\n"
		framed = append(framed, []byte(fmt.Sprintf("%x\r\n%s\r\n", len(data), data)))
	}
	framed[0] = append(framed[0], framed[1]...)
	last := len(framed) - 1
	framed[last] = append(framed[last], "0\r\n\r\n"...)
	return append(framed[:1], framed[2:]...)
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

// answer writes the fixed answer. `PUT /delay/MILLISECONDS` changes how long it thinks from now on.
func (e *engine) answer(to net.Conn, r request) error {
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
	for _, event := range e.events {
		if _, err := to.Write(event); err != nil {
			return err
		}
	}
	return nil
}
