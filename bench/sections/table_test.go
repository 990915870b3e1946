package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTable makes sure that docs/sections.md is what the records say.
func TestTable(t *testing.T) {
	r, err := readRecords("../../" + records)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../" + output)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), r.markdown()); d != "" {
		t.Errorf("docs/sections.md is not what the records say; 'go run ./bench/sections -table' makes it\n%s", d)
	}
	for _, s := range sections() {
		if _, ok := r.here.answers[s.name]; !ok {
			t.Errorf("no record of section %s; run 'go run ./bench/sections'", s.name)
		}
	}
}
