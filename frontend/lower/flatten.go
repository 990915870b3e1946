package lower

import (
	"fmt"
	"strings"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	lua "github.com/yuin/gopher-lua"
)

// flattener takes values apart into the numbers in them, which travel into a
// subprogram or out of it, and what is known of them now, which is part of
// which subprogram it is: two lists of values with equal keys differ in their
// numbers only.
type flattener struct {
	lw     *lowerer
	key    strings.Builder
	leaves []*ir.Value
	index  map[*ir.Value]int
	// known: integers that are constants belong to the key.
	known bool
	// results: what is made in a subprogram goes out; what the caller has and
	// knows by identity must not come back as another.
	results bool
}

// rebuild makes the value again from its numbers.
type rebuild func(number func(i int) *ir.Value) Value

const maxFlatten = 24 // nested values

// number adds a number and returns its index. The key does not say which
// numbers are one and the same: f(x, x) calls what f(x, y) calls.
func (f *flattener) number(v *ir.Value) int {
	if v.Type == ir.Bool {
		v = f.lw.b.Op(ir.OpBoolToInt, v)
	}
	if f.index == nil {
		f.index = map[*ir.Value]int{}
	}
	if _, ok := f.index[v]; !ok {
		f.index[v] = len(f.leaves)
	}
	f.leaves = append(f.leaves, v)
	return len(f.leaves) - 1
}

// shared is number for one that may be there already: its index is part of the
// key.
func (f *flattener) shared(v *ir.Value) int {
	if i, ok := f.index[v]; ok {
		return i
	}
	return f.number(v)
}

// intern numbers what has an identity.
func (lw *lowerer) intern(x any) int {
	i, ok := lw.interned[x]
	if !ok {
		i = len(lw.interned)
		lw.interned[x] = i
	}
	return i
}

// add takes v apart; ok is false for what can't travel.
func (f *flattener) add(v Value, depth int) (rebuild, bool) {
	lw := f.lw
	if depth > maxFlatten || f.key.Len() > 1<<12 {
		return nil, false
	}
	v = lw.resolve(lw.settled(lw.resolve(v)))
	if lw.b.Block == nil {
		return nil, false
	}
	same := func(number func(int) *ir.Value) Value { return v }
	switch x := v.(type) {
	case Const:
		if s, ok := x.V.(lua.LString); ok {
			fmt.Fprintf(&f.key, "s%q;", string(s))
		} else {
			fmt.Fprintf(&f.key, "c%d;", lw.intern(x.V))
		}
		return same, true
	case Global:
		fmt.Fprintf(&f.key, "g%s;", x.Name)
		return same, true
	case Context:
		f.key.WriteString("x;")
		return same, true
	case CtxArray:
		fmt.Fprintf(&f.key, "a%s;", x.Field.Name)
		return same, true
	case Int:
		return f.int(x)
	case Bool:
		f.key.WriteString("b;")
		i := f.number(x.V)
		return func(number func(int) *ir.Value) Value { return Bool{lw.b.Op(ir.OpNe, number(i), lw.b.Const(0))} }, true
	case Opt:
		f.key.WriteString("o")
		i := f.number(x.Present)
		val, ok := f.add(x.Val, depth+1)
		return func(number func(int) *ir.Value) Value {
			return Opt{lw.b.Op(ir.OpNe, number(i), lw.b.Const(0)), val(number)}
		}, ok
	case Pointer:
		return f.pointer(x, depth)
	case Bytes:
		if x.Slot != nil || x.kept != nil {
			return nil, false
		}
		fmt.Fprintf(&f.key, "y%d,%v", x.Len, x.Text)
		at, ok := f.pointer(x.At, depth)
		return func(number func(int) *ir.Value) Value {
			return Bytes{At: at(number).(Pointer), Len: x.Len, Text: x.Text}
		}, ok
	case *Table:
		return f.table(x, depth)
	case *Closure:
		return f.closure(x, depth)
	}
	return nil, false
}

func (f *flattener) int(x Int) (rebuild, bool) {
	fmt.Fprintf(&f.key, "i%v,%v,%d", x.Unsigned, x.Bit, x.Slice)
	if c, ok := x.V.IsConst(); ok && f.known {
		fmt.Fprintf(&f.key, "=%d;", c)
		return func(func(int) *ir.Value) Value {
			return Int{V: f.lw.b.Const(c), Unsigned: x.Unsigned, Bit: x.Bit, Slice: x.Slice}
		}, true
	}
	f.key.WriteString(";")
	i := f.number(x.V)
	return func(number func(int) *ir.Value) Value {
		return Int{V: number(i), Unsigned: x.Unsigned, Bit: x.Bit, Slice: x.Slice}
	}, true
}

