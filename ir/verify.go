package ir

import (
	"fmt"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The verifier is the specification of the IR: it checks what the package
// documentation lists under "Invariants", and what each op's row says. It runs
// after every pass in tests. An error names the function, the block and the
// value, in the text form; the first one found is returned.

// maxStack is how many bytes of stack BPF has.
const maxStack = 512

// Verify checks the module's declarations and all its functions.
func (m *Module) Verify() error {
	if err := m.verifyDecls(); err != nil {
		return err
	}
	for _, f := range m.Funcs {
		if f.Module != m {
			return fmt.Errorf("%s: is in another module's list", f.Name)
		}
		if err := Verify(f); err != nil {
			return err
		}
	}
	return m.verifyCalls()
}

func (m *Module) verifyDecls() error {
	seen := map[string]bool{}
	for _, x := range m.Maps {
		if x.Name == "" {
			return fmt.Errorf("a map has no name")
		}
		if seen[x.Name] {
			return fmt.Errorf("map %s: the name is taken", x.Name)
		}
		seen[x.Name] = true
		if msg := verifyMap(x); msg != "" {
			return fmt.Errorf("map %s: %s", x.Name, msg)
		}
	}
	for _, g := range m.Globals {
		switch {
		case g.Name == "":
			return fmt.Errorf("a variable has no name")
		case seen[g.Name]:
			return fmt.Errorf("variable %s: the name is taken", g.Name)
		case g.Size <= 0 || g.Data != nil && len(g.Data) != g.Size:
			return fmt.Errorf("variable %s: begins with %d bytes of %d", g.Name, len(g.Data), g.Size)
		case g.Align < 1 || g.Align > 8 || g.Align&(g.Align-1) != 0:
			return fmt.Errorf("variable %s: has the alignment %d", g.Name, g.Align)
		case g.Extern && (!g.Const || g.Static || g.Data != nil):
			return fmt.Errorf("variable %s: what the kernel has can't be written, and is not known", g.Name)
		}
		for _, f := range g.Funcs {
			if f.Off < 0 || f.Off > g.Size-8 || f.Off%8 != 0 || f.Func == nil || f.Func.Kind == nil {
				return fmt.Errorf("variable %s: has no program at %d", g.Name, f.Off)
			}
		}
		seen[g.Name] = true
	}
	for _, k := range m.Kfuncs {
		switch h := k.Helper; {
		case h == nil || h.Name == "":
			return fmt.Errorf("a kfunc has no name")
		case seen[h.Name]:
			return fmt.Errorf("kfunc %s: the name is taken", h.Name)
		case !h.Kfunc || h.ID != 0 || len(h.Args) > 5 || len(h.Sizes) > len(h.Args):
			return fmt.Errorf("kfunc %s: is none", h.Name)
		case h.Release != "" && (h.Ret != kernel.RetHeld && h.Ret != kernel.RetHeldSure || m.Kfunc(h.Release) == nil):
			return fmt.Errorf("kfunc %s: what it returns can't be given back by '%s'", h.Name, h.Release)
		}
		seen[k.Helper.Name] = true
	}
	for _, f := range m.Funcs {
		if f.Name == "" {
			return fmt.Errorf("a function has no name")
		}
		if seen[f.Name] {
			return fmt.Errorf("%s: the name is taken", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

func verifyMap(m *Map) string {
	switch {
	case m.Type == nil:
		return "has no type"
	case m.Type.CheckEntries(m.MaxEntries) != "":
		return m.Type.CheckEntries(m.MaxEntries)
	case m.KeySize == 0 && !m.Type.Key.None():
		return "keys have no size"
	case m.ValueSize == 0 && !m.Type.Value.None():
		return "values have no size"
	case !m.Type.Key.Ok(m.KeySize):
		return fmt.Sprintf("keys have %d bytes, not %s", m.KeySize, m.Type.Key)
	case !m.Type.Value.Ok(m.ValueSize):
		return fmt.Sprintf("values have %d bytes, not %s", m.ValueSize, m.Type.Value)
	case m.Type.Can(kernel.MapInner) != (m.Inner != nil):
		return "a map of maps, and only that, says what the maps in it are like"
	}
	if m.Inner != nil {
		if msg := verifyMap(m.Inner); msg != "" {
			return "inner map: " + msg
		}
	}
	for _, s := range m.Slots {
		if (s.Map != nil) == (s.Func != nil) || s.Map != nil && m.Inner == nil || s.Func != nil && !m.Type.Can(kernel.MapTailCall) || s.Index >= m.MaxEntries {
			return fmt.Sprintf("slot %d holds what it can't", s.Index)
		}
	}
	for i, e := range m.Contents {
		if len(e.Key) != int(m.KeySize) || len(e.Value) != int(m.ValueSize) {
			return fmt.Sprintf("entry %d has %d and %d bytes, not %d and %d", i, len(e.Key), len(e.Value), m.KeySize, m.ValueSize)
		}
	}
	return ""
}

// verifyCalls checks that calls between functions do not recurse: BPF has no
// stack for it.
func (m *Module) verifyCalls() error {
	const active, done = 1, 2
	state := map[*Func]int{}
	var visit func(f *Func) error
	visit = func(f *Func) error {
		state[f] = active
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				g, ok := v.Aux.(*Func)
				if !ok || state[g] == done {
					continue
				}
				if state[g] == active {
					return verifyErr(f, b, v, "recursion")
				}
				if err := visit(g); err != nil {
					return err
				}
			}
		}
		state[f] = done
		return nil
	}
	for _, f := range m.Funcs {
		if state[f] == 0 {
			if err := visit(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func verifyErr(f *Func, b *Block, v *Value, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	switch {
	case v != nil:
		return fmt.Errorf("%s: %s: %s: %s", f.Name, b, v.LongString(), msg)
	case b != nil:
		return fmt.Errorf("%s: %s: %s", f.Name, b, msg)
	}
	return fmt.Errorf("%s: %s", f.Name, msg)
}

// Verify checks one function, given that the functions it calls are there.
func Verify(f *Func) error {
	c := &checker{f: f}
	for _, step := range []func() error{c.header, c.structure, c.edges, c.uses, c.order, c.rows, c.special} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

type checker struct {
	f     *Func
	index []int  // place of a value in its block, by ID
	ret   *Block // the first block that returns
}

func (c *checker) errf(b *Block, v *Value, format string, args ...any) error {
	return verifyErr(c.f, b, v, format, args...)
}

// header checks what is not in a block.
func (c *checker) header() error {
	f := c.f
	if f.Module == nil {
		return c.errf(nil, nil, "is in no module")
	}
	if len(f.Blocks) == 0 {
		return c.errf(nil, nil, "has no blocks")
	}
	for i, p := range f.Params {
		if p.Type != I64 && p.Type != Ptr && p.Type != Bool {
			return c.errf(nil, nil, "parameter %d is %s", i, p.Type)
		}
		if p.Name == "" {
			return c.errf(nil, nil, "parameter %d has no name", i)
		}
	}
	if f.Kind != nil && (len(f.Params) != 1 || f.Params[0].Type != Ptr) {
		return c.errf(nil, nil, "a program has one parameter, a ptr")
	}
	if (f.Kind != nil) != (f.Section != "") {
		return c.errf(nil, nil, "a program, and nothing else, has a section")
	}
	if msg := c.callbackOf(); msg != "" {
		return c.errf(nil, nil, "%s", msg)
	}
	if msg := c.subOf(); msg != "" {
		return c.errf(nil, nil, "%s", msg)
	}
	for i, s := range f.Slots {
		switch {
		case s.ID != i:
			return c.errf(nil, nil, "slot %d has ID %d", i, s.ID)
		case s.Size <= 0 || s.Size > maxStack:
			return c.errf(nil, nil, "slot %s has %d bytes", s, s.Size)
		case s.Align != 1 && s.Align != 2 && s.Align != 4 && s.Align != 8:
			return c.errf(nil, nil, "slot %s has alignment %d", s, s.Align)
		}
	}
	if f.Phase >= PhaseLow {
		if f.Short != nil {
			return c.errf(nil, nil, "a low function has no short block")
		}
		if len(f.Params) > 5 {
			return c.errf(nil, nil, "has %d parameters, BPF passes 5", len(f.Params))
		}
	}
	return nil
}

// callbackOf checks what makes a function a callback.
func (c *checker) callbackOf() string {
	f, cb := c.f, c.f.Callback
	switch {
	case cb == nil:
		return ""
	case f.Kind != nil:
		return "a program is no callback"
	case cb.Prog == nil:
		return "a callback needs the kind of its program"
	case cb.Frame < 0 || cb.Frame >= len(f.Params) || f.Params[cb.Frame].Type != Ptr:
		return fmt.Sprintf("the callback's frame is parameter %d, which is no ptr", cb.Frame)
	}
	return ""
}

// subOf checks what a subprogram knows of its program.
func (c *checker) subOf() string {
	f, s := c.f, c.f.Sub
	switch {
	case s == nil && f.Linkable != nil:
		return "only a subprogram is linked against"
	case s == nil:
		return ""
	case f.Kind != nil || f.Callback != nil:
		return "a program or callback is no subprogram"
	case s.Prog == nil:
		return "a subprogram needs the kind of its program"
	case s.Ctx < -1 || s.Ctx >= len(f.Params) || s.Ctx >= 0 && f.Params[s.Ctx].Type != Ptr:
		return fmt.Sprintf("the subprogram's context is parameter %d, which is no ptr", s.Ctx)
	}
	return ""
}

// structure checks IDs, back pointers and how each block ends.
func (c *checker) structure() error {
	f := c.f
	c.index = make([]int, f.NumValues())
	blocks := make([]bool, f.NumBlocks())
	seen := make([]bool, f.NumValues())
	short := f.Short == nil
	for _, b := range f.Blocks {
		switch {
		case b.Func != f:
			return c.errf(b, nil, "belongs to another function")
		case b.ID < 0 || b.ID >= len(blocks):
			return c.errf(b, nil, "ID is out of range")
		case blocks[b.ID]:
			return c.errf(b, nil, "ID is taken")
		}
		blocks[b.ID] = true
		short = short || b == f.Short
		for i, v := range b.Values {
			switch {
			case v.Op == OpInvalid || v.Op >= NumOps:
				return c.errf(b, nil, "%s has no op", v)
			case v.Block != b:
				return c.errf(b, v, "is in another block's list")
			case v.ID < 0 || int(v.ID) >= len(seen):
				return c.errf(b, v, "ID is out of range")
			case seen[v.ID]:
				return c.errf(b, v, "ID %d is taken", v.ID)
			}
			seen[v.ID] = true
			c.index[v.ID] = i
		}
		if err := c.ends(b); err != nil {
			return err
		}
	}
	switch {
	case !short:
		return c.errf(nil, nil, "the short block %s is not in the function", f.Short)
	case f.Short != nil && f.Short == f.Entry():
		return c.errf(nil, nil, "the short block is the entry")
	}
	return nil
}

// ends checks the number of successors and the control value.
func (c *checker) ends(b *Block) error {
	want := 0
	switch b.Kind {
	case BlockJump:
		want = 1
		if b.Control != nil {
			return c.errf(b, nil, "a jump has no control value")
		}
	case BlockIf:
		want = 2
		if b.Control == nil {
			return c.errf(b, nil, "a branch needs a control value")
		}
		if b.Control.Type != Bool {
			return c.errf(b, nil, "control value %s is %s, not bool", b.Control, b.Control.Type)
		}
	case BlockRet:
		if b.Control == nil && c.f.Kind != nil {
			return c.errf(b, nil, "a program returns a value")
		}
		if b.Control != nil && b.Control.Type != I64 {
			return c.errf(b, nil, "returns %s, which is %s, not i64", b.Control, b.Control.Type)
		}
		if c.ret == nil {
			c.ret = b
		}
		if (c.ret.Control == nil) != (b.Control == nil) {
			return c.errf(b, nil, "only some blocks return a value")
		}
	default:
		return c.errf(b, nil, "unknown kind of block %d", b.Kind)
	}
	if len(b.Succs) != want {
		return c.errf(b, nil, "has %d successors, not %d", len(b.Succs), want)
	}
	return nil
}

// edges checks that both ends of each edge agree, and phis with them.
func (c *checker) edges() error {
	for _, b := range c.f.Blocks {
		for i, e := range b.Succs {
			if e.B.Func != c.f || e.I >= len(e.B.Preds) || e.B.Preds[e.I] != (Edge{b, i}) {
				return c.errf(b, nil, "edge to %s has no reverse", e.B)
			}
		}
		for i, e := range b.Preds {
			if e.B.Func != c.f || e.I >= len(e.B.Succs) || e.B.Succs[e.I] != (Edge{b, i}) {
				return c.errf(b, nil, "edge from %s has no reverse", e.B)
			}
		}
		phis := true
		for _, v := range b.Values {
			switch {
			case v.Op != OpPhi:
				phis = false
			case !phis:
				return c.errf(b, v, "stands behind other values")
			case b == c.f.Short:
				return c.errf(b, v, "the short block has no phis")
			case len(v.Args) != len(b.Preds):
				return c.errf(b, v, "has %d arguments for %d predecessors", len(v.Args), len(b.Preds))
			}
		}
	}
	if n := len(c.f.Entry().Preds); n != 0 {
		return c.errf(c.f.Entry(), nil, "the entry has predecessors")
	}
	return nil
}

// uses checks that arguments are in the function and the Uses counts right.
func (c *checker) uses() error {
	f := c.f
	uses := make([]int32, f.NumValues())
	here := make([]bool, f.NumValues())
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			here[v.ID] = true
		}
	}
	in := func(v *Value) bool {
		return v != nil && v.ID >= 0 && int(v.ID) < len(here) && here[v.ID] && v.Block != nil && v.Block.Func == f &&
			v.Block.Values[c.index[v.ID]] == v
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for _, a := range v.Args {
				if !in(a) {
					return c.errf(b, v, "argument %s is in no block", a)
				}
				uses[a.ID]++
			}
		}
		if b.Control != nil {
			if !in(b.Control) {
				return c.errf(b, nil, "control value %s is in no block", b.Control)
			}
			uses[b.Control.ID]++
		}
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Uses != uses[v.ID] {
				return c.errf(b, v, "is used %d times, Uses says %d", uses[v.ID], v.Uses)
			}
		}
	}
	return nil
}

// order checks reachability and that definitions dominate uses.
func (c *checker) order() error {
	f := c.f
	d := Dominators(f)
	for _, b := range f.Blocks {
		if !d.Reachable(b) {
			return c.errf(b, nil, "is not reachable")
		}
	}
	for _, b := range f.Blocks {
		for i, v := range b.Values {
			for j, a := range v.Args {
				if v.Op == OpPhi {
					if p := b.Preds[j].B; a.Block != p && !d.Available(a, p) {
						return c.errf(b, v, "%s is not computed on the edge from %s", a, p)
					}
					continue
				}
				if !c.before(d, a, b, i) {
					return c.errf(b, v, "%s is not computed before", a)
				}
			}
		}
		if v := b.Control; v != nil && !c.before(d, v, b, len(b.Values)) {
			return c.errf(b, nil, "control value %s is not computed before", v)
		}
	}
	return nil
}

// before reports whether a is computed whenever control is at b.Values[i].
func (c *checker) before(d *Dom, a *Value, b *Block, i int) bool {
	if a.Block == b {
		return c.index[a.ID] < i
	}
	return d.Available(a, b)
}

// helperMinArgs returns how many arguments a call of h has at least: those of
// a format string may be left out.
func helperMinArgs(h *kernel.Helper) int {
	if h.Name == "trace_printk" {
		return 2
	}
	return len(h.Args)
}
