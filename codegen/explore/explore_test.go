package explore

import (
	"testing"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// ladder adds to r2 on one of two ways, n times, by what r1 holds at run time;
// then, if tested, r2 decides a branch.
func ladder(n int, tested bool) []bpf.Inst {
	l := []bpf.Inst{bpf.LoadMem(bpf.B32, bpf.R1, bpf.R1, 0), bpf.MovImm(bpf.B64, bpf.R2, 0)}
	for i := range n {
		l = append(l,
			bpf.JumpImm(bpf.JSet, bpf.B64, bpf.R1, 1<<i, 1),
			bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 1<<i),
			bpf.MovReg(bpf.B64, bpf.R3, bpf.R2),
			bpf.MovImm(bpf.B64, bpf.R4, 0),
			bpf.MovImm(bpf.B64, bpf.R4, 1))
	}
	if tested {
		l = append(l, bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R2, 5, 0))
	}
	return append(l, bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
}

// counted is a loop of n trips.
func counted(n int32) []bpf.Inst {
	return []bpf.Inst{
		bpf.MovImm(bpf.B64, bpf.R1, 0),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R1, 1),
		bpf.JumpImm(bpf.JLt, bpf.B64, bpf.R1, n, -2),
		bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
	}
}

// endless is a loop whose end nothing decides.
func endless() []bpf.Inst {
	return []bpf.Inst{
		bpf.LoadMem(bpf.B32, bpf.R1, bpf.R1, 0), bpf.MovImm(bpf.B64, bpf.R2, 0),
		bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 1),
		bpf.Jump(bpf.JLt, bpf.B64, bpf.R2, bpf.R1, -2),
		bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
	}
}

func TestWalk(t *testing.T) {
	const limit = 100_000
	loop := int32(kernel.HelperByName("loop").ID)
	lookup := int32(kernel.HelperByName("map_lookup_elem").ID)
	tests := []struct {
		name     string
		funcs    []Func
		min, max int // steps
		over     bool
	}{
		{"a straight line is as long as it is", []Func{{Insts: []bpf.Inst{bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}}}, 2, 2, false},
		{"ways that meet become one", []Func{{Insts: ladder(20, false)}}, 100, 300, false},
		{"not if a sum that differs is tested", []Func{{Insts: ladder(20, true)}}, limit, limit, true},
		{"a few ways more are no harm", []Func{{Insts: ladder(5, true)}}, 60, 400, false},
		{"a counted loop is walked trip by trip", []Func{{Insts: counted(1000)}}, 2003, 2003, false},
		{"too many trips", []Func{{Insts: counted(1 << 20)}}, limit, limit, true},
		{"a loop without an end that can be seen", []Func{{Insts: endless()}}, limit, limit, true},
		{"a comparison that ranges decide has one way", []Func{{Insts: []bpf.Inst{
			bpf.LoadMem(bpf.B8, bpf.R1, bpf.R1, 0),
			bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R1, 255, 1),
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}}}, 4, 4, false},
		{"a null test has two ways, the second none", []Func{{Insts: []bpf.Inst{
			bpf.CallHelper(lookup),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 1),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 0),
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}}}, 7, 7, false},
		{"a function is walked for each call", []Func{
			{Name: "main", Insts: []bpf.Inst{bpf.CallSym("f"), bpf.CallSym("f"), bpf.Exit()}},
			{Name: "f", Insts: []bpf.Inst{bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}},
		}, 7, 7, false},
		{"a callback is walked once or twice", []Func{
			{Name: "main", Insts: []bpf.Inst{
				bpf.MovImm(bpf.B64, bpf.R1, 1<<20), bpf.LoadFuncSym(bpf.R2, "f"), bpf.MovReg(bpf.B64, bpf.R3, bpf.FP),
				bpf.MovImm(bpf.B64, bpf.R4, 0), bpf.CallHelper(loop), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
			}},
			{Name: "f", Insts: []bpf.Inst{bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}},
		}, 9, 16, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Walk(&Program{Funcs: tt.funcs}, limit)
			if r.Steps < tt.min || r.Steps > tt.max || r.Over != tt.over {
				t.Errorf("%d steps, over %v; want %d to %d, %v", r.Steps, r.Over, tt.min, tt.max, tt.over)
			}
		})
	}
}

