package lower

import (
	"github.com/cilium/ebpf/btf"
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// The functions of the module ffi that make, view and measure objects.

// ffiRows are their rows in the table of builtins.
func ffiRows() map[string]builtinRow {
	return map[string]builtinRow{
		"ffi.new":      {min: 1, max: -1, call: (*lowerer).ffiNew, usage: "ffi.new(ct, ...)"},
		"ffi.cast":     {min: 2, max: 2, call: (*lowerer).ffiCast, usage: "ffi.cast(ct, x)"},
		"ffi.typeof":   {min: 1, max: 1, call: (*lowerer).ffiTypeof, usage: "ffi.typeof(ct)"},
		"ffi.sizeof":   {min: 1, max: 2, call: (*lowerer).ffiSizeof, usage: "ffi.sizeof(ct [, n])"},
		"ffi.alignof":  {min: 1, max: 1, call: (*lowerer).ffiAlignof, usage: "ffi.alignof(ct)"},
		"ffi.offsetof": {min: 2, max: 2, call: (*lowerer).ffiOffsetof, usage: "ffi.offsetof(ct, member)"},
		"ffi.istype":   {min: 2, max: 2, call: (*lowerer).ffiIstype, usage: "ffi.istype(ct, x)"},
		"ffi.copy":     {min: 2, max: 3, call: (*lowerer).ffiCopy, usage: "ffi.copy(dst, src [, len])"},
		"ffi.fill":     {min: 2, max: 3, call: (*lowerer).ffiFill, usage: "ffi.fill(dst, len [, byte])"},
	}
}

// argNode returns the place of argument i of a call.
func argNode(e *syntax.Call, i int) syntax.Node {
	if i < len(e.Args) {
		return e.Args[i]
	}
	return e
}

// typeOf returns the C type that a value names, or is of.
func (lw *lowerer) typeOf(n syntax.Node, v Value) (ctype.Type, bool) {
	switch v := lw.resolve(v).(type) {
	case Ref:
		if v.Pointer && !v.isVariable() {
			return &btf.Pointer{Target: v.Type}, true
		}
		return v.Type, true
	case *Entry:
		return v.Map.Value, true
	case Const:
		t, err := lw.stage.TypeOf(v.V, lw.file, n)
		if err != nil {
			lw.r.Errorf(err.Code, err.Span, "%s", err.Msg)
			return nil, false
		}
		return t, true
	case Bad:
		return nil, false
	default:
		lw.errorf(n, diag.UnknownType, "a C type is expected, not %s", describe(v))
		return nil, false
	}
}

// ffiNew evaluates ffi.new(ct, init...).
func (lw *lowerer) ffiNew(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	return lw.construct(e, t, args[1:], 1)
}

// construct makes a new value of type t: a number, or an object on the stack.
// skip is how many arguments of e come before the initialisers.
func (lw *lowerer) construct(e *syntax.Call, t ctype.Type, inits []Value, skip int) Value {
	scope := lw.stage.Types()
	if scope.Incomplete(t) {
		return lw.errorf(e, diag.UnsupportedType, "'%s' has no size: there are no objects of it", ctype.Name(t))
	}
	if scope.Variable(t) {
		if t, inits, skip = lw.withLength(e, t, inits, skip); t == nil {
			return Bad{}
		}
	}
	if !isAggregate(t) {
		return lw.convertTo(e, t, inits)
	}
	r, ok := lw.newObject(e, t, "object of type '"+ctype.Name(t)+"'")
	if !ok {
		return Bad{}
	}
	switch len(inits) {
	case 0:
		return r
	case 1:
		if !lw.fillFirst(argNode(e, skip), r, inits[0]) {
			return Bad{}
		}
		return r
	}
	if a, ok := arrayOf(t); ok {
		if len(inits) > int(a.Nelems) {
			return lw.errorf(e, diag.BadValue, "%d elements for an array of %d", len(inits), a.Nelems)
		}
		for i, v := range inits {
			if !lw.fill(argNode(e, skip+i), r.element(a, int64(i)), v) {
				return Bad{}
			}
		}
		return r
	}
	if !lw.fillInOrder(e, r, inits) {
		return Bad{}
	}
	return r
}

// fillFirst writes the one initialiser of an object: all of it, or its first
// member, or every element.
func (lw *lowerer) fillFirst(n syntax.Node, r Ref, v Value) bool {
	v = lw.resolve(v)
	switch v.(type) {
	case Int, Bool, *Entry, Opt:
		if i, ok := v.(Int); ok && i.Slice > 0 && i.Slice == r.size() {
			break
		}
		if a, ok := arrayOf(r.Type); ok {
			for i := range int64(a.Nelems) {
				if !lw.fill(n, r.element(a, i), v) {
					return false
				}
			}
			return true
		}
		return lw.fillInOrder(n, r, []Value{v})
	}
	return lw.fill(n, r, v)
}

// withLength gives an array of open length the length that comes first.
func (lw *lowerer) withLength(e *syntax.Call, t ctype.Type, inits []Value, skip int) (ctype.Type, []Value, int) {
	if len(inits) == 0 {
		lw.errorf(e, diag.WrongArguments, "'%s' needs the number of its elements", ctype.Name(t))
		return nil, nil, 0
	}
	n, ok := lw.intOf(argNode(e, skip), inits[0], "a length")
	if !ok {
		return nil, nil, 0
	}
	c, known := n.V.IsConst()
	if !known {
		lw.errorf(argNode(e, skip), diag.NeedsConstant, "the length of an array must be known when compiling")
		return nil, nil, 0
	}
	full, ok := lw.stage.Types().WithLength(t, int(c))
	if !ok || c <= 0 {
		lw.errorf(argNode(e, skip), diag.OutOfRange, "an array of %d elements is not possible", c)
		return nil, nil, 0
	}
	return full, inits[1:], skip + 1
}

// ffiCast evaluates ffi.cast(ct, x): a number as another type, or a view of
// what x refers to.
func (lw *lowerer) ffiCast(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	v := lw.resolve(args[1])
	if c, ok := v.(Context); ok && isContextType(c, t) {
		return v
	}
	p, isPointer := underlying(t).(*btf.Pointer)
	if r, ok := v.(Ref); ok && !isPointer && isAggregate(t) && !ctype.IsArray(t) {
		// What LuaJIT takes for a struct, a reference, is a view of one.
		if sameType(t, r.Type) && r.view == nil {
			return v
		}
		p, isPointer = &btf.Pointer{Target: t}, true
	}
	if !isPointer {
		if isAggregate(t) {
			return lw.errorf(e, diag.UnsupportedType, "a value can't be cast to '%s'; cast a pointer, or copy with ffi.new", ctype.Name(t))
		}
		return lw.convertTo(e, t, []Value{v})
	}
	if isNil(v) {
		return Nil
	}
	switch v := v.(type) {
	case Ref:
		if v.view != nil {
			return lw.castView(v, p.Target)
		}
		return lw.view(v, p.Target)
	case Int, *Entry, Opt:
		if n, ok := addressNumber(lw, v); ok {
			return lw.viewOf(lw.numPtr(n.V), p.Target, lw.memoryOf())
		}
	case Pointer:
		return lw.packetRef(v, p.Target)
	case Bad:
		return v
	}
	return lw.errorf(argNode(e, 1), diag.BadCast, "%s can't be cast to '%s': there is no memory that it refers to", describe(v), ctype.Name(t))
}

// isContextType reports whether t is the type of the context c, or a pointer to
// it: what the seeds cast registers to.
func isContextType(c Context, t ctype.Type) bool {
	if e := ctype.Element(t); ctype.IsPointer(t) && e != nil {
		t = e
	}
	return ctype.Name(t) == c.Kind.Ctx.Name
}

// view returns r as a pointer to a t: what is behind it stays what it is.
func (lw *lowerer) view(r Ref, t ctype.Type) Ref {
	out := r.part()
	out.Type, out.Pointer = t, true
	if ctype.Size(t) != r.size() || !r.Pointer {
		out.moved = false
	}
	return out
}

// ffiTypeof evaluates ffi.typeof(ct) and ffi.typeof(x).
func (lw *lowerer) ffiTypeof(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	return Const{lw.stage.NewCType(t)}
}

func (lw *lowerer) ffiSizeof(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	if v, ok := lw.relocatedSize(t); ok {
		return v
	}
	if len(args) > 1 && lw.stage.Types().Variable(t) {
		if t, _, _ = lw.withLength(e, t, args[1:], 1); t == nil {
			return Bad{}
		}
	}
	return Int{V: lw.b.Const(int64(ctype.Size(t)))}
}

func (lw *lowerer) ffiAlignof(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	return Int{V: lw.b.Const(int64(lw.stage.Types().Alignof(t)))}
}

// ffiOffsetof evaluates ffi.offsetof(ct, member). A bit-field gives what LuaJIT
// gives: the offset of its unit, and further results its place in it.
func (lw *lowerer) ffiOffsetof(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	name, ok := stringConst(lw.resolve(args[1]))
	if !ok {
		return lw.errorf(argNode(e, 1), diag.NeedsConstant, "'ffi.offsetof' needs the name of a member")
	}
	if v, ok := lw.relocatedOffset(argNode(e, 1), t, name); ok {
		return v
	}
	m, ok := ctype.FindMember(t, name)
	if !ok {
		return lw.noMember(argNode(e, 1), t, name)
	}
	if m.Bits > 0 {
		u := m.Units(ctype.Size(t), lw.mod.BigEndian)[0]
		return Tuple{Int{V: lw.b.Const(int64(u.Offset))}, Int{V: lw.b.Const(int64(u.Shift))}, Int{V: lw.b.Const(int64(m.Bits))}}
	}
	return Int{V: lw.b.Const(int64(m.Offset))}
}

// ffiIstype evaluates ffi.istype(ct, x).
func (lw *lowerer) ffiIstype(e *syntax.Call, args []Value) Value {
	t, ok := lw.typeOf(argNode(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	switch v := lw.resolve(args[1]).(type) {
	case Ref:
		if p, ok := underlying(t).(*btf.Pointer); ok {
			return constBool(v.Pointer && sameType(p.Target, v.Type) || !v.Pointer && membersOfBoth(p.Target, v.Type))
		}
		return constBool(!v.Pointer && sameType(t, v.Type))
	case Const:
		if c, ok := script.ToCData(v.V); ok {
			return constBool(sameType(t, c.Type))
		}
	case Int:
		s, ok := scalarOf(t)
		return constBool(ok && s.size == 8 && s.signed == !v.Unsigned && !s.be)
	}
	return Const{lua.LFalse}
}

// membersOfBoth reports whether u is the struct that a pointer to t refers to:
// LuaJIT's ffi.istype takes a struct for a pointer to it.
func membersOfBoth(t, u ctype.Type) bool {
	_, ok := membersOf(t)
	return ok && sameType(t, u)
}

// convertTo converts to a scalar type; no value gives 0.
func (lw *lowerer) convertTo(e *syntax.Call, t ctype.Type, inits []Value) Value {
	s, _ := scalarOf(t)
	if len(inits) > 1 {
		return lw.errorf(e, diag.WrongArguments, "a type is called with one number to convert")
	}
	x := Int{V: lw.b.Const(0)}
	if len(inits) == 1 {
		var ok bool
		if x, ok = lw.storable(e, lw.enumerator(t, inits[0]), "converted"); !ok {
			return Bad{}
		}
	}
	bits := int64(s.size) * 8
	switch {
	case s.bool:
		return Int{V: lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNe, x.V, lw.b.Const(0))), Bit: true}
	case bits == 64:
		return Int{V: x.V, Unsigned: !s.signed}
	case s.signed:
		return Int{V: lw.b.OpBits(ir.OpSext, bits, x.V)}
	}
	return Int{V: lw.b.OpBits(ir.OpZext, bits, x.V)}
}
