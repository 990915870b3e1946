package userspace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// call is an operation of user space at work.
type call struct {
	*host
	op   script.Operation
	L    *lua.LState
	args []lua.LValue
}

// operation does an operation and returns its results.
type operation func(c *call) ([]lua.LValue, error)

// operations are the operations by their names.
func operations() map[string]operation {
	all := map[string]operation{}
	for _, part := range []func() map[string]operation{mapCalls, bpfCalls, syscallCalls, osCalls, ioCalls, cCalls} {
		maps.Copy(all, part())
	}
	return all
}

// UserSpace does an operation. Those on maps, variables and programs, and all
// behind the first program, find everything loaded.
func (h *host) UserSpace(st *script.Stage, op script.Operation, args []lua.LValue) ([]lua.LValue, error) {
	h.st = st
	if h.loaded == nil && (op.On != nil || st.Declared()) {
		if err := h.load(st); err != nil {
			return nil, err
		}
	}
	f, ok := h.operation(op.Call)
	if !ok {
		return nil, h.unknown(op)
	}
	out, err := f(&call{host: h, op: op, L: op.Thread, args: args})
	if err == nil {
		err = h.keep(op.Call, op.Span, out)
	}
	return out, err
}

func (h *host) operation(name string) (operation, bool) {
	if h.table == nil {
		h.table = operations()
	}
	f, ok := h.table[name]
	return f, ok
}

// keep notes what an operation in front of the declarations gave, for compiling.
func (h *host) keep(call string, span diag.Span, out []lua.LValue) error {
	if h.loaded != nil {
		return nil
	}
	a := script.Answer{Call: call}
	for _, v := range out {
		kept, ok := h.kept(v)
		if !ok {
			return h.stop(diag.List{{Code: diag.ScriptError, Span: span,
				Message: call + "() gives what can't be repeated when compiling: call it behind the declarations"}})
		}
		a.Values = append(a.Values, kept)
	}
	h.answers = append(h.answers, a)
	return nil
}

// kept is a value as an answer has it.
func (h *host) kept(v lua.LValue) (any, bool) {
	switch v := v.(type) {
	case *lua.LNilType, lua.LBool, lua.LNumber, lua.LString:
		return v, true
	case *lua.LTable:
		var fields []script.Field
		whole := true
		v.ForEach(func(k, x lua.LValue) {
			_, plain := x.(*lua.LTable)
			_, ours := x.(*lua.LUserData)
			whole = whole && !plain && !ours
			fields = append(fields, script.Field{Key: k, Value: x})
		})
		return fields, whole
	}
	handle, ok := h.handles[v]
	return handle, ok
}

// hand notes what a value of ours is good for.
func (h *host) hand(v lua.LValue, handle script.Handle) lua.LValue {
	if h.handles == nil {
		h.handles = map[lua.LValue]script.Handle{}
	}
	h.handles[v] = handle
	return v
}

// unknown says that there is no such operation, and which there are.
func (h *host) unknown(op script.Operation) error {
	mod, name, _ := strings.Cut(op.Call, ".")
	if rest, ok := strings.CutPrefix(op.Call, "ffi.C."); ok {
		mod, name = "ffi.C", rest
	}
	var near []string
	for _, n := range slices.Sorted(maps.Keys(h.table)) {
		if rest, ok := strings.CutPrefix(n, mod+"."); ok {
			near = append(near, rest)
		}
	}
	hint := ""
	if n := diag.Closest(name, near); n != "" {
		hint = " (did you mean '" + n + "'?)"
	} else if mod == "ffi.C" {
		hint = "; there are " + strings.Join(near, ", ")
	}
	return fmt.Errorf("'luabpfc run' has no %s%s", op.Call, hint)
}

// arg is argument i, from 0; nil if it is not given.
func (c *call) arg(i int) lua.LValue {
	if i < len(c.args) {
		return c.args[i]
	}
	return lua.LNil
}

// number is argument i, a number.
func (c *call) number(i int) (float64, error) {
	f, ok := script.Number(c.arg(i))
	if !ok {
		return 0, c.bad(i, "a number")
	}
	return f, nil
}

// integer is argument i, an integer of 64 bits.
func (c *call) integer(i int) (uint64, error) {
	n, ok := script.Integer(c.arg(i))
	if !ok {
		return 0, c.bad(i, "a number")
	}
	return n, nil
}

// text is argument i, a string.
func (c *call) text(i int) (string, error) {
	if n, ok := c.arg(i).(lua.LNumber); ok {
		return n.String(), nil
	}
	s, ok := script.Text(c.arg(i))
	if !ok {
		return "", c.bad(i, "a string")
	}
	return s, nil
}

// function is argument i, a function.
func (c *call) function(i int) (*lua.LFunction, error) {
	f, ok := c.arg(i).(*lua.LFunction)
	if !ok {
		return nil, c.bad(i, "a function")
	}
	return f, nil
}

func (c *call) bad(i int, want string) error {
	return fmt.Errorf("bad argument #%d to %s (%s expected, got %s)", i+1, strings.TrimSuffix(c.op.Name, "()"), want, c.arg(i).Type())
}

// results is a list of results.
func results(vs ...lua.LValue) ([]lua.LValue, error) { return vs, nil }

// failed is how Lua's library reports an error that is no mistake: nil, a message
// and a number.
func failed(err error) ([]lua.LValue, error) {
	return results(lua.LNil, lua.LString(err.Error()), lua.LNumber(errno(err)))
}

// callLua calls a function of the script and returns its first result.
func (c *call) callLua(f *lua.LFunction, args ...lua.LValue) lua.LValue {
	c.L.Push(f)
	for _, a := range args {
		c.L.Push(a)
	}
	c.L.Call(len(args), 1)
	v := c.L.Get(-1)
	c.L.Pop(1)
	return v
}
