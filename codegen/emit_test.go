package codegen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
)

// longProgram returns a socket filter of a loop round n operations with ways
// out of it over all of them.
func longProgram(n int) string {
	var sb strings.Builder
	sb.WriteString(`license "GPL"
func filter(ctx ptr) kind socket low {
b0:
	v0 = arg.ptr 0
	v1 = ldabs v0, packet+0 u32
	v2 = const 0
	v3 = const 1
	v4 = const 2
	jump b1
b1: <- b0, b4
	v5 = phi v2, v12
	v6 = phi v1, v11
	v7 = const 77
	v8 = ult v6, v7
	if v8, b5, b2
b2: <- b1
	v9 = const 99
	v10 = eq v6, v9
	if v10, b5, b3
b3: <- b2
`)
	prev := "v6"
	for i := range n {
		fmt.Fprintf(&sb, "\tv%d = %s %s, v%d\n", 100+i, []string{"add", "xor", "mul"}[i%3], prev, 3+i%2)
		prev = fmt.Sprintf("v%d", 100+i)
	}
	fmt.Fprintf(&sb, `	v13 = const 55
	v14 = eq %[1]s, v13
	if v14, b5, b4
b4: <- b3
	v11 = or %[1]s, v3
	v12 = add v5, v3
	v15 = ult v12, v4
	if v15, b1, b6
b5: <- b1, b2, b3
	v16 = phi v2, v3, v4
	v17 = add v16, v6
	ret v17
b6: <- b4
	ret v11
}
`, prev)
	return sb.String()
}

// TestLongJumps compiles a function whose jumps do not reach.
func TestLongJumps(t *testing.T) {
	m := parse(t, "long", longProgram(100_000))
	for _, cpu := range []int{2, 3, 4} {
		out, err := Compile(m, Options{CPU: cpu, Check: true})
		if err != nil {
			t.Fatal(err)
		}
		islands := 0
		for _, in := range out.Funcs[0].Insts {
			if in.Op == bpf.Ja || in.Op == bpf.Gotol {
				islands++
			}
		}
		if islands < 3 {
			t.Errorf("v%d: %d jumps", cpu, islands)
		}
		t.Logf("v%d: %d slots, %d unconditional jumps", cpu, out.Funcs[0].Slots(), islands)
	}
}

// TestLongJumpsInKernel runs a program of islands, close to each other so that
// the program is short, and one of the real size.
func TestLongJumpsInKernel(t *testing.T) {
	needKernel(t)
	for _, c := range []struct{ n, reach, cpu int }{{3000, 150, 1}, {3000, 200, 3}, {3000, 150, 4}, {70_000, reach, 2}, {70_000, reach, 4}} {
		m := parse(t, "long", longProgram(c.n))
		f := selectFunc(m.Funcs[0], bpf.CPU(c.cpu))
		f.assign(calleeWords{}, false, true)
		f.layout()
		code := FuncCode{Name: "filter"}
		f.emit(&code, bpf.CPU(c.cpu), c.reach)
		if err := verifyCode(m, m.Funcs[0], &code); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		for i := range code.Insts {
			if d, ok := code.Insts[i].Distance(); ok && code.Insts[i].Op != bpf.Gotol && (d > c.reach || d < -c.reach) {
				t.Errorf("%+v: %s", c, code.Insts[i])
			}
		}
		prog, err := loadCode(&code, ebpf.SocketFilter)
		if err != nil {
			t.Fatalf("%+v: %s", c, loadError(err))
		}
		compareProgram(t, m, prog)
		prog.Close()
	}
}

// TestIslandsRandom checks random programs with jumps that reach 30 slots.
func TestIslandsRandom(t *testing.T) {
	for seed := int64(0); seed < programs(60); seed++ {
		for _, cpu := range []bpf.CPU{bpf.V1, bpf.V3, bpf.V4} {
			m := generate(seed, int(cpu))
			f := selectFunc(m.Funcs[0], cpu)
			f.assign(calleeWords{}, false, false)
			f.layout()
			code := FuncCode{Name: "filter"}
			f.emit(&code, cpu, 40)
			if err := verifyCode(m, m.Funcs[0], &code); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

func compareProgram(t *testing.T, m *ir.Module, prog *ebpf.Program) {
	t.Helper()
	for i, p := range packets() {
		want := interpret(t, m, p)
		if got := runProg(t, prog, p); got != want {
			t.Errorf("packet %d: kernel returns %#x, interpreter %#x", i, got, want)
		}
	}
}
