package regalloc

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// callClobbers are the machine registers that "call" loses.
const callClobbers Set = 0x3f

var order = []Reg{1, 2, 3, 4, 5, 0, 6, 7, 8, 9}

// parse reads the tests' language. Blocks are "bN: [xWEIGHT] [-> bM ...]";
// instructions are "DEFS = NAME USES" or "NAME USES". The names move, imm, call
// and check have the meaning of the flags; "NAME!" changes its first use in
// place. "ranged v1" lists registers whose range matters.
func parse(t *testing.T, text string) *Func {
	t.Helper()
	f := &Func{Order: order, Ranged: make([]bool, 200)}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, ";")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "ranged" {
			for _, w := range fields[1:] {
				f.Ranged[reg(t, w)] = true
			}
			continue
		}
		if strings.HasSuffix(fields[0], ":") {
			f.Blocks = append(f.Blocks, header(t, fields[1:]))
			continue
		}
		if len(f.Blocks) == 0 {
			t.Fatalf("line %d: no block", n+1)
		}
		b := &f.Blocks[len(f.Blocks)-1]
		b.Insts = append(b.Insts, instruction(t, f, fields))
	}
	return f
}

func header(t *testing.T, words []string) (b Block) {
	for _, w := range words {
		switch w[0] {
		case 'x':
			b.Weight, _ = strconv.Atoi(w[1:])
		case 'b':
			n, err := strconv.Atoi(w[1:])
			if err != nil {
				t.Fatal(err)
			}
			b.Succs = append(b.Succs, n)
		}
	}
	return b
}

func instruction(t *testing.T, f *Func, words []string) (in Inst) {
	var uses, defs []Reg
	for i, w := range words {
		if w == "=" {
			for _, d := range words[:i] {
				defs = append(defs, reg(t, d))
			}
			words = words[i+1:]
			break
		}
	}
	for _, u := range words[1:] {
		uses = append(uses, reg(t, u))
	}
	switch name := words[0]; {
	case name == "move":
		in.Flags = Move
	case name == "imm":
		in.Flags = Remat
	case name == "check":
		in.Flags = Check
	case name == "call":
		in.Clobbers = callClobbers
	case strings.HasSuffix(name, "!"):
		defs = append(defs, uses[0])
	}
	return f.Operands.Add(in, uses, defs)
}

func reg(t *testing.T, w string) Reg {
	t.Helper()
	n, err := strconv.Atoi(w[1:])
	if err != nil {
		t.Fatalf("%q is no register", w)
	}
	if w[0] == 'v' {
		return FirstVirtual + Reg(n)
	}
	return Reg(n)
}

// format writes a result; names come from the text, by position.
func format(f *Func, res *Result, names [][]string) string {
	var sb strings.Builder
	for b, steps := range res.Blocks {
		fmt.Fprintf(&sb, "b%d:\n", b)
		for _, st := range steps {
			uses, defs := res.Operands.Uses(&st), res.Operands.Defs(&st)
			switch st.Kind {
			case Elided:
			case Load:
				fmt.Fprintf(&sb, "  r%d = slot%d\n", defs[0], st.Slot)
			case Store:
				fmt.Fprintf(&sb, "  slot%d = r%d\n", st.Slot, uses[0])
			default:
				if f.Blocks[st.Block].Insts[st.Index].Flags&Move != 0 && uses[0] == defs[0] {
					continue
				}
				sb.WriteString(" ")
				for _, d := range defs {
					fmt.Fprintf(&sb, " r%d", d)
				}
				if len(defs) > 0 {
					sb.WriteString(" =")
				}
				fmt.Fprintf(&sb, " %s", names[st.Block][st.Index])
				for _, u := range uses {
					fmt.Fprintf(&sb, " r%d", u)
				}
				sb.WriteString("\n")
			}
		}
	}
	return sb.String()
}

// clone copies what Allocate uses up.
func clone(f *Func) *Func {
	c := *f
	c.Blocks, c.Operands = slices.Clone(f.Blocks), slices.Clone(f.Operands)
	for b := range c.Blocks {
		c.Blocks[b].Insts = slices.Clone(f.Blocks[b].Insts)
	}
	return &c
}

