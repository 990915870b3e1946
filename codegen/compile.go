package codegen

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Options are what the caller decides.
type Options struct {
	CPU    int            // level of the instruction set, 1 to 4; 0 means 3
	Kernel kernel.Version // the oldest kernel that must load the object
	Lines  bool           // write func_info and line_info
	Check  bool           // run the verifiers of this package
	// Manifest is the contents of the section that package manifest describes; nil:
	// the object has none.
	Manifest []byte
	// TightStack keeps the layout of frames from taking stack where only some kernels
	// want it.
	TightStack bool
	// Consume takes the blocks out of each function of the module as soon as its
	// instructions are selected: nobody needs them any more.
	Consume bool
	// Dump, if set, is shown the machine IR after each stage: "select",
	// "allocate", "layout".
	Dump func(stage, fn, text string)
}

// Output is what Compile makes.
type Output struct {
	Object []byte
	Funcs  []FuncCode // in the order of the module
}

// FuncCode is the code of one function.
type FuncCode struct {
	Name    string
	Section string
	Insts   []bpf.Inst // Pos indexes FuncCode.Pos
	Pos     []ir.Pos   // of each instruction
	Stack   int        // bytes
	Cores   []*ir.Core // what Core of an instruction numbers, from 1
}

// Slots returns the length of the code in slots of eight bytes.
func (c *FuncCode) Slots() int {
	n := 0
	for i := range c.Insts {
		n += c.Insts[i].Slots()
	}
	return n
}

// textSection holds the functions that are not programs.
const textSection = ".text"

// Compile makes an object of a module whose functions are in ir.PhaseLow. An
// error is a diag.List.
func Compile(m *ir.Module, o Options) (*Output, error) {
	if o.CPU == 0 {
		o.CPU = int(bpf.V3)
	}
	out := &Output{}
	var rep diag.Reporter
	words := findCalleeWords(m)
	out.Funcs = make([]FuncCode, len(m.Funcs))
	for _, i := range callersFirst(m) {
		out.Funcs[i] = compileFunc(m.Funcs[i], o, words, &rep)
	}
	if rep.Errors() == 0 {
		checkChains(m, out.Funcs, &rep)
	}
	if err := rep.Err(); err != nil {
		return nil, err
	}
	if o.Check {
		for i := range out.Funcs {
			if err := verifyCode(m, m.Funcs[i], &out.Funcs[i]); err != nil {
				ir.Bugf("%s: %v", out.Funcs[i].Name, err)
			}
		}
	}
	object, err := writeObject(m, out.Funcs, o)
	if err != nil {
		return nil, err
	}
	out.Object = object
	return out, nil
}

// compileFunc makes the code of one function.
func compileFunc(f *ir.Func, o Options, words calleeWords, rep *diag.Reporter) FuncCode {
	cpu := bpf.CPU(o.CPU)
	dump := func(stage string, m *mfunc) {
		if o.Dump != nil {
			o.Dump(stage, f.Name, m.String())
		}
	}
	m := selectFunc(f, cpu)
	if o.Consume && !o.Check {
		f.Discard()
	}
	dump("select", m)
	m.assign(words, o.TightStack, o.Check)
	dump("allocate", m)
	m.checkStack(rep)
	m.layout()
	dump("layout", m)
	code := FuncCode{Name: f.Name, Section: f.Section, Stack: m.stack}
	if f.Kind == nil {
		code.Section = textSection
	}
	m.emit(&code, cpu, reach)
	return code
}

// assign gives everything its register, or its place on the stack.
func (m *mfunc) assign(words calleeWords, tight, check bool) {
	strict := loadsStrictly(m.fn)
	apart := strict && !tight
	bottom := m.placeObjects(false, apart, 0)
	if apart && bottom > apartMost {
		bottom = m.placeObjects(false, false, 0)
	}
	if strict {
		m.sinkStores()
		m.hideParts(bottom, words)
	}
	m.allocate(check)
	bottom = m.placeObjects(true, false, (bottom+7)&^7)
	m.stack = (bottom + 7) &^ 7
}

// checkStack reports a function that needs more stack than there is, at its
// largest object.
func (m *mfunc) checkStack(rep *diag.Reporter) {
	if m.stack <= maxStack {
		return
	}
	pos, size := m.fn.Pos, 0
	for i := range m.objs {
		if o := &m.objs[i]; !o.spill && o.size > size {
			pos, size = o.pos, o.size
		}
	}
	rep.Errorf(diag.StackOverflow, span(m.fn.Module, pos), "the program needs %d bytes of stack; %d are available", m.stack, maxStack)
}

// checkChains reports calls whose frames together are too large. The kernel
// rounds each frame up to 32 bytes.
func checkChains(m *ir.Module, code []FuncCode, rep *diag.Reporter) {
	index := map[string]int{}
	for i := range code {
		index[code[i].Name] = i
	}
	depth := make([]int, len(m.Funcs))
	var need func(i int) int
	need = func(i int) int {
		if depth[i] != 0 {
			return depth[i]
		}
		own := max(32, (code[i].Stack+31)&^31)
		depth[i] = own // ends recursion, which the kernel refuses anyway
		deepest := 0
		for k := range code[i].Insts {
			if in := &code[i].Insts[k]; in.Op == bpf.CallFunc || in.Op == bpf.LdFunc {
				deepest = max(deepest, need(index[in.Sym]))
			}
		}
		depth[i] = own + deepest
		return depth[i]
	}
	for i, f := range m.Funcs {
		if n := need(i); f.Kind != nil && n > maxStack && n > max(32, (code[i].Stack+31)&^31) {
			rep.Errorf(diag.StackOverflow, span(m, f.Pos), "the program and the functions that it calls need %d bytes of stack; %d are available", n, maxStack)
		}
	}
}

// span returns the place pos names.
func span(m *ir.Module, pos ir.Pos) diag.Span {
	if pos.Line < 1 || pos.File < 0 || int(pos.File) >= len(m.Files) {
		return diag.Span{}
	}
	f := m.Files[pos.File]
	off := 0
	for line := 1; line < int(pos.Line) && off < len(f.Text); off++ {
		if f.Text[off] == '\n' {
			line++
		}
	}
	off = min(off+max(int(pos.Col)-1, 0), len(f.Text))
	return diag.Span{File: f, Start: off, End: off}
}
