// Command gauge is both ends of a measurement: `gauge mock` is an inference engine that costs nothing, `gauge load`
// calls an OpenAI-compatible address and times every answer. It uses the standard library alone and speaks HTTP/1.1 by
// hand, so that neither end is what the measurement finds.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		refuse("usage: gauge mock|load [flags]")
	}
	switch os.Args[1] {
	case "mock":
		mock(os.Args[2:])
	case "load":
		load(os.Args[2:])
	default:
		refuse("usage: gauge mock|load [flags]")
	}
}

// refuse ends the program the way the command-line contract says for wrong use.
func refuse(problem string) {
	fmt.Fprintln(os.Stderr, problem)
	os.Exit(2)
}

// must ends the program when something it cannot do without is missing.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}
