package script

import (
	"errors"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What a live Host needs of the stage: from the moment when programs are loaded
// the script runs on, without bounds, and values come from the kernel.

// ErrInterrupted is what an operation returns to raise "interrupted!" in the
// script. Uncaught it ends the script, and is not reported.
var ErrInterrupted = errors.New("interrupted!")

// GoLive lifts the bounds of the stage: from now on the script is a program that
// may run for as long as it likes. What only a running program knows is asked of
// the host each time.
func (st *Stage) GoLive() {
	st.live = true
	b := st.bounds
	b.limits = Limits{Instructions: math.MaxInt64, Memory: math.MaxInt64, Time: math.MaxInt64}
	b.measureAt = math.MaxInt64
}

// Interrupted reports whether an interrupt that nothing caught ended the script.
func (st *Stage) Interrupted() bool { return st.interrupted }

// halted reports whether Options.Halt is closed.
func (st *Stage) halted() bool {
	select {
	case <-st.opts.Halt:
		return true
	default:
		return false
	}
}

// isInterrupt reports whether err is ErrInterrupted as the VM raised it.
func isInterrupt(err error) bool {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return false
	}
	f, ok := userdata[*failure](ae.Object)
	return ok && f.msg == ErrInterrupted.Error() && f.code == ""
}

// Value is the C value of type t in b, as the script reads it: a number, or data
// in b itself.
func (st *Stage) Value(t ctype.Type, b []byte) lua.LValue { return st.read(t, &memory{b}, 0) }

// MapValue is a value of a map as the host read it, as the script sees it; nil
// for no entry. A map with a value for each CPU gives an array of them in the
// order of CPUs; a map of stacks, a list of addresses.
func (st *Stage) MapValue(m *Map, v []byte) lua.LValue {
	switch size := ctype.Size(m.Value); {
	case v == nil:
		return lua.LNil
	case st.live && m.Type.PerCPU:
		return st.Value(ctype.ArrayOf(m.Value, len(v)/size), v)
	case m.Type.Can(kernel.MapStack):
		return st.stack(v)
	}
	return st.Value(m.Value, v)
}

// stack is the addresses of a stack trace as a list, up to the first zero.
func (st *Stage) stack(v []byte) lua.LValue {
	t := st.vm.NewTable()
	for i := 0; i+8 <= len(v); i += 8 {
		ip := ctype.Decode(uint64Type, v[i:], st.opts.BigEndian)
		if ip == 0 {
			break
		}
		t.Append(st.wide(ip, true))
	}
	return t
}

// Iteration is what one value of m.pairs iterates over, and how far it has come.
type Iteration struct {
	Map   *Map
	State any // the host's
}

// pairs is a new value of m.pairs. Called with the map alone it begins a loop, with
// a key behind it, it is the iterator of one.
func (st *Stage) pairs(m *Map) *lua.LFunction {
	it := &Iteration{Map: m}
	return st.vm.NewFunction(func(L *lua.LState) int {
		return st.userSpace(L, "iterating map '"+m.Name+"'", "map.pairs", it)
	})
}

// Key converts v to a key of m, as it lies in memory.
func (st *Stage) Key(L *lua.LState, m *Map, v lua.LValue) []byte {
	return st.mapData(L, m, "key", m.Key, v)
}

// Type is the C type that argument v names, as text, as a ctype or as a value of
// that type.
func (st *Stage) Type(L *lua.LState, v lua.LValue) ctype.Type { return st.typeValue(L, v) }

// Wide is a 64-bit integer as a value of the script.
func (st *Stage) Wide(bits uint64, unsigned bool) lua.LValue { return st.wide(bits, unsigned) }

// ToString writes a value as tostring does.
func (st *Stage) ToString(L *lua.LState, v lua.LValue) string { return st.tostring(L, v) }

// Integer is a number or a 64-bit integer of the script, cut to one of 64 bits;
// false for any other value.
func Integer(v lua.LValue) (uint64, bool) {
	if c, ok := ToCData(v); ok {
		return c.Bits, true
	}
	if s, ok := v.(lua.LString); ok {
		f, ok := parseNumber(string(s), 10)
		return bitsOf(f), ok
	}
	n, ok := v.(lua.LNumber)
	return bitsOf(float64(n)), ok
}

