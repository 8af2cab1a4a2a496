package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// receive reads one answer into c.body and returns when its first byte came. Anything but a whole 200 with the expected
// text (and, streamed, its `[DONE]`) is an error.
func (c *caller) receive() (time.Time, error) {
	if _, err := c.reader.Peek(1); err != nil {
		return time.Time{}, err
	}
	first := time.Now()
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return first, err
	}
	status := string(bytes.TrimSpace(line))
	length, chunked, err := c.headers()
	if err != nil {
		return first, err
	}
	err = c.readBody(length, chunked)
	if len(c.texts) > 0 {
		c.open.end()
	}
	if err != nil {
		return first, err
	}
	if !strings.Contains(status, " 200") {
		return first, fmt.Errorf("%s: %.300s", status, c.body)
	}
	if !bytes.Contains(c.body, []byte(c.plan.expect)) {
		return first, fmt.Errorf("an answer without %q", c.plan.expect)
	}
	if c.plan.stream && !bytes.Contains(c.body, []byte("data: [DONE]")) {
		return first, fmt.Errorf("a stream without [DONE]")
	}
	return first, nil
}

func (c *caller) headers() (length int, chunked bool, err error) {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, chunked, nil
		}
		if value, found := header(line, "content-length"); found {
			if length, err = strconv.Atoi(value); err != nil {
				return 0, false, err
			}
		}
		if value, found := header(line, "transfer-encoding"); found {
			chunked = strings.EqualFold(value, "chunked")
		}
	}
}

func (c *caller) readBody(length int, chunked bool) error {
	c.body, c.texts = c.body[:0], c.texts[:0]
	if !chunked {
		return c.take(length)
	}
	for { // RFC 9112 section 7.1
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		start := len(c.body)
		if err = c.take(int(size)); err != nil {
			return err
		}
		if bytes.Contains(c.body[start:], textField) {
			c.texts = append(c.texts, time.Now())
			if len(c.texts) == 1 {
				c.open.begin()
			}
		}
		if _, err = c.reader.Discard(2); err != nil || size == 0 {
			return err
		}
	}
}

func (c *caller) take(length int) error {
	start := len(c.body)
	if length > cap(c.body)-start {
		c.body = append(make([]byte, 0, 2*(start+length)), c.body...)
	}
	c.body = c.body[:start+length]
	_, err := io.ReadFull(c.reader, c.body[start:])
	return err
}

// textField begins a piece of text in a stream; a chunk holds whole events, as all servers here send them.
var textField = []byte(`"content":"`)

var usageField = []byte(`"completion_tokens":`)

// completionTokens returns the engine's own count, 0 when the answer has none.
func completionTokens(body []byte) int64 {
	at := bytes.LastIndex(body, usageField)
	if at < 0 {
		return 0
	}
	digits := bytes.TrimLeft(body[at+len(usageField):], " ")
	var count int64
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			break
		}
		count = count*10 + int64(digit-'0')
	}
	return count
}
