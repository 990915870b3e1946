package luabpfc_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// observation is what one way saw at one step.
type observation struct {
	ret   uint32
	out   []byte
	trace []string
	value uint64
	ok    bool
	size  int // of values
	pairs [][2]uint64
	raw   string // a record, or entries beyond 8 bytes
}

// String is what must be the same in all ways.
func (o observation) String() string {
	return fmt.Sprintf("result %d, value %d %v, entries %v %s", o.ret, o.value, o.ok, showPairs(o.pairs, o.size), o.raw)
}

// TestRun runs every case four ways: the IR interpreter before and after the
// passes, the kernel with -O0 and with -O2. All must see what the case expects
// and the same in what it does not mention.
func TestRun(t *testing.T) {
	cases := loadCases(t)
	packets := 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { runCase(t, c) })
		if slices.ContainsFunc(c.steps, func(s *step) bool { return s.kind == stepRun && len(s.packet) > 14 }) {
			packets++
		}
	}
	t.Logf("%d cases, %d with packets", len(cases), packets)
}

func runCase(t *testing.T, c *testCase) {
	pin(t)
	opts := c.opts
	opts.Check = true
	obj, err := luabpfc.Compile(c.source(), opts)
	skipUnfit(t, c, err)
	if !checkDiag(t, c, obj, err) || len(c.steps) == 0 {
		return
	}
	var seen [][]observation
	var names []string
	for _, way := range ways(t, c, obj, opts) {
		o, err := follow(c, obj, way)
		way.close()
		if err != nil {
			t.Errorf("%s: %v", way.name, err)
			continue
		}
		seen, names = append(seen, o), append(names, way.name)
	}
	if t.Failed() {
		return
	}
	for i := 1; i < len(seen); i++ {
		for j := range seen[0] {
			if a, b := seen[0][j].String(), seen[i][j].String(); a != b && !varies(c, j) {
				t.Errorf("%s: %s sees %s, %s sees %s", place(c, j), names[0], a, names[i], b)
			}
		}
	}
	if update && !t.Failed() {
		rewriteSteps(t, c, seen[0])
	}
	for i := range seen {
		for j, s := range c.steps {
			// What is expected is what a little-endian machine sees.
			turned := c.opts.BigEndian && cell != "" && memoryOrder[c.name]
			if err := s.check(seen[i][j]); err != nil && !update && !turned {
				t.Errorf("%s: %s: %v", place(c, j), names[i], err)
			}
		}
	}
}

// checkDiag compares what compiling says with the case, and reports whether
// there is an object to run.
func checkDiag(t *testing.T, c *testCase, obj *luabpfc.Object, err error) bool {
	t.Helper()
	got := ""
	if err != nil {
		l, ok := diag.AsList(err)
		if !ok {
			t.Fatal(err)
		}
		got = diag.Human(l)
	} else {
		got = diag.Human(obj.Warnings)
	}
	if err == nil && !c.hasDiag {
		return checkWarns(t, c, obj.Warnings)
	}
	switch {
	case got == c.diag:
	case update && c.hasDiag:
		if err := c.rewrite(".diag", func(string) string { return got }); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("compiling says\n%swant\n%s", got, c.diag)
	}
	if err != nil && len(c.steps) > 0 && !t.Failed() {
		t.Error("the script has errors, so nothing runs")
	}
	return err == nil
}

// checkWarns compares the codes of the warnings with those of the case.
func checkWarns(t *testing.T, c *testCase, l diag.List) bool {
	t.Helper()
	got := map[string]bool{}
	for _, d := range l {
		got[string(d.Code)] = true
	}
	want := map[string]bool{}
	for _, w := range c.warns {
		want[w] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("compiling warns\n%swant %v", diag.Human(l), c.warns)
	}
	return true
}

