package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestFailures reads a console and sees that each failure is shown with what it
// said, and all names once more behind them.
func TestFailures(t *testing.T) {
	console := `matrix: kernel 6.1.0
=== RUN   TestTools
=== RUN   TestTools/a/O0
    tools_test.go:1: one
        and more
--- PASS: TestAlone (0.00s)
=== RUN   TestTools/b/O2
    tools_test.go:2: fine
    --- PASS: TestTools/b/O2 (0.00s)
=== NAME  TestTools/a/O0
    tools_test.go:3: two
    --- FAIL: TestTools/a/O0 (0.00s)
--- FAIL: TestTools (0.00s)
=== RUN   TestSections
=== RUN   TestSections/xdp
matrix: section xdp	loads	
    --- PASS: TestSections/xdp (0.00s)
--- PASS: TestSections (0.00s)
matrix: done
`
	r := result{cell: "6.1"}
	r.read(strings.ReplaceAll(console, "\n", "\r\n"))
	if got := fmt.Sprint(r.passed, r.broken, r.unfit, r.sections); got != "3 2 0 [section xdp\tloads\t]" {
		t.Errorf("counted: %s", got)
	}
	const want = `6.1: TestTools/a/O0
        tools_test.go:1: one
            and more
        tools_test.go:3: two
6.1: TestTools
6.1: 2 failed: TestTools/a/O0 TestTools
`
	if got := failures([]result{r, {cell: "6.12"}}); got != want {
		t.Errorf("failures are shown as\n%swant\n%s", got, want)
	}
}

// TestFailuresBounded has a guest that ends early, a long text and many failures.
func TestFailuresBounded(t *testing.T) {
	r := result{cell: "6.1"}
	r.read("matrix: kernel 6.1.0\npanic: out of luck\n")
	r.fail("TestLong", strings.Repeat("line\n", failureLines+7))
	for i := range 2 * failureCount {
		r.fail(fmt.Sprint("Test", i), "")
	}
	got := failures([]result{r})
	for _, want := range []string{"6.1: the guest ended early\n    matrix: kernel 6.1.0\n    panic: out of luck\n", "... and 7 lines\n",
		"52 failed: the guest ended early TestLong Test0 "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, fmt.Sprint("Test", failureCount)) {
		t.Errorf("more than %d failures are shown:\n%s", failureCount, got)
	}
}
