package luabpfc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// A file of testdata/run holds cases. A case is a script NAME.lua with
// NAME.run, what to run it on and what to expect, or with NAME.diag, the
// messages compiling gives (errors, or warnings if there is a NAME.run too).
// A script that is '@' and a path stands in that file. Other .lua files are
// modules that the scripts may require. The lines of NAME.run happen from top to bottom:
//
//	# comment
//	option -mcpu v2 --target-kernel 5.10 -D name=value --target bpfeb
//	warns CODE ...               compiling gives these warnings
//	kernel only                  what the case does, the interpreter can't
//	privileged RULE              the object needs CAP_PERFMON for what RULE names
//	use NAME                     runs below are of program NAME
//	ctx mark=5 cb[1]=2           the context of the next run
//	env time=1000 random=1,2     what surrounds runs in the interpreter; cpu=1 in the kernel too
//	set m[1] = 2                 user space stores an entry
//	PACKET => 0                  run on a packet (packet_test.go), and the result
//	3x PACKET => XDP_DROP        the same three times
//	out PACKET                   the packet after the run above
//	trace TEXT                   a line that the run above prints
//	m[1] = 2                     an entry; nil for none
//	m[1] > 0                     a relation, for what is not the same in every run
//	recv m RECORD                the next record (recv_test.go) that user space gets through m
//	recv m nothing               there is none
//	m = {1: 2, 3: 4}             all entries of a hash, all but zeros of an array

// testCase is one case.
type testCase struct {
	name    string // file:case
	file    string
	script  string
	modules map[string]string
	steps   []*step
	opts    luabpfc.Options
	// hasDiag: diag is what compiling must say.
	hasDiag bool
	diag    string
	// warns are the codes of the warnings that a case without NAME.diag gives.
	warns      []string
	privileged []string // names of privilegedRules
	kernelOnly bool
}

type stepKind int

const (
	stepUse stepKind = iota
	stepCtx
	stepEnv
	stepSet
	stepRun
	stepOut
	stepTrace
	stepEntry
	stepContents
	stepRecv
)

// step is a line of NAME.run.
type step struct {
	kind   stepKind
	line   int // from 0
	text   string
	name   string            // program, map
	vars   map[string]string // ctx, env
	packet []byte
	times  int
	key    uint64
	op     string
	value  uint64
	none   bool // value is nil
	record string
	pairs  [][2]uint64
}

// loadCases reads the cases of all files.
func loadCases(t testing.TB) []*testCase {
	t.Helper()
	files, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var all []*testCase
	for _, f := range files {
		cs, err := readCases(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cs...)
	}
	return all
}