// ways returns the backends that a case goes through.
func ways(t *testing.T, c *testCase, obj *luabpfc.Object, opts luabpfc.Options) []backend {
	t.Helper()
	var l []backend
	if cell == "" && !c.kernelOnly {
		l = interpreters(t, c, opts)
	}
	if opts.BigEndian != nativeBig {
		return l // the running kernel has the other byte order
	}
	needKernel(t)
	opts.OptLevel = 0
	plain, err := luabpfc.Compile(c.source(), opts)
	skipUnfit(t, c, err)
	if err != nil {
		t.Fatalf("-O0: %v", err)
	}
	for _, o := range []struct {
		name string
		obj  *luabpfc.Object
	}{{"kernel -O0", plain}, {"kernel -O2", obj}} {
		b, err := kernelBackend(o.name, o.obj)
		if err != nil && cell != "" && strings.Contains(err.Error(), "cannot find a kconfig file") {
			t.Skip("the kernel shows its configuration nowhere: its image came without")
		}
		if err != nil && cell != "" && strings.Contains(err.Error(), "not allowed in non-JITed programs") {
			t.Skip("callbacks need the kernel's JIT, which Debian's for s390x has not")
		}
		if err != nil {
			t.Errorf("%s: %v", o.name, err)
			continue
		}
		l = append(l, b)
	}
	return l
}