// pointer takes a place in the packet apart, with the path to it.
func (f *flattener) pointer(p Pointer, depth int) (rebuild, bool) {
	if p.late != nil || depth > maxFlatten {
		return nil, false
	}
	fmt.Fprintf(&f.key, "p%d,%d", p.Off, f.lw.intern(p.View))
	base, l3 := -1, -1
	if p.Base != nil {
		base = f.shared(p.Base)
		fmt.Fprintf(&f.key, "+%d", base)
	}
	if p.l3 != nil {
		l3 = f.shared(p.l3)
		fmt.Fprintf(&f.key, "@%d", l3)
	}
	tests := make([]int, len(p.Path))
	parents := make([]rebuild, len(p.Path))
	for i, s := range p.Path {
		if s.any != nil {
			return nil, false
		}
		fmt.Fprintf(&f.key, "/%d", f.lw.intern(s.rule))
		parent, ok := f.pointer(Pointer{Base: s.parent.Base, Off: s.parent.Off, View: s.parent.View, l3: s.parent.l3, late: s.parent.late}, depth+1)
		if !ok {
			return nil, false
		}
		parents[i], tests[i] = parent, -1
		if s.test != nil {
			tests[i] = f.shared(s.test)
			fmt.Fprintf(&f.key, "?%d", tests[i])
		}
	}
	f.key.WriteString(";")
	return func(number func(int) *ir.Value) Value {
		out := Pointer{Off: p.Off, View: p.View}
		if base >= 0 {
			out.Base = number(base)
		}
		if l3 >= 0 {
			out.l3 = number(l3)
		}
		for i, s := range p.Path {
			st := step{parent: parents[i](number).(Pointer), rule: s.rule}
			if tests[i] >= 0 {
				st.test = f.lw.b.Op(ir.OpNe, number(tests[i]), f.lw.b.Const(0))
			}
			out.Path = append(out.Path, st)
		}
		return out
	}, true
}

// borrowed is a variable of the caller that a subprogram has a copy of: it may
// be read only.
func borrowed(v Value, field bool) *cell { return &cell{val: v, field: field} }

func (f *flattener) table(t *Table, depth int) (rebuild, bool) {
	f.key.WriteString("t{")
	vals := make([]rebuild, len(t.keys))
	for i, k := range t.keys {
		if f.results && t.fields[k].born == 0 {
			return nil, false
		}
		fmt.Fprintf(&f.key, "%d:", f.lw.intern(k))
		v, ok := f.add(t.fields[k].get(), depth+1)
		if !ok {
			return nil, false
		}
		vals[i] = v
	}
	meta := rebuild(func(func(int) *ir.Value) Value { return nil })
	if t.meta != nil {
		f.key.WriteString("|")
		m, ok := f.add(t.meta, depth+1)
		if !ok {
			return nil, false
		}
		meta = m
	}
	f.key.WriteString("};")
	return func(number func(int) *ir.Value) Value {
		out := &Table{fields: map[lua.LValue]*cell{}, keys: t.keys, meta: meta(number), made: borrowed(Nil, false)}
		for i, k := range t.keys {
			if f.results {
				out.fields[k] = f.lw.newCell(vals[i](number))
				out.fields[k].field = true
			} else {
				out.fields[k] = borrowed(vals[i](number), true)
			}
		}
		return out
	}, true
}

func (f *flattener) closure(c *Closure, depth int) (rebuild, bool) {
	fmt.Fprintf(&f.key, "f%d,%d", f.lw.intern(c.Func), f.lw.intern(c.script))
	if len(c.cells) == 0 {
		f.key.WriteString(";")
		return func(func(int) *ir.Value) Value { return c }, true
	}
	if f.results {
		return nil, false
	}
	f.key.WriteString("(")
	locals := f.lw.freeLocals(c.Func)
	vals := make([]rebuild, len(locals))
	for i, l := range locals {
		cl := c.cells[l]
		if cl == nil {
			continue
		}
		v, ok := f.add(cl.get(), depth+1)
		if !ok {
			return nil, false
		}
		vals[i] = v
	}
	f.key.WriteString(");")
	return func(number func(int) *ir.Value) Value {
		out := *c
		out.cells = map[*syntax.Local]*cell{}
		for i, l := range locals {
			if vals[i] != nil {
				out.cells[l] = borrowed(vals[i](number), false)
			}
		}
		return &out
	}, true
}
