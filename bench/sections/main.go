// Command sections makes docs/sections.md: what the running kernel and those of
// bench/matrix do with a program of each section that libbpf knows.
//
//	go run ./bench/sections               # here and in every cell
//	go run ./bench/sections here 6.1      # these; the others' records stay
//	go run ./bench/sections -table        # the table from the records
//
// It runs TestSections and TestSectionsBpftool of the repository's root and
// keeps what they say in testdata/sections, a file for each kernel, with which
// they are compared from then on.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	records = "testdata/sections"
	output  = "docs/sections.md"
)

// cells are the columns of the table: bench/matrix's name, and the record's where
// it is another.
var cells = []struct{ cell, record string }{
	{"5.10", "5.10"}, {"6.1", "6.1"}, {"6.12", "6.12"}, {"6.18", "6.18"}, {"7.2", "7.2"}, {"s390x", "6.12-s390x"}, {"arm64", "6.12-arm64"},
}

func main() {
	only := flag.Bool("table", false, "make the table from the records that there are")
	flag.Parse()
	chosen := flag.Args()
	if len(chosen) == 0 && !*only {
		chosen = []string{"here"}
		for _, c := range cells {
			chosen = append(chosen, c.cell)
		}
	}
	for _, c := range chosen {
		if err := record(c); err != nil {
			fmt.Fprintln(os.Stderr, "sections:", err)
			os.Exit(1)
		}
	}
	r, err := readRecords(records)
	if err == nil {
		err = os.WriteFile(output, []byte(r.markdown()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sections:", err)
		os.Exit(1)
	}
}

// record writes the record of a cell, or of the machine.
func record(name string) error {
	if name == "here" {
		return recordHere()
	}
	for _, c := range cells {
		if c.cell == name {
			return recordCell(c.cell, filepath.Join(records, c.record+".txt"))
		}
	}
	return fmt.Errorf("no cell '%s'", name)
}

func recordHere() error {
	cmd := exec.Command("go", "test", "-count=1", "-run", "^TestSections(Bpftool)?$", ".")
	cmd.Env = append(os.Environ(), "LUABPFC_UPDATE=1", "LUABPFC_REQUIRE_KERNEL=1", "LUABPFC_REQUIRE_TOOLS=1")
	cmd.Stderr = os.Stderr
	if out, err := cmd.Output(); err != nil {
		return fmt.Errorf("go test: %w\n%s", err, out)
	}
	return nil
}

// row is a cell's row in the table that bench/matrix prints.
var row = regexp.MustCompile(`(?m)^\| (\S+) \| ([^|]*) \|`)

func recordCell(cell, file string) error {
	cmd := exec.Command("go", "run", "./bench/matrix", "-sections", "-run", "^TestSections$", cell)
	var said strings.Builder
	cmd.Stderr = &said
	table, err := cmd.Output() // an error where a section does not do what its record says
	kernel := ""
	for _, m := range row.FindAllStringSubmatch(string(table), -1) {
		if m[1] == cell {
			kernel = m[2]
		}
	}
	if kernel == "" {
		return fmt.Errorf("%s: %w\n%s", cell, err, &said)
	}
	lines := []string{"# " + kernel}
	for l := range strings.Lines(said.String()) {
		if s, ok := strings.CutPrefix(l, cell+": section "); ok {
			lines = append(lines, strings.TrimSuffix(s, "\n"))
		}
	}
	if len(lines) == 1 && !strings.HasPrefix(kernel, "could not run") {
		return fmt.Errorf("%s says nothing of sections:\n%s", cell, &said)
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// answer is what a kernel said to a section; empty is yes.
type answer struct{ load, attach string }

// kernelRecord is what one kernel said.
type kernelRecord struct {
	name    string // "here", "6.1", "s390x"
	release string
	answers map[string]answer
}

// skipped says why the cell could not run, "" if it did.
func (k *kernelRecord) skipped() string {
	why, ok := strings.CutPrefix(k.release, "could not run: ")
	if !ok {
		return ""
	}
	return why
}

type recordSet struct {
	here      *kernelRecord
	guests    []*kernelRecord
	consumers []consumer // the oldest first
}

func readRecords(dir string) (*recordSet, error) {
	var r recordSet
	var err error
	if r.here, err = readRecord(dir, "here", "here"); err != nil {
		return nil, err
	}
	for _, c := range cells {
		k, err := readRecord(dir, c.cell, c.record)
		if err != nil {
			return nil, err
		}
		r.guests = append(r.guests, k)
	}
	for _, file := range []string{"libbpf.txt", "cilium.txt"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		r.consumers = append(r.consumers, consumer{strings.TrimPrefix(lines[0], "# "), lines[1:]})
	}
	return &r, nil
}

// consumer is a loader of objects.
type consumer struct {
	name    string
	unknown []string // sections that it does not know
}

func readRecord(dir, name, file string) (*kernelRecord, error) {
	b, err := os.ReadFile(filepath.Join(dir, file+".txt"))
	if err != nil {
		return nil, err
	}
	k := &kernelRecord{name: name, answers: map[string]answer{}}
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		if s, ok := strings.CutPrefix(l, "# "); ok {
			k.release = s
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("%s: %q has not three fields", file, l)
		}
		k.answers[f[0]] = answer{f[1], f[2]}
	}
	return k, nil
}

// consumer is the oldest in the table of consumers that knows a section.
func (r *recordSet) consumer(section string) string {
	for _, c := range r.consumers {
		if !slices.Contains(c.unknown, section) {
			return c.name
		}
	}
	return "libbpf 1.8"
}
