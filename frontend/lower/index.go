package lower

import (
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// index evaluates obj[key] and obj.key.
func (lw *lowerer) index(e *syntax.Index) Value {
	obj := lw.expr(e.Obj)
	if lw.b.Block == nil {
		return Bad{}
	}
	return lw.indexOf(e, obj)
}

// indexOf evaluates e of a known object.
func (lw *lowerer) indexOf(e *syntax.Index, obj Value) Value {
	key := lw.expr(e.Key)
	if lw.b.Block == nil {
		return Bad{}
	}
	return lw.indexBy(e, obj, key)
}

// indexBy evaluates e of a known object and key.
func (lw *lowerer) indexBy(e *syntax.Index, obj, key Value) Value {
	lw.at(e)
	obj = lw.resolve(obj)
	name, named := stringConst(key)
	switch o := obj.(type) {
	case Context:
		if named {
			return lw.ctxField(e, o, name)
		}
	case CtxArray:
		return lw.ctxElement(e, o, key)
	case Pointer:
		return lw.pointerIndex(e, o, key)
	case Ref:
		return lw.loadOf(e, lw.refOf(e, o, key))
	case Bytes:
		if r, ok := lw.bytesRef(e, o); ok {
			return lw.loadOf(e, lw.refOf(e, r, key))
		}
		return Bad{}
	case *Table:
		return lw.field(e, o, key)
	case *Entry:
		if c, ok := lw.zeroIndex(e.Key, key); ok {
			if !c {
				return lw.errorf(e.Key, diag.OutOfRange, "an entry of a scalar type has only the element [0]")
			}
			return lw.readOpt(lw.fresh(o))
		}
	case Const:
		if d, ok := script.ToRef(o.V); ok {
			return lw.dataIndex(e, o, d, key)
		}
		if m, ok := script.ToMap(o.V); ok {
			if named && mapMethods[name] {
				return lw.errorf(e, diag.BadMapOperation, "'%s' is a method of maps: call it as %s:%s(...)", name, m.Name, name)
			}
			return lw.lookup(e, m, e.Key, key)
		}
		switch t := o.V.(type) {
		case *lua.LTable:
			return lw.constField(e, t, key)
		case *lua.LNilType:
			return Nil // a member of nil reads nil
		}
	case Global:
		if named {
			return lw.kernelMember(e, o.Name+"."+name)
		}
	case *Choice:
		if v, ok := lw.ofPointer(o, func(p Pointer) Value { return lw.pointerIndex(e, p, key) }); ok {
			return v
		}
		if absent(o) {
			return lw.whereThere(o, func(v Value) Value { return lw.indexBy(e, v, key) })
		}
	case Opt:
		return lw.errorf(e, diag.NotATable, "a number has no members")
	case *Conflict:
		lw.useConflict(e.Obj, o)
		return Bad{}
	case Bad:
		return o
	}
	return lw.errorf(e, diag.NotATable, "%s can't be indexed", describe(obj))
}

// mapMethods are the methods that language.md 8 and 9 give maps.
var mapMethods = map[string]bool{"update": true, "init": true, "add": true, "push": true, "pop": true, "peek": true,
	"each": true, "output": true, "reserve": true, "pairs": true, "reader": true, "poll": true, "lost": true, "print_hist": true}

// zeroIndex reports whether key is the constant 0, and whether it is constant.
func (lw *lowerer) zeroIndex(n syntax.Node, key Value) (zero, ok bool) {
	i, isInt := key.(Int)
	if !isInt {
		return false, false
	}
	c, known := i.V.IsConst()
	return c == 0, known
}

// fresh returns an entry that reads the element as it is now.
func (lw *lowerer) fresh(e *Entry) *Entry {
	out := *e
	out.num = lw.newCell(nil)
	out.num.entry = &out
	return &out
}

// constField reads a table of the script stage.
func (lw *lowerer) constField(e *syntax.Index, t *lua.LTable, key Value) Value {
	k, ok := lw.lua(key)
	if !ok {
		if _, bad := key.(Bad); bad {
			return Bad{}
		}
		if v, ok := lw.lookupConst(e, t, key); ok {
			return v
		}
		return lw.errorf(e.Key, diag.NeedsConstant, "only a table of integers, with the keys 1 to n, takes a key that is known only at run time; use an array or a map")
	}
	if v := t.RawGet(k); v != lua.LNil {
		return lw.constant(v)
	}
	if name, ok := k.(lua.LString); ok {
		if v := lw.stage.Prelude(t, string(name)); v != lua.LNil {
			return lw.constant(v)
		}
	}
	if name, ok := k.(lua.LString); ok && lw.stage.KernelOnly(t, string(name)) {
		return Global{"bpf." + string(name)}
	} else if ok {
		if msg, closed := lw.stage.NoMember(t, string(name)); closed {
			return lw.errorf(e, diag.UnknownMember, "%s", msg)
		}
	}
	return lw.inherited(e, Const{t}, key)
}

// field reads a field of a table of the kernel stage.
func (lw *lowerer) field(e *syntax.Index, t *Table, key Value) Value {
	k, ok := lw.lua(key)
	if !ok {
		return lw.errorf(e.Key, diag.NeedsConstant, "a table made in the kernel needs keys that are known when compiling; use an array or a map")
	}
	if t.fields[k] == nil {
		return lw.inherited(e, t, key)
	}
	return lw.resolve(t.fields[k].get())
}

// table evaluates a constructor: fields with keys known when compiling.
func (lw *lowerer) table(e *syntax.TableExpr) Value {
	t := lw.newTable()
	n := 0
	for i, f := range e.Fields {
		if f.Key != nil {
			k, ok := lw.lua(lw.expr(f.Key))
			if !ok || k == lua.LNil {
				return lw.errorf(f.Key, diag.NeedsConstant, "the keys of a table made in the kernel must be known when compiling")
			}
			lw.setField(t, k, lw.expr(f.Value))
			continue
		}
		if i == len(e.Fields)-1 {
			vals := lw.exprs([]syntax.Expr{f.Value}, -1)
			for _, v := range vals {
				n++
				lw.setField(t, lua.LNumber(n), v)
			}
			continue
		}
		n++
		lw.setField(t, lua.LNumber(n), lw.expr(f.Value))
	}
	return t
}

func (lw *lowerer) setField(t *Table, k lua.LValue, v Value) {
	c := t.fields[k]
	if c == nil {
		c = lw.newCell(Nil)
		c.field = true
		t.fields[k] = c
		t.keys = append(t.keys, k)
	}
	lw.set(c, lw.hold(v))
}

// madeOutside reports whether t was made before the trip of a loop at hand began.
func (lw *lowerer) madeOutside(t *Table) bool {
	n := len(lw.building)
	return n > 0 && (t.made == nil || t.made.born <= lw.building[n-1].start)
}

// border is the table's length: fields 1 to n are not nil.
func (t *Table) border() int {
	n := 0
	for c := t.fields[lua.LNumber(1)]; !isNil(c.get()); c = t.fields[lua.LNumber(n+1)] {
		n++
	}
	return n
}

// setIndex evaluates obj[key] = v.
func (lw *lowerer) setIndex(e *syntax.Index, obj, key, v Value) {
	if lw.b.Block == nil {
		return
	}
	obj = lw.resolve(obj)
	switch o := obj.(type) {
	case Const:
		if m, ok := script.ToMap(o.V); ok {
			lw.setEntry(e, m, e.Key, key, v)
			return
		}
		if _, ok := script.ToRef(o.V); ok {
			lw.errorf(e, diag.AssignToCaptured, "C data of the script is a constant in the kernel; use a map or bpf.global for what changes")
			return
		}
		if _, ok := o.V.(*lua.LTable); ok {
			lw.errorf(e, diag.AssignToCaptured, "a table of the script is a constant in the kernel; use a map or bpf.global for what changes")
			return
		}
		if isNil(o) {
			return // writing through nil does nothing
		}
	case *Table:
		if o.frozen {
			lw.errorf(e, diag.SharedTable, "this is one of several tables by now, which may have other names: a change would not be seen there; change it where it is made, or make a new one")
			return
		}
		k, ok := lw.lua(key)
		if !ok {
			lw.errorf(e.Key, diag.NeedsConstant, "a table made in the kernel needs keys that are known when compiling; use an array or a map")
			return
		}
		if o.fields[k] == nil && lw.madeOutside(o) {
			lw.errorf(e, diag.NeedsConstant, "a field can't be added to a table inside a loop; give it a value before")
			return
		}
		lw.setField(o, k, v)
		return
	case *Entry:
		if zero, ok := lw.zeroIndex(e.Key, key); ok && zero {
			lw.storeEntry(e, o, v)
			return
		}
	case Ref:
		if o.inner != nil {
			key, v = lw.settled(key), lw.settled(v)
			lw.onInner(o, func(m *script.Map) Value {
				lw.setEntry(e, m, e.Key, key, v)
				return Nil
			})
			return
		}
		if r, ok := lw.refOf(e, o, key).(Ref); ok {
			lw.storeRef(e, r, v)
		}
		return
	case Pointer:
		lw.setPacket(e, o, key, v)
		return
	case *Choice:
		if _, ok := lw.ofPointer(o, func(p Pointer) Value { lw.setPacket(e, p, key, v); return Nil }); ok {
			return
		}
		if absent(o) {
			lw.whereThere(o, func(there Value) Value {
				lw.setIndex(e, there, key, v)
				return Nil
			})
			return
		}
	case Context:
		lw.setCtx(e, key, v)
		return
	case CtxArray:
		lw.setCtxElement(e, o, key, v)
		return
	case Bad:
		return
	}
	lw.errorf(e, diag.NotATable, "%s can't be assigned to by index", describe(obj))
}

// storeEntry evaluates v[0] = x on an entry.
func (lw *lowerer) storeEntry(e syntax.Node, o *Entry, v Value) {
	v = lw.settled(v)
	x, ok := lw.storable(e, v, "stored")
	if !ok {
		return
	}
	lw.flush()
	lw.ifPresent(o, func(p *ir.Value) {
		lw.b.Store(p, lw.toMemory(o.Map.Value, x), typeMem(o.Map.Value, ir.RegionMap))
	})
}

// peek returns what a name or a chain of members is, without evaluating it.
func (lw *lowerer) peek(e syntax.Expr) Value {
	switch e := e.(type) {
	case *syntax.Name:
		if c, ok := lw.variable(e); ok {
			return c.val
		}
		f := lw.scriptFunc()
		if f == nil {
			return nil
		}
		v := lw.stage.Global(f, e.Name)
		if e.Local != nil {
			v, _ = lw.stage.Upvalue(f, e.Name)
		}
		if v == nil || v == lua.LNil {
			switch e.Name {
			case "pkt", "eth":
				return Pointer{}
			case "skb", "ctx":
				return Context{lw.prog.Kind}
			}
			return nil
		}
		return Const{v}
	case *syntax.Index:
		s, ok := e.Key.(*syntax.StringExpr)
		if !ok {
			if c, isConst := lw.peek(e.Obj).(Const); isConst {
				if t, isTable := c.V.(*lua.LTable); isTable { // a row of a table of tables
					if _, v := t.Next(lua.LNil); v != lua.LNil {
						return Const{v}
					}
				}
			}
			return nil
		}
		switch o := lw.peek(e.Obj).(type) {
		case Pointer:
			return o
		case Context:
			if f, ok := lw.layout().Field(s.Value); ok && f.Len > 0 {
				return CtxArray{f}
			}
		case Const:
			if t, ok := o.V.(*lua.LTable); ok {
				return Const{t.RawGetString(s.Value)}
			}
		case *Table:
			if c := o.fields[lua.LString(s.Value)]; c != nil {
				return c.val
			}
		}
	case *syntax.TableExpr:
		return &Table{}
	case *syntax.Paren:
		return lw.peek(e.X)
	case *syntax.StringExpr:
		return Const{lua.LString(e.Value)}
	case *syntax.Binary:
		if p, ok := lw.peek(e.L).(Pointer); ok {
			return p
		}
	}
	return nil
}

// isPacket reports whether e is a packet pointer.
func (lw *lowerer) isPacket(e syntax.Expr) bool {
	_, ok := lw.peek(e).(Pointer)
	return ok
}

// isBuiltin reports whether e is the library's function of that name.
func (lw *lowerer) isBuiltin(e syntax.Expr, name string) bool {
	c, ok := lw.peek(e).(Const)
	if !ok {
		return false
	}
	f, ok := c.V.(*lua.LFunction)
	return ok && lw.stage.BuiltinName(f) == name
}

// isTable reports whether e is a table or an array of the context, whose keys
// must be constants or had better be.
func (lw *lowerer) isTable(e syntax.Expr) bool {
	switch v := lw.peek(e).(type) {
	case *Table, CtxArray:
		return true
	case Const:
		t, ok := v.V.(*lua.LTable)
		if !ok {
			return false
		}
		list := lw.lookupOf(t)
		return list == nil || list.n <= smallTable
	}
	return false
}

// wantsConstants reports whether e is a function of the script's library that
// the kernel stage calls when compiling.
func (lw *lowerer) wantsConstants(e syntax.Expr) bool {
	c, ok := lw.peek(e).(Const)
	if !ok {
		return false
	}
	f, ok := c.V.(*lua.LFunction)
	if !ok {
		return false
	}
	name := lw.stage.BuiltinName(f)
	_, kernel := lw.builtins[name]
	return name != "" && !kernel
}