func interpreters(t *testing.T, c *testCase, opts luabpfc.Options) []backend {
	t.Helper()
	before, _, err := luabpfc.Lower(c.source(), opts)
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := luabpfc.Lower(c.source(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := luabpfc.Optimise(after, opts); err != nil {
		t.Fatal(err)
	}
	return []backend{interpBackend("interpreter before passes", before), interpBackend("interpreter after passes", after)}
}

// follow takes the steps of a case one way, and at the end looks at all maps.
func follow(c *testCase, obj *luabpfc.Object, b backend) ([]observation, error) {
	var all []observation
	in := runInput{env: map[string]string{}}
	if len(obj.Programs) > 0 {
		in.prog = obj.Programs[0]
	}
	var last observation
	for i, s := range c.steps {
		o, err := s.take(obj, b, &in, last, c.order())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place(c, i), err)
		}
		if s.kind == stepRun {
			last = o
		}
		all = append(all, o)
	}
	for _, m := range obj.Maps {
		if t, ok := kernel.MapTypeByName(m.Type); !ok || !t.Can(kernel.MapUpdate) || m.Added {
			continue // no entries that both ways can list
		}
		o, err := contents(b, m, c.order())
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func (c *testCase) order() binary.ByteOrder {
	if c.opts.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// take does one step.
func (s *step) take(obj *luabpfc.Object, b backend, in *runInput, last observation, order binary.ByteOrder) (o observation, err error) {
	switch s.kind {
	case stepUse:
		i := slices.IndexFunc(obj.Programs, func(p luabpfc.ProgramInfo) bool { return p.Name == s.name })
		if i < 0 {
			return o, fmt.Errorf("no program '%s'", s.name)
		}
		in.prog = obj.Programs[i]
	case stepCtx:
		in.ctx = map[string]uint64{}
		for k, v := range s.vars {
			if in.ctx[k], err = parseNumber(v); err != nil {
				return o, err
			}
		}
	case stepEnv:
		in.env = s.vars
	case stepRun:
		in.packet = s.packet
		for range s.times {
			r, err := b.run(*in)
			if err != nil {
				return o, err
			}
			o.ret, o.out, o.trace = r.ret, r.out, append(o.trace, r.trace...)
		}
		in.ctx, in.env = nil, nil
	case stepOut, stepTrace:
		return last, nil
	default:
		return s.takeMap(obj, b, order)
	}
	return o, nil
}

func (s *step) takeMap(obj *luabpfc.Object, b backend, order binary.ByteOrder) (o observation, err error) {
	i := slices.IndexFunc(obj.Maps, func(m luabpfc.MapInfo) bool { return m.Name == s.name })
	if i < 0 {
		return o, fmt.Errorf("no map '%s'", s.name)
	}
	m := obj.Maps[i]
	if s.kind == stepRecv {
		return s.takeRecord(b, order)
	}
	if s.kind == stepSet {
		k, v := make([]byte, m.KeySize), make([]byte, m.ValueSize)
		putNumber(k, s.key, order)
		putNumber(v, s.value, order)
		return o, b.put(m.Name, k, v)
	}
	if s.kind == stepContents {
		return contents(b, m, order)
	}
	es, err := b.entries(m.Name)
	key := make([]byte, m.KeySize)
	putNumber(key, s.key, order)
	o.size = int(m.ValueSize)
	for _, e := range es {
		if bytes.Equal(e.key, key) {
			o.value, o.ok = getNumber(e.value, order), true
		}
	}
	return o, err
}

// contents are all entries of a hash, of an array those that are not zero.
func contents(b backend, m luabpfc.MapInfo, order binary.ByteOrder) (observation, error) {
	o := observation{size: int(m.ValueSize)}
	var raw []string
	es, err := b.entries(m.Name)
	for _, e := range es {
		k, v := getNumber(e.key, order), getNumber(e.value, order)
		if len(e.key) > 8 || len(e.value) > 8 {
			raw = append(raw, fmt.Sprintf("%x: %x", e.key, e.value))
		}
		if v != 0 || !strings.HasSuffix(m.Type, "array") {
			o.pairs = append(o.pairs, [2]uint64{k, v})
		}
	}
	slices.Sort(raw)
	o.raw = strings.Join(raw, ", ")
	slices.SortFunc(o.pairs, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	return o, err
}

// varies reports whether what step i sees may differ from way to way: the case
// states a relation there, or on some entry of the map.
func varies(c *testCase, i int) bool {
	related := func(name string) bool {
		return slices.ContainsFunc(c.steps, func(s *step) bool { return s.kind == stepEntry && s.name == name && s.op != "=" })
	}
	if i < len(c.steps) {
		s := c.steps[i]
		switch s.kind {
		case stepRun:
			return s.op != "="
		case stepRecv:
			return false
		case stepEntry, stepContents:
			return related(s.name)
		}
		return true
	}
	return slices.ContainsFunc(c.steps, func(s *step) bool { return s.kind == stepEntry && s.op != "=" })
}

// check compares an observation with what the step expects.
func (s *step) check(o observation) error {
	switch s.kind {
	case stepRun:
		if !holds(uint64(o.ret), s.op, uint64(uint32(s.value)), 4) {
			return fmt.Errorf("result %s, want %s %s", showNumber(uint64(o.ret), 4), s.op, showNumber(uint64(uint32(s.value)), 4))
		}
	case stepOut:
		if o.out != nil && !bytes.Equal(o.out, s.packet) {
			return fmt.Errorf("packet afterwards\n%swant\n%s", hex.Dump(o.out), hex.Dump(s.packet))
		}
	case stepTrace:
		if o.trace != nil && !slices.Contains(o.trace, s.name+"\n") {
			return fmt.Errorf("printed %q, not %q", o.trace, s.name)
		}
	case stepEntry:
		if s.none != !o.ok {
			return fmt.Errorf("%s[%d] is there: %v, want %v", s.name, s.key, o.ok, !s.none)
		}
		if mask := ^uint64(0) >> (64 - 8*min(8, o.size)); o.ok && !holds(o.value, s.op, s.value&mask, o.size) {
			return fmt.Errorf("%s[%d] is %s, want %s %s", s.name, s.key, showNumber(o.value, o.size), s.op, showNumber(s.value&mask, o.size))
		}
	case stepContents:
		mask := ^uint64(0) >> (64 - 8*min(8, o.size))
		want := slices.Clone(s.pairs)
		for i := range want {
			want[i][1] &= mask
		}
		slices.SortFunc(want, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
		if !slices.Equal(o.pairs, want) {
			return fmt.Errorf("%s is %s, want %s", s.name, showPairs(o.pairs, o.size), showPairs(want, o.size))
		}
	}
	return nil
}

// holds compares as signed numbers of the given size.
func holds(a uint64, op string, b uint64, size int) bool {
	shift := 64 - 8*min(size, 8)
	x, y := int64(a<<shift)>>shift, int64(b<<shift)>>shift
	switch op {
	case "=":
		return x == y
	case "~=":
		return x != y
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

func place(c *testCase, i int) string {
	if i >= len(c.steps) {
		return "the maps at the end"
	}
	return fmt.Sprintf("line %d (%s)", c.steps[i].line+1, c.steps[i].text)
}

func rewriteSteps(t *testing.T, c *testCase, seen []observation) {
	err := c.rewrite(".run", func(text string) string {
		lines := strings.Split(text, "\n")
		for i, s := range c.steps {
			if s.check(seen[i]) != nil {
				lines[s.line] = s.expecting(seen[i])
			}
		}
		return strings.Join(lines, "\n")
	})
	if err != nil {
		t.Error(err)
	}
}