// rounds has a callback called by bpf_loop that loads the word at off of its
// frame, r3, and then goes on with body; the frame's word at -8 is 5.
func rounds(n int32, body ...bpf.Inst) []Func {
	body = append([]bpf.Inst{bpf.LoadMem(bpf.B64, bpf.R3, bpf.R2, 0)}, body...)
	return []Func{
		{Name: "main", Insts: []bpf.Inst{
			bpf.StoreImm(bpf.B64, bpf.FP, -8, 5), bpf.MovReg(bpf.B64, bpf.R3, bpf.FP), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R3, -8),
			bpf.MovImm(bpf.B64, bpf.R1, n), bpf.LoadFuncSym(bpf.R2, "f"), bpf.MovImm(bpf.B64, bpf.R4, 0),
			bpf.CallHelper(int32(kernel.HelperByName("loop").ID)), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}},
		{Name: "f", Insts: append(body, bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())},
	}
}

// TestRounds: how often callbacks are walked.
func TestRounds(t *testing.T) {
	count := bpf.ALUImm(bpf.Add, bpf.B64, bpf.R3, 1)
	put := bpf.StoreMem(bpf.B64, bpf.R2, 0, bpf.R3)
	tests := []struct {
		name     string
		funcs    []Func
		min, max int // rounds of the callback
	}{
		{"what is not made use of is forgotten", rounds(1<<20, count, put), 1, 3},
		{"a number that decides a branch stays known", rounds(1000, count, put, bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R3, 100, 0)), 50, 1100},
		{"not if only half of it is stored", rounds(1000, count, bpf.StoreMem(bpf.B32, bpf.R2, 0, bpf.R3), bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R3, 100, 0)), 1, 4},
		{"few rounds are walked one by one", rounds(3, count, put, bpf.JumpImm(bpf.JGt, bpf.B64, bpf.R3, 100, 0)), 3, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Walk(&Program{Funcs: tt.funcs}, 100_000)
			if n := int(r.At[1][0]); n < tt.min || n > tt.max {
				t.Errorf("%d rounds, want %d to %d", n, tt.min, tt.max)
			}
		})
	}
}

// TestForgotten: after a round, a number that differs from the one in the state
// stored at the call is forgotten, unless that was precise or the state is not
// compared with any more.
func TestForgotten(t *testing.T) {
	for _, tt := range []struct {
		name             string
		precise, dropped bool
		want             value
	}{
		{"a number", false, false, anything()},
		{"a precise one", true, false, number(0, 4)},
		{"one of a dropped state", false, true, number(0, 4)},
	} {
		w := newWalker(&Program{Funcs: rounds(3)[:1]})
		s := &state{at: 6, frames: make([]frame, 1, maxFrames)}
		s.frames[0].call = -1
		s.frames[0].use = w.called(nil, -1, 0)
		s.frames[0].put(0, word{v: number(5, 9), n: 8})
		w.store(s, &w.stored[0])
		s.parent.dropped = tt.dropped
		if tt.precise {
			s.parent.frames[0].precise.words = 1
		}
		s.frames[0].put(0, word{v: number(0, 4), n: 8})
		w.widen(s)
		if got := s.frames[0].stack[0].v; got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestArrayIndex: a known index of an array makes the value sure, and is precise.
func TestArrayIndex(t *testing.T) {
	look := func(i bpf.Inst) []bpf.Inst {
		return []bpf.Inst{
			bpf.LoadMem(bpf.B32, bpf.R3, bpf.R1, 0), i,
			bpf.LoadSym(bpf.R1, "m", 0), bpf.MovReg(bpf.B64, bpf.R2, bpf.FP), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, -8),
			bpf.CallHelper(int32(kernel.HelperByName("map_lookup_elem").ID)),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 0),
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}
	}
	maps := []Map{{Name: "m", Array: true, Entries: 4, Key: 4, Value: 8}}
	for name, tt := range map[string]struct {
		index bpf.Inst
		ways  int32
	}{
		"known":        {bpf.StoreImm(bpf.B32, bpf.FP, -8, 3), 1},
		"too great":    {bpf.StoreImm(bpf.B32, bpf.FP, -8, 4), 2},
		"not known":    {bpf.StoreMem(bpf.B32, bpf.FP, -8, bpf.R3), 2},
		"a wider word": {bpf.StoreImm(bpf.B64, bpf.FP, -8, 3), 2},
	} {
		r := Walk(&Program{Funcs: []Func{{Insts: look(tt.index)}}, Maps: maps}, 1000)
		if n := r.At[0][7]; n != tt.ways {
			t.Errorf("index %s: %d ways behind the test, want %d", name, n, tt.ways)
		}
	}
}