func readCases(file string) ([]*testCase, error) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	sections := map[string]string{}
	for _, f := range ar.Files {
		if _, dup := sections[f.Name]; dup {
			return nil, fmt.Errorf("%s: two sections %s", file, f.Name)
		}
		sections[f.Name] = string(f.Data)
	}
	modules := map[string]string{}
	for name, text := range sections {
		stem, ok := strings.CutSuffix(name, ".lua")
		_, run := sections[stem+".run"]
		_, diag := sections[stem+".diag"]
		if ok && !run && !diag {
			modules[stem] = text
		}
	}
	var out []*testCase
	for _, f := range ar.Files {
		stem, ok := strings.CutSuffix(f.Name, ".lua")
		if !ok {
			if _, ok := sections[strings.TrimSuffix(strings.TrimSuffix(f.Name, ".run"), ".diag")+".lua"]; !ok {
				return nil, fmt.Errorf("%s: %s belongs to no script", file, f.Name)
			}
			continue
		}
		if _, ok := modules[stem]; ok {
			continue
		}
		c := &testCase{name: strings.TrimSuffix(filepath.Base(file), ".txtar") + ":" + stem, file: file,
			script: string(f.Data), modules: modules, opts: caseOptions()}
		if path, ok := strings.CutPrefix(c.script, "@"); ok {
			text, err := os.ReadFile(strings.TrimSpace(path))
			if err != nil {
				return nil, err
			}
			c.script = string(text)
		}
		c.diag, c.hasDiag = sections[stem+".diag"]
		for i, l := range strings.Split(strings.TrimSuffix(sections[stem+".run"], "\n"), "\n") {
			if err := c.parseLine(i, strings.TrimSpace(l)); err != nil {
				return nil, fmt.Errorf("%s: %s.run, line %d: %w", file, stem, i+1, err)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// source is the script as the compiler is given it.
func (c *testCase) source() luabpfc.Source {
	_, name, _ := strings.Cut(c.name, ":")
	return luabpfc.Source{Name: name + ".lua", Text: c.script, Require: func(m string) (luabpfc.Source, error) {
		text, ok := c.modules[m]
		if !ok {
			return luabpfc.Source{}, fmt.Errorf("module '%s' not found", m)
		}
		return luabpfc.Source{Name: m + ".lua", Text: text}, nil
	}}
}

var (
	runLine      = regexp.MustCompile(`^(?:(\d+)x )?(.*) => (?:(<|>|<=|>=|~=) )?(\S+)$`)
	entryLine    = regexp.MustCompile(`^(set )?(\w+)\[([^\]]+)\] (=|<|>|<=|>=|~=) (\S+)$`)
	contentsLine = regexp.MustCompile(`^(\w+) = \{(.*)\}$`)
)

func (c *testCase) parseLine(n int, l string) error {
	if l == "" || l[0] == '#' {
		return nil
	}
	s := &step{line: n, text: l}
	word, rest, _ := strings.Cut(l, " ")
	var err error
	switch {
	case runLine.MatchString(l):
		err = s.parseRun(runLine.FindStringSubmatch(l))
	case contentsLine.MatchString(l):
		err = s.parseContents(contentsLine.FindStringSubmatch(l))
	case entryLine.MatchString(l):
		err = s.parseEntry(entryLine.FindStringSubmatch(l))
	case word == "option":
		return c.parseOptions(strings.Fields(rest))
	case l == "kernel only":
		c.kernelOnly = true
		return nil
	case word == "privileged":
		if _, ok := privilegedRules[rest]; !ok {
			return fmt.Errorf("no rule '%s'", rest)
		}
		c.privileged = append(c.privileged, rest)
		return nil
	case word == "warns":
		c.warns = append(c.warns, strings.Fields(rest)...)
		return nil
	case word == "use":
		s.kind, s.name = stepUse, rest
	case word == "ctx" || word == "env":
		s.kind, s.vars = map[string]stepKind{"ctx": stepCtx, "env": stepEnv}[word], map[string]string{}
		for _, a := range strings.Fields(rest) {
			k, v, ok := strings.Cut(a, "=")
			if !ok {
				return fmt.Errorf("'%s' is not name=value", a)
			}
			s.vars[k] = v
		}
	case word == "out":
		s.kind = stepOut
		s.packet, err = buildPacket(rest)
	case word == "recv":
		s.kind = stepRecv
		s.name, rest, _ = strings.Cut(rest, " ")
		s.none, s.record = rest == "nothing", rest
	case word == "trace":
		s.kind, s.name = stepTrace, rest
	default:
		err = fmt.Errorf("not understood: %s", l)
	}
	c.steps = append(c.steps, s)
	return err
}

func (s *step) parseRun(m []string) (err error) {
	s.kind, s.op, s.times = stepRun, m[3], 1
	if s.op == "" {
		s.op = "="
	}
	if m[1] != "" {
		s.times, _ = strconv.Atoi(m[1])
	}
	if s.packet, err = buildPacket(m[2]); err == nil {
		s.value, err = parseNumber(m[4])
	}
	return err
}

func (s *step) parseEntry(m []string) (err error) {
	s.kind, s.name, s.op = stepEntry, m[2], m[4]
	if m[1] != "" {
		s.kind = stepSet
	}
	if s.key, err = parseNumber(m[3]); err != nil {
		return err
	}
	if m[5] == "nil" && s.kind == stepEntry {
		s.none = true
		return nil
	}
	s.value, err = parseNumber(m[5])
	return err
}

func (s *step) parseContents(m []string) error {
	s.kind, s.name = stepContents, m[1]
	for _, p := range strings.Split(m[2], ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		k, v, ok := strings.Cut(p, ":")
		if !ok {
			return fmt.Errorf("'%s' is not key: value", p)
		}
		kn, err := parseNumber(strings.TrimSpace(k))
		if err != nil {
			return err
		}
		vn, err := parseNumber(strings.TrimSpace(v))
		if err != nil {
			return err
		}
		s.pairs = append(s.pairs, [2]uint64{kn, vn})
	}
	return nil
}

// verdicts are the names that a result may be written by.
var verdicts = []string{"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"}

// tcVerdicts are those of tc, from -1.
var tcVerdicts = []string{"TC_ACT_UNSPEC", "TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT", "TC_ACT_PIPE", "TC_ACT_STOLEN", "TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT"}

func parseNumber(s string) (uint64, error) {
	if i := slices.Index(verdicts, s); i >= 0 {
		return uint64(i), nil
	}
	if i := slices.Index(tcVerdicts, s); i >= 0 {
		return uint64(i - 1), nil
	}
	if len(s) > 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		// 'GET' is the number whose bytes are these, the first the highest.
		var n uint64
		for _, b := range []byte(s[1 : len(s)-1]) {
			n = n<<8 | uint64(b)
		}
		return n, nil
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(n), nil
	}
	return strconv.ParseUint(s, 0, 64)
}

// parseOptions reads the flags of the command that cases may use.
func (c *testCase) parseOptions(args []string) (err error) {
	for i := 0; i+1 < len(args); i += 2 {
		v := args[i+1]
		switch args[i] {
		case "-mcpu":
			c.opts.CPU, err = strconv.Atoi(strings.TrimPrefix(v, "v"))
		case "--target-kernel":
			c.opts.Kernel, err = kernel.ParseVersion(v)
		case "--arch":
			c.opts.Arch = v
		case "--target":
			c.opts.BigEndian = v == "bpfeb"
		case "--btf":
			c.opts.BTF = func() ([]byte, error) { return os.ReadFile(v) }
		case "-D":
			name, value, set := strings.Cut(v, "=")
			c.opts.Defines = append(c.opts.Defines, luabpfc.Define{Name: name, Value: value, Set: set})
		default:
			err = fmt.Errorf("no option '%s'", args[i])
		}
		if err != nil {
			return err
		}
	}
	if len(args)%2 != 0 {
		return fmt.Errorf("option without value")
	}
	return nil
}

// update is set when existing expectations are to be rewritten.
var update = os.Getenv("LUABPFC_UPDATE") == "1"

// rewrite replaces a section of a case's file, which must exist.
func (c *testCase) rewrite(ext string, change func(text string) string) error {
	ar, err := txtar.ParseFile(c.file)
	if err != nil {
		return err
	}
	_, stem, _ := strings.Cut(c.name, ":")
	for i := range ar.Files {
		if ar.Files[i].Name == stem+ext {
			ar.Files[i].Data = []byte(change(string(ar.Files[i].Data)))
			return os.WriteFile(c.file, txtar.Format(ar), 0o644)
		}
	}
	return fmt.Errorf("%s has no section %s%s", c.file, stem, ext)
}

// expecting returns the step's line with what was observed in place of what
// was expected.
func (s *step) expecting(o observation) string {
	switch s.kind {
	case stepRun:
		m := runLine.FindStringSubmatchIndex(s.text)
		return s.text[:m[8]] + showNumber(uint64(o.ret), 4)
	case stepEntry:
		m := entryLine.FindStringSubmatchIndex(s.text)
		v := "nil"
		if o.ok {
			v = showNumber(o.value, o.size)
		}
		return s.text[:m[10]] + v
	case stepContents:
		return s.name + " = " + showPairs(o.pairs, o.size)
	}
	return s.text
}

// showNumber writes small negative numbers as such.
func showNumber(n uint64, size int) string {
	shift := 64 - 8*min(size, 8)
	if i := int64(n<<shift) >> shift; i < 0 && i > -1<<20 {
		return strconv.FormatInt(i, 10)
	}
	return strconv.FormatUint(n, 10)
}

func showPairs(pairs [][2]uint64, size int) string {
	var l []string
	for _, p := range pairs {
		l = append(l, fmt.Sprintf("%d: %s", p[0], showNumber(p[1], size)))
	}
	return "{" + strings.Join(l, ", ") + "}"
}
