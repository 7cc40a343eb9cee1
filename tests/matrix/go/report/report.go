// Package report says what a client saw, one line of JSON a step; tests/matrix/programs.py reads them.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

var input = bufio.NewReader(os.Stdin)

// Step runs one step of a client and reports its value or its error.
func Step(name string, body func() (any, error)) {
	value, err := body()
	if err != nil {
		write(map[string]any{"check": name, "error": err.Error()})
		return
	}
	write(map[string]any{"check": name, "value": value})
}

// Pause lets the test look at the server, which says when to go on.
func Pause(name string) {
	write(map[string]any{"pause": name})
	if _, err := input.ReadString('\n'); err != nil {
		Fail(err)
	}
}

// Fail ends the program with an error.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func write(line map[string]any) {
	text, err := json.Marshal(line)
	if err != nil {
		Fail(err)
	}
	fmt.Println(string(text))
}