// TestInnerMap: a map that was looked up in a map has keys and values of its own
// sizes.
func TestInnerMap(t *testing.T) {
	lookup := bpf.CallHelper(int32(kernel.HelperByName("map_lookup_elem").ID))
	code := []bpf.Inst{bpf.LoadMem(bpf.B32, bpf.R3, bpf.R1, 0), bpf.StoreMem(bpf.B64, bpf.FP, -8, bpf.FP),
		bpf.JumpImm(bpf.JSet, bpf.B64, bpf.R3, 1, 1), bpf.StoreImm(bpf.B64, bpf.FP, -8, 0)}
	for range 4 {
		code = append(code, bpf.MovImm(bpf.B64, bpf.R2, 0), bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 1, 0))
	}
	here := len(code)
	code = append(code, bpf.StoreImm(bpf.B32, bpf.FP, -12, 1), bpf.LoadSym(bpf.R1, "outer", 0),
		bpf.MovReg(bpf.B64, bpf.R2, bpf.FP), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, -12), lookup,
		bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R0, 0, 4),
		bpf.MovReg(bpf.B64, bpf.R1, bpf.R0), bpf.MovReg(bpf.B64, bpf.R2, bpf.FP), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, -12), lookup,
		bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
	for key, ways := range map[int]int32{4: 1, 8: 2} {
		maps := []Map{{Name: "outer", Key: 4, Value: 4, Inner: &Map{Name: "outer[]", Key: key, Value: 8}}}
		r := Walk(&Program{Funcs: []Func{{Insts: code}}, Maps: maps}, 1000)
		if n := r.At[0][here]; n != ways {
			t.Errorf("keys of %d bytes: %d ways on which the word beside counts, want %d", key, n, ways)
		}
	}
}

// TestCopies: what is compared is known of copies too, with what was added to
// them; a number of which no copy is left is for itself.
func TestCopies(t *testing.T) {
	number := []bpf.Inst{bpf.LoadMem(bpf.B32, bpf.R1, bpf.R1, 0), bpf.MovReg(bpf.B64, bpf.R2, bpf.R1)}
	test := func(r bpf.Reg, more ...bpf.Inst) []bpf.Inst { // of r1 below 10, then of r below 20
		l := append(append([]bpf.Inst{}, number...), more...)
		return append(l,
			bpf.JumpImm(bpf.JGe, bpf.B64, bpf.R1, 10, 2),
			bpf.JumpImm(bpf.JLt, bpf.B64, r, 20, 1),
			bpf.MovImm(bpf.B64, bpf.R3, 0), // not come to if r is known
			bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
	}
	tests := []struct {
		name  string
		insts []bpf.Inst
		known bool
	}{
		{"a copy", test(bpf.R2), true},
		{"with 5 added", test(bpf.R2, bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 5)), true},
		{"with 11 added", test(bpf.R2, bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 11)), false},
		{"of the stack", test(bpf.R4, bpf.StoreMem(bpf.B64, bpf.FP, -8, bpf.R1), bpf.LoadMem(bpf.B64, bpf.R4, bpf.FP, -8)), true},
		{"extended from 32 bits that hold it", []bpf.Inst{
			bpf.LoadMem(bpf.B16, bpf.R1, bpf.R1, 0), {Op: bpf.MovSX32, Size: bpf.B64, Dst: bpf.R2, Src: bpf.R1},
			bpf.JumpImm(bpf.JGe, bpf.B64, bpf.R1, 10, 2), bpf.JumpImm(bpf.JLt, bpf.B64, bpf.R2, 20, 1),
			bpf.MovImm(bpf.B64, bpf.R3, 0), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}, true},
		{"multiplied", test(bpf.R2, bpf.ALUImm(bpf.Mul, bpf.B64, bpf.R2, 2)), false},
		{"another number", test(bpf.R5, bpf.MovReg(bpf.B64, bpf.R5, bpf.R2), bpf.ALU(bpf.Xor, bpf.B64, bpf.R5, bpf.R1)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Walk(&Program{Funcs: []Func{{Insts: tt.insts}}}, 1000)
			if n := r.At[0][len(tt.insts)-3]; (n == 0) != tt.known {
				t.Errorf("the way where it is not known is walked %d times", n)
			}
		})
	}
}