// opNames returns the instructions' names in the text.
func opNames(text string) (names [][]string) {
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, ";")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "ranged":
			continue
		case strings.HasSuffix(fields[0], ":"):
			names = append(names, nil)
			continue
		}
		name := fields[0]
		for i, w := range fields {
			if w == "=" {
				name = fields[i+1]
			}
		}
		b := len(names) - 1
		names[b] = append(names[b], name)
	}
	return names
}

func TestText(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("no test files")
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := false
		for i := 0; i+1 < len(ar.Files); i += 2 {
			in, out := &ar.Files[i], &ar.Files[i+1]
			t.Run(filepath.Base(file)+"/"+in.Name, func(t *testing.T) {
				text := string(in.Data)
				f := parse(t, text)
				res, err := Allocate(clone(f))
				if err != nil {
					t.Fatal(err)
				}
				if err := Verify(f, res); err != nil {
					t.Error(err)
				}
				got := format(f, res, opNames(text)) + fmt.Sprintf("slots %d\n", res.Slots)
				if os.Getenv("LUABPFC_UPDATE") == "1" && got != string(out.Data) {
					out.Data, changed = []byte(got), true
				}
				if d := cmp.Diff(string(out.Data), got); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
			})
		}
		if changed {
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// random makes a function of up to nv virtual registers in which each use is
// defined on every way.
func random(rnd *rand.Rand, nblocks, nv, ninst int) *Func {
	f := &Func{Order: order, Ranged: make([]bool, 200)}
	v := func() Reg { return FirstVirtual + Reg(rnd.Intn(nv)) }
	inst := f.Operands.Add
	f.Blocks = make([]Block, nblocks)
	for i := 0; i < nv; i++ {
		r := FirstVirtual + Reg(i)
		in := inst(Inst{}, nil, []Reg{r})
		if i < 5 {
			in = inst(Inst{Flags: Move}, []Reg{Reg(i + 1)}, []Reg{r})
		}
		f.Blocks[0].Insts = append(f.Blocks[0].Insts, in)
		f.Ranged[r] = rnd.Intn(3) == 0
	}
	for b := range f.Blocks {
		blk := &f.Blocks[b]
		blk.Weight = 1 + rnd.Intn(2)*9
		for i := 0; i < ninst; i++ {
			randomInst(rnd, f, blk, v)
		}
	}
	// Edges, with those that a Check must own split.
	for b := 0; b < nblocks; b++ {
		switch rnd.Intn(4) {
		case 0:
			if b > 0 {
				f.Blocks[b].Insts = append(f.Blocks[b].Insts,
					inst(Inst{Flags: Move}, []Reg{v()}, []Reg{0}), inst(Inst{}, []Reg{0}, nil))
				continue
			}
			fallthrough
		case 1:
			f.Blocks[b].Succs = []int{1 + rnd.Intn(nblocks-1)}
		default:
			f.Blocks[b].Insts = append(f.Blocks[b].Insts, inst(Inst{Flags: Check}, []Reg{v(), v()}, nil))
			for range 2 {
				f.Blocks[b].Succs = append(f.Blocks[b].Succs, len(f.Blocks))
				f.Blocks = append(f.Blocks, Block{Succs: []int{1 + rnd.Intn(nblocks-1)}})
			}
		}
	}
	// A constant is defined once and before all else.
	for i := 0; i < 4; i++ {
		k := FirstVirtual + Reg(nv+i)
		f.Blocks[0].Insts = append([]Inst{inst(Inst{Flags: Remat}, nil, []Reg{k})}, f.Blocks[0].Insts...)
		b := &f.Blocks[rnd.Intn(nblocks)]
		at := 0
		if b == &f.Blocks[0] {
			at = i + 1
		}
		use := inst(Inst{}, []Reg{k, k}, nil)
		b.Insts = append(b.Insts[:at:at], append([]Inst{use}, b.Insts[at:]...)...)
	}
	return f
}

func randomInst(rnd *rand.Rand, f *Func, blk *Block, v func() Reg) {
	add := func(in Inst, uses, defs []Reg) { blk.Insts = append(blk.Insts, f.Operands.Add(in, uses, defs)) }
	move := Inst{Flags: Move}
	switch rnd.Intn(8) {
	case 0, 1:
		d := v()
		add(Inst{}, []Reg{d, v()}, []Reg{d})
	case 2, 3:
		add(move, []Reg{v()}, []Reg{v()})
	case 4:
		add(Inst{}, []Reg{v()}, []Reg{v()})
	case 5:
		add(Inst{}, []Reg{v(), v()}, nil)
	case 6:
		n := rnd.Intn(6)
		var args []Reg
		for i := 1; i <= n; i++ {
			add(move, []Reg{v()}, []Reg{Reg(i)})
			args = append(args, Reg(i))
		}
		add(Inst{Clobbers: callClobbers}, args, []Reg{0})
		add(move, []Reg{0}, []Reg{v()})
	default:
		d := v()
		add(move, []Reg{v()}, []Reg{d})
		add(Inst{}, []Reg{d}, []Reg{d})
	}
}

func TestRandom(t *testing.T) {
	var sum Stats
	for seed := int64(0); seed < 600; seed++ {
		rnd := rand.New(rand.NewSource(seed))
		f := random(rnd, 2+rnd.Intn(12), 5+rnd.Intn(30), rnd.Intn(15))
		res, err := Allocate(clone(f))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := Verify(f, res); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sum.Spilled += res.Stats.Spilled
		sum.Loads += res.Stats.Loads
		sum.Rematerialised += res.Stats.Rematerialised
		sum.Rounds = max(sum.Rounds, res.Stats.Rounds)
	}
	if sum.Spilled == 0 || sum.Rematerialised == 0 || sum.Loads == 0 {
		t.Errorf("the programs are too easy: %+v", sum)
	}
	t.Logf("%+v", sum)
}

// reachable returns the blocks that control can come to.
func reachable(f *Func) (list []int) {
	seen := make([]bool, len(f.Blocks))
	list = []int{0}
	seen[0] = true
	for i := 0; i < len(list); i++ {
		for _, s := range f.Blocks[list[i]].Succs {
			if !seen[s] {
				seen[s] = true
				list = append(list, s)
			}
		}
	}
	return list
}

// TestVerifyRejects breaks right allocations in ways that change the result and
// wants each to be seen.
func TestVerifyRejects(t *testing.T) {
	seen, tried := 0, 0
	for seed := int64(0); seed < 200; seed++ {
		rnd := rand.New(rand.NewSource(seed))
		f := random(rnd, 4, 14, 8)
		res, err := Allocate(clone(f))
		if err != nil {
			t.Fatal(err)
		}
		reached := reachable(f)
		b := reached[rnd.Intn(len(reached))]
		if len(res.Blocks[b]) == 0 {
			continue
		}
		i := rnd.Intn(len(res.Blocks[b]))
		st := &res.Blocks[b][i]
		switch {
		case st.Kind == Load:
			res.Blocks[b] = append(res.Blocks[b][:i], res.Blocks[b][i+1:]...)
		case st.Kind == Keep && st.Uses > 0:
			at := &res.Operands.Uses(st)[0]
			*at = (*at + 1) % 10
		default:
			continue
		}
		if st.Kind == Keep && f.Blocks[st.Block].Insts[st.Index].Flags&Move != 0 {
			continue // may well be a move that nothing needs
		}
		tried++
		if Verify(f, res) != nil {
			seen++
		}
	}
	// A load left out is harmless where its value is there already.
	if tried < 40 || seen < tried*8/10 {
		t.Errorf("of %d broken allocations %d were seen", tried, seen)
	}
}

func TestDeterministic(t *testing.T) {
	for seed := int64(0); seed < 20; seed++ {
		a, err := Allocate(random(rand.New(rand.NewSource(seed)), 9, 30, 12))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := Allocate(random(rand.New(rand.NewSource(seed)), 9, 30, 12))
		if d := cmp.Diff(a, b); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func BenchmarkLarge(b *testing.B) {
	f := random(rand.New(rand.NewSource(1)), 4000, 25, 12)
	for b.Loop() {
		if _, err := Allocate(clone(f)); err != nil {
			b.Fatal(err)
		}
	}
}