// Number is a number of the script, or a 64-bit integer as one.
func Number(v lua.LValue) (float64, bool) {
	if c, ok := ToCData(v); ok {
		return c.float(), true
	}
	if s, ok := v.(lua.LString); ok {
		return parseNumber(string(s), 10)
	}
	n, ok := v.(lua.LNumber)
	return float64(n), ok
}

// Text is a string of the script, or what lies in C data of bytes up to its
// first zero.
func Text(v lua.LValue) (string, bool) {
	if s, ok := v.(lua.LString); ok {
		return string(s), true
	}
	r, ok := ToRef(v)
	if !ok || ctype.Element(r.Type) == nil || ctype.Size(ctype.Element(r.Type)) != 1 {
		return "", false
	}
	b := r.rest()
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	return string(b), true
}

// Method is a function of an object of the host's; the object is argument 1.
type Method = func(L *lua.LState, args []lua.LValue) ([]lua.LValue, error)

// NewObject makes a value of the host's with methods.
func (st *Stage) NewObject(kind string, methods map[string]Method) lua.LValue {
	index := st.vm.NewTable()
	for name, m := range methods {
		index.RawSetString(name, st.NewFunction(m))
	}
	meta := st.vm.NewTable()
	meta.RawSetString("__index", index)
	meta.RawSetString("__metatable", lua.LString(kind))
	return st.userdata(object{kind}, meta)
}

// NewFunction makes a function of the host's.
func (st *Stage) NewFunction(m Method) *lua.LFunction {
	return st.vm.NewFunction(func(L *lua.LState) int {
		args := make([]lua.LValue, L.GetTop())
		for i := range args {
			args[i] = L.Get(i + 1)
		}
		out, err := m(L, args)
		st.hostError(L, err)
		for _, v := range out {
			L.Push(v)
		}
		return len(out)
	})
}

// NewTable makes an empty table.
func (st *Stage) NewTable() *lua.LTable { return st.vm.NewTable() }

// Endless reports whether one of the places where L's calls are lies in a loop
// that no condition ends: 'while true'.
func (st *Stage) Endless(L *lua.LState) bool {
	for t := L; t != nil; t = t.Parent {
		for level := 0; level < 64; level++ {
			id, ok := frameNode(t, level)
			if !ok {
				break
			}
			if id > 0 && id <= st.nodes.len() && st.inEndless(st.nodes.at(id)) {
				return true
			}
		}
	}
	return false
}

func (st *Stage) inEndless(at node) (found bool) {
	pos := at.n.Bounds().Start
	for _, ch := range st.chunks {
		if ch.File != at.file {
			continue
		}
		syntax.Inspect(ch.Func, func(n syntax.Node) bool {
			r := n.Bounds()
			if pos < r.Start || r.End <= pos {
				return false
			}
			switch s := n.(type) {
			case *syntax.WhileStmt:
				c, isConst := s.Cond.(*syntax.BoolExpr)
				_, isNumber := s.Cond.(*syntax.NumberExpr)
				found = found || isConst && c.Value || isNumber
			case *syntax.RepeatStmt:
				c, isConst := s.Cond.(*syntax.BoolExpr)
				found = found || isConst && !c.Value
			}
			return !found
		})
	}
	return found
}

// VM is the main thread of the VM.
func (st *Stage) VM() *lua.LState { return st.vm }

// Finally calls a function of a script that is over, whatever has ended it.
func (st *Stage) Finally(fn *lua.LFunction) error {
	st.bounds.stop, st.opts.Halt = nil, nil
	st.vm.SetTop(0)
	st.vm.Push(fn)
	if err := st.protected(st.vm, 0); err != nil && st.bounds.stop == nil && !isInterrupt(err) {
		var r diag.Reporter
		saved := st.reporter
		st.reporter = &r
		st.report(err)
		st.reporter = saved
		return r.Err()
	}
	return nil
}

// Protect calls f on the main thread, so that f may call functions of the script.
// What they raise is returned, but for an interrupt.
func (st *Stage) Protect(f func(L *lua.LState) error) (err error) {
	e := st.Finally(st.vm.NewFunction(func(L *lua.LState) int {
		err = f(L)
		return 0
	}))
	return errors.Join(err, e)
}