// TestPlain: what is plain takes no more steps than it was asked for, and few and
// straight ways are.
func TestPlain(t *testing.T) {
	line := []bpf.Inst{bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit()}
	loop := int64(kernel.HelperByName("loop").ID)
	callback := append([]bpf.Inst{{Op: bpf.Call, Imm: loop}}, line...)
	call := append([]bpf.Inst{{Op: bpf.CallFunc, Sym: "f"}}, line...)
	for _, c := range []struct {
		name  string
		funcs []Func
		limit int
		want  bool
	}{
		{"not a step too many", []Func{{Insts: line}}, 1, false},
		{"a straight line", []Func{{Insts: line}}, 2, true},
		{"ways that the walk would merge, but too many", []Func{{Insts: ladder(20, false)}}, 100_000, false},
		{"few ways", []Func{{Insts: ladder(5, true)}}, 1000, true},
		{"a jump back", []Func{{Insts: counted(3)}}, 100_000, false},
		{"a helper that calls back", []Func{{Insts: callback}}, 100_000, false},
		{"a call", []Func{{Insts: call}}, 100_000, false},
		{"a sign that may be and-ed", []Func{{Insts: append([]bpf.Inst{
			bpf.LoadMem(bpf.B32, bpf.R2, bpf.R1, 0), bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 40), bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 63),
			bpf.ALUImm(bpf.And, bpf.B64, bpf.R2, 6)}, line...)}}, 8, false},
		{"and what that takes", []Func{{Insts: append([]bpf.Inst{
			bpf.LoadMem(bpf.B32, bpf.R2, bpf.R1, 0), bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 40), bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 63),
			bpf.ALUImm(bpf.And, bpf.B64, bpf.R2, 6)}, line...)}}, 9, true},
		{"two functions", []Func{{Insts: line}, {Insts: line}}, 100_000, false},
	} {
		p := &Program{Funcs: c.funcs}
		if got := Plain(p, c.limit); got != c.want {
			t.Errorf("%s: plain %v, want %v", c.name, got, c.want)
		} else if steps := Walk(p, 100_000).Steps; got && steps > c.limit {
			t.Errorf("%s: plain, but %d steps", c.name, steps)
		}
	}
}

// TestPacketEnd: an address that was compared with the packet's end and lies behind
// it does so the next time.
func TestPacketEnd(t *testing.T) {
	var xdp *kernel.Ctx
	for _, k := range kernel.ProgKinds {
		if k.Name == "xdp" {
			xdp = k.Ctx
		}
	}
	for _, tt := range []struct {
		first, second bpf.Op // the first does not hold
		ways          int32
	}{{bpf.JLe, bpf.JGt, 0}, {bpf.JLe, bpf.JGe, 0}, {bpf.JLt, bpf.JGe, 0}, {bpf.JLt, bpf.JGt, 1}} {
		code := []bpf.Inst{
			bpf.LoadMem(bpf.B32, bpf.R2, bpf.R1, 0), bpf.LoadMem(bpf.B32, bpf.R3, bpf.R1, 4), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 8),
			bpf.Jump(tt.first, bpf.B64, bpf.R2, bpf.R3, 2), bpf.Jump(tt.second, bpf.B64, bpf.R2, bpf.R3, 1),
			bpf.MovImm(bpf.B64, bpf.R4, 0), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit(),
		}
		r := Walk(&Program{Funcs: []Func{{Insts: code}}, Ctx: xdp}, 1000)
		if n := r.At[0][5]; n != tt.ways {
			t.Errorf("%v after %v: %d ways on which it does not hold, want %d", tt.second, tt.first, n, tt.ways)
		}
	}
}

