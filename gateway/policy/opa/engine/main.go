// OPA, with one subcommand of Sekisho's: `decide`.
//
// Everything but `decide` is OPA's own command, of the very version that offline-bundle/locks/opa pins. `decide` is a
// server around OPA's library that does what `opa run --server` did for a decision, and nothing else: it verifies and
// loads one bundle, takes facts, and answers one query. See rules.go, dataset.go and door.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/open-policy-agent/opa/cmd"
)

// What `opa version` says besides: the gateway asks which `decide`, if any, a program has.
const protocol = "Sekisho: decide/1"

const (
	headerBytes   = 16 << 10
	headerSeconds = 5
	bodySeconds   = 10
	idleSeconds   = 120 // longer than the gateway keeps a connection that it does not use

	// A question leaves about a quarter of a megabyte behind. Collecting it seldom costs memory, and keeps answers even.
	garbagePercent = 1000
	memoryBytes    = 512 << 20 // from here on it is collected more often
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "decide" {
		if err := decide(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	if err := cmd.RootCommand.Execute(); err != nil {
		if exit, ok := errors.AsType[*cmd.ExitError](err); ok {
			os.Exit(exit.Exit)
		}
		os.Exit(1)
	}
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(protocol)
	}
}

// decide listens on a Unix socket that only its owner may use, until the process is killed.
func decide(arguments []string) error {
	var from source
	flags := flag.NewFlagSet("opa decide", flag.ContinueOnError)
	socket := flags.String("socket", "", "where to listen")
	tokens := flags.String("tokens", "", "JSON file with the SHA-256 of each role's token, under system.authz.tokens")
	flags.StringVar(&from.bundle, "bundle", "", "what to decide by: a bundle's file")
	flags.StringVar(&from.capabilities, "capabilities", "", "which builtins the bundle may use")
	flags.StringVar(&from.key, "verification-key", "", "the public key that signed it; without one it must be unsigned")
	flags.StringVar(&from.keyID, "verification-key-id", "", "the name that the signature gives the key")
	flags.StringVar(&from.algorithm, "signing-alg", "ES256", "the algorithm of its signature")
	flags.StringVar(&from.scope, "scope", "", "what its signature is for")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	debug.SetGCPercent(garbagePercent)
	debug.SetMemoryLimit(memoryBytes)

	loaded, err := load(from)
	if err != nil {
		return err
	}
	door, err := newDoor(loaded, *tokens)
	if err != nil {
		return err
	}
	syscall.Umask(0o177) // the socket is made 0600, not made so later
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		return err
	}
	server := http.Server{
		Handler:           door,
		ReadHeaderTimeout: headerSeconds * time.Second,
		ReadTimeout:       bodySeconds * time.Second,
		IdleTimeout:       idleSeconds * time.Second,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // it would quote what was sent
	}
	return server.Serve(listener)
}