// TestStackRead: a word that each way writes before it reads it does not count,
// once the verifier saw that.
func TestStackRead(t *testing.T) {
	head := []bpf.Inst{bpf.LoadMem(bpf.B32, bpf.R1, bpf.R1, 0), bpf.StoreMem(bpf.B64, bpf.FP, -8, bpf.FP),
		bpf.JumpImm(bpf.JSet, bpf.B64, bpf.R1, 1, 1), bpf.StoreImm(bpf.B64, bpf.FP, -8, 0)}
	for range 4 {
		head = append(head, bpf.MovImm(bpf.B64, bpf.R2, 0), bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 1, 0))
	}
	behind := func(more ...bpf.Inst) []bpf.Inst {
		l := append(append([]bpf.Inst{}, head...), more...)
		return append(l, bpf.LoadMem(bpf.B64, bpf.R3, bpf.FP, -8), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
	}
	tests := []struct {
		name  string
		insts []bpf.Inst
		ways  int32 // to the end
	}{
		{"read", behind(), 2},
		{"written before", behind(bpf.StoreImm(bpf.B64, bpf.FP, -8, 1)), 1},
		{"half of it", behind(bpf.StoreImm(bpf.B32, bpf.FP, -8, 1)), 2},
		{"written on two ways, of which the second is seen later", behind(bpf.JumpImm(bpf.JSet, bpf.B64, bpf.R1, 2, 2),
			bpf.StoreImm(bpf.B64, bpf.FP, -8, 1), bpf.Goto(1), bpf.StoreImm(bpf.B64, bpf.FP, -8, 2)), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Walk(&Program{Funcs: []Func{{Insts: tt.insts}}}, 1000)
			if n := r.At[0][len(head)]; n != tt.ways {
				t.Errorf("%d ways come behind the branch, want %d", n, tt.ways)
			}
		})
	}
}

// TestHalves: the lower half of a number is bounded for itself, and a number that
// is 0 or -1 is and-ed as the one and as the other.
func TestHalves(t *testing.T) {
	load := bpf.LoadMem(bpf.B64, bpf.R2, bpf.FP, -8) // any number
	tests := []struct {
		name string
		code []bpf.Inst
		ways int32 // to the instruction behind the last jump
	}{
		{"a comparison of halves", []bpf.Inst{
			bpf.JumpImm(bpf.JGt, bpf.B32, bpf.R2, 9, 1),
			bpf.JumpImm(bpf.JLe, bpf.B32, bpf.R2, 9, 1),
		}, 1},
		{"the sum of a shifted number and a byte", []bpf.Inst{
			bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 32), bpf.LoadMem(bpf.B8, bpf.R3, bpf.FP, -16), bpf.ALU(bpf.Add, bpf.B64, bpf.R2, bpf.R3),
			bpf.JumpImm(bpf.JLe, bpf.B32, bpf.R2, 255, 1),
		}, 0},
		{"a sign, and-ed", []bpf.Inst{
			bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 63), bpf.ALUImm(bpf.And, bpf.B64, bpf.R2, 6),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 6, 2),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 0, 1),
		}, 0},
		{"a sign extended by shifts", []bpf.Inst{
			bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 48), bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 48),
			bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 32), bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 32),
			bpf.JumpImm(bpf.JSGe, bpf.B64, bpf.R2, -0x8000, 1),
		}, 0},
		{"one more than a product is not 0", []bpf.Inst{
			bpf.ALUImm(bpf.Mul, bpf.B64, bpf.R2, 1000), bpf.ALUImm(bpf.Add, bpf.B64, bpf.R2, 1),
			bpf.JumpImm(bpf.JNe, bpf.B64, bpf.R2, 0, 1),
		}, 0},
		{"a constant in other order of bytes", []bpf.Inst{
			bpf.MovImm(bpf.B64, bpf.R2, 7), {Op: bpf.ToBE, Dst: bpf.R2, Size: bpf.B16},
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 0x700, 1),
		}, 0},
		{"a byte with its sign", []bpf.Inst{
			{Op: bpf.LoadSX, Dst: bpf.R2, Src: bpf.FP, Off: -16, Size: bpf.B8},
			bpf.JumpImm(bpf.JSLt, bpf.B64, bpf.R2, 128, 1),
		}, 0},
		{"one number between bounds has the bits known", []bpf.Inst{
			bpf.ALUImm(bpf.And, bpf.B64, bpf.R2, 4), bpf.ALUImm(bpf.Or, bpf.B64, bpf.R2, 8),
			bpf.JumpImm(bpf.JLe, bpf.B64, bpf.R2, 8, 2),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 12, 1),
		}, 0},
		{"signed halves above what is positive are negative", []bpf.Inst{
			bpf.ALUImm(bpf.Lsh, bpf.B64, bpf.R2, 56), bpf.ALUImm(bpf.Arsh, bpf.B64, bpf.R2, 56),
			bpf.JumpImm(bpf.JLe, bpf.B32, bpf.R2, 300, 2),
			bpf.JumpImm(bpf.JSLt, bpf.B32, bpf.R2, 0, 1),
		}, 0},
		{"a comparison with itself leaves out the ends", []bpf.Inst{
			bpf.ALUImm(bpf.And, bpf.B64, bpf.R2, 3), bpf.Jump(bpf.JSLe, bpf.B64, bpf.R2, bpf.R2, 3),
			bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R2, 0, 1), bpf.JumpImm(bpf.JNe, bpf.B64, bpf.R2, 3, 1),
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := append(append([]bpf.Inst{load}, tt.code...), bpf.MovImm(bpf.B64, bpf.R4, 0), bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
			r := Walk(&Program{Funcs: []Func{{Insts: code}}}, 1000)
			if n := r.At[0][len(code)-3]; n != tt.ways {
				t.Errorf("%d ways come there, want %d", n, tt.ways)
			}
		})
	}
}

// TestPending: ways put aside are counted, too.
func TestPending(t *testing.T) {
	var l []bpf.Inst
	l = append(l, bpf.LoadMem(bpf.B32, bpf.R1, bpf.R1, 0))
	for i := range int32(9000) {
		l = append(l, bpf.JumpImm(bpf.JEq, bpf.B64, bpf.R1, 2*i, 0))
	}
	l = append(l, bpf.MovImm(bpf.B64, bpf.R0, 0), bpf.Exit())
	if r := Walk(&Program{Funcs: []Func{{Insts: l}}}, 1_000_000); !r.Over || r.Steps > 10_000 {
		t.Errorf("%d steps, over %v", r.Steps, r.Over)
	}
}

// TestBits checks what is known of results against all small operands.
func TestBits(t *testing.T) {
	for _, op := range []bpf.Op{bpf.Add, bpf.Sub, bpf.And, bpf.Or, bpf.Xor, bpf.Lsh, bpf.Rsh, bpf.Mul} {
		for am := range uint64(8) {
			for bm := range uint64(8) {
				a, b := known{5 &^ am, am}, known{3 &^ bm, bm}
				n := -1
				if bm == 0 {
					n = 3
				}
				r := a.result(op, b, n)
				for x := range uint64(8) {
					for y := range uint64(8) {
						if k, _ := eval(op, bpf.B64, x, y); a.covers(known{val: x}) && b.covers(known{val: y}) && !r.covers(known{val: k}) {
							t.Fatalf("%d of %v, %v: %v does not cover %d, the result of %d, %d", op, a, b, r, k, x, y)
						}
					}
				}
			}
		}
	}
}

// TestRanges checks bounds of results against samples of what the operands may
// be.
func TestRanges(t *testing.T) {
	edges := []uint64{0, 1, 2, 7, 8, 255, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, 1 << 63, 1<<64 - 2, 1<<64 - 1}
	for _, op := range []bpf.Op{bpf.Add, bpf.Sub, bpf.Mul, bpf.And, bpf.Or, bpf.Xor, bpf.Lsh, bpf.Rsh, bpf.Arsh} {
		for _, size := range []bpf.Size{bpf.B32, bpf.B64} {
			for i, al := range edges {
				for _, ah := range edges[i:] {
					for j, bl := range edges {
						for _, bh := range edges[j:] {
							a, b := number(al, ah), number(bl, bh)
							var r value
							r.arith(op, size, &a, &b)
							for _, x := range []uint64{al, ah, al + (ah-al)/2} {
								for _, y := range []uint64{bl, bh} {
									if size == bpf.B32 {
										x, y = uint64(uint32(x)), uint64(uint32(y))
									}
									k, _ := eval(op, size, x, y)
									if v := exactly(k); !r.within(&v) {
										t.Fatalf("op %d on %d bytes: [%x, %x] and [%x, %x] give %+v without %x", op, size, al, ah, bl, bh, r, k)
									}
								}
							}
						}
					}
				}
			}
		}
	}
}
