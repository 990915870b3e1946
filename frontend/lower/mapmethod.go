package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// mapMethod is a method of maps in the kernel stage.
type mapMethod struct {
	name     string
	op       kernel.MapOp // what the map's type must be able to do, any of these
	done     string       // in messages: the map can't be ...
	min, max int          // arguments
	usage    string
	call     func(lw *lowerer, e *syntax.MethodCall, m *script.Map, args []Value) Value
}

// mapMethodTable returns the methods. It is a function because they refer to
// what looks them up.
func mapMethodTable() []mapMethod {
	return []mapMethod{
		{"update", kernel.MapUpdate, "updated by keys", 2, 3, "m:update(k, v [, flags])", (*lowerer).mapUpdate},
		{"init", kernel.MapUpdate | kernel.MapStorage, "updated by keys", 0, 2, "m:init(k [, v])", (*lowerer).mapInit},
		{"add", kernel.MapUpdate | kernel.MapStorage, "updated by keys", 2, 3, "m:add(k, n [, 'field'])", (*lowerer).mapAdd},
		{"push", kernel.MapPush, "pushed to", 1, 2, "m:push(v [, flags])", (*lowerer).mapPush},
		{"pop", kernel.MapPop, "popped from", 0, 0, "m:pop()", (*lowerer).mapPop},
		{"peek", kernel.MapPeek, "peeked into", 0, 1, "m:peek()", (*lowerer).mapPeek},
		{"output", kernel.MapOutput, "sent records", 1, 2, "m:output(v [, flags])", (*lowerer).mapOutput},
		{"reserve", kernel.MapReserve, "reserved records in", 0, 1, "m:reserve([ctype])", (*lowerer).mapReserve},
	}
}

// can reports whether programs can do op with maps like m; if not, that is
// reported: they can't be done so.
func (lw *lowerer) can(n syntax.Node, m *script.Map, op kernel.MapOp, done string) bool {
	if m.Type.Ops&op != 0 {
		return true
	}
	lw.errorf(n, diag.BadMapOperation, "'%s' can't be %s: it is of type '%s'%s", m.Name, done, m.Type.Name, insteadOf(m, op))
	return false
}

// callMapMethod evaluates m:name(args).
func (lw *lowerer) callMapMethod(e *syntax.MethodCall, m *script.Map) Value {
	methods := mapMethodTable()
	i := slices.IndexFunc(methods, func(x mapMethod) bool { return x.name == e.Name })
	if i < 0 {
		return lw.noMapMethod(e, m, methods)
	}
	method := methods[i]
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	lw.at(e)
	for _, a := range args {
		if _, bad := a.(Bad); bad {
			return Bad{}
		}
	}
	if len(args) < method.min || len(args) > method.max {
		return lw.errorf(e, diag.WrongArguments, "'%s' is called with %s; it is %s", e.Name, counted(len(args)), method.usage)
	}
	if !lw.can(e, m, method.op, method.done) {
		return Bad{}
	}
	lw.flush()
	return method.call(lw, e, m, args)
}

func (lw *lowerer) noMapMethod(e *syntax.MethodCall, m *script.Map, methods []mapMethod) Value {
	if e.Name == "each" {
		return lw.errorf(e, diag.BadMapOperation, "'each' of a map stands in a 'for': for k, v in %s:each() do", m.Name)
	}
	if mapMethods[e.Name] {
		return lw.errorf(e, diag.BadMapOperation, "'%s' of a map works in user space only", e.Name)
	}
	var names []string
	for _, x := range methods {
		names = append(names, x.name)
	}
	if s, ok := mapWords[e.Name]; ok {
		return lw.errorf(atMember(e), diag.UnknownMethod, "maps have no method '%s'; write %s", e.Name, s)
	}
	return lw.errorf(atMember(e), diag.UnknownMethod, "maps have no method '%s'%s", e.Name, diag.DidYouMean(e.Name, names))
}

// methodArg returns the expression of argument i, or the call.
func methodArg(e *syntax.MethodCall, i int) syntax.Node {
	if i < len(e.Args) {
		return e.Args[i]
	}
	return e
}

// flagsArg returns argument i as a number, 0 if there is none.
func (lw *lowerer) flagsArg(e *syntax.MethodCall, args []Value, i int) (*ir.Value, bool) {
	if i >= len(args) || isNil(args[i]) {
		return lw.b.Const(0), true
	}
	n, ok := lw.intOf(methodArg(e, i), args[i], "flags")
	return n.V, ok
}

// status is what a helper returns: 0, or a negative error.
func status(v *ir.Value) Value {
	if v == nil {
		return Bad{}
	}
	return Int{V: v}
}

// present frees a value of the entry that it is: what is nil is refused.
func (lw *lowerer) stored(n syntax.Node, v Value) (Value, bool) {
	v = lw.settled(v)
	v = lw.resolve(v)
	switch x := v.(type) {
	case Bad:
		return v, false
	case Opt: // arithmetic on nil reads 0, and so does storing it here
		return x.Val, true
	}
	if isNil(v) {
		lw.errorf(n, diag.BadValue, "nil is no value of a map")
		return v, false
	}
	return v, true
}

// updateWith is bpf_map_update_elem.
func (lw *lowerer) updateWith(e *syntax.MethodCall, m *script.Map, args []Value, v Value, flags *ir.Value) *ir.Value {
	vp, ok := lw.valueOf(methodArg(e, 1), m, v)
	if !ok || lw.b.Block == nil {
		return nil
	}
	kp, _, ok := lw.keyOf(methodArg(e, 0), m, args[0])
	if !ok || lw.b.Block == nil {
		return nil
	}
	r := lw.helper(e, "map_update_elem", ir.I64, lw.mapRef(m), kp, vp, flags)
	lw.mapWritten(m)
	return r
}

func (lw *lowerer) mapUpdate(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	flags, ok := lw.flagsArg(e, args, 2)
	if !ok {
		return Bad{}
	}
	v, ok := lw.stored(methodArg(e, 1), args[1])
	if !ok {
		return Bad{}
	}
	return status(lw.updateWith(e, m, args, v, flags))
}

// updateNoExist is BPF_NOEXIST.
const updateNoExist = 1

// mapInit looks an entry up and inserts it where it is not there. That another
// CPU may have been quicker does not matter: its entry is found then.
func (lw *lowerer) mapInit(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	if isStorage(m) {
		return lw.storageInit(e, m, args)
	}
	if len(args) == 0 {
		return lw.errorf(e, diag.WrongArguments, "'init' is called with 0 arguments; it is m:init(k [, v])")
	}
	args[0] = lw.settled(args[0])
	first := lw.lookup(e, m, methodArg(e, 0), args[0])
	if m.Type.Array || lw.b.Block == nil {
		return first
	}
	here := lw.presentOf(first)
	if here == nil {
		return Bad{}
	}
	mark := lw.mark()
	yes, no := lw.branch(here, mark)
	ok := true
	if no.block != nil {
		lw.open(no)
		v := Value(&Table{})
		if !isAggregate(m.Value) {
			v = Int{V: lw.b.Const(0)}
		}
		if len(args) > 1 {
			v, ok = lw.stored(methodArg(e, 1), args[1])
		}
		ok = ok && lw.updateWith(e, m, args, v, lw.b.Const(updateNoExist)) != nil
		if lw.b.Block != nil {
			no = lw.leave(mark)
		}
	}
	lw.join([]edge{yes, no})
	if !ok || lw.b.Block == nil {
		return Bad{}
	}
	return lw.lookup(e, m, methodArg(e, 0), args[0])
}

// presentOf is whether what a lookup found is there.
func (lw *lowerer) presentOf(v Value) *ir.Value {
	switch v := v.(type) {
	case *Entry:
		return v.Present
	case Ref:
		return v.Present
	}
	return nil
}

func (lw *lowerer) mapAdd(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	n, ok := lw.intOf(methodArg(e, 1), args[1], "'add'")
	if !ok {
		return Bad{}
	}
	entry := lw.mapInit(e, m, args[:1:1])
	if lw.b.Block == nil {
		return Bad{}
	}
	r, ok := lw.placeRef(entry)
	if !ok {
		return Bad{}
	}
	if len(args) > 2 {
		name, named := stringConst(args[2])
		if !named {
			return lw.errorf(methodArg(e, 2), diag.NeedsConstant, "the third argument of 'add' is the name of a member")
		}
		if r, ok = lw.refMember(e, r, name).(Ref); !ok {
			return Bad{}
		}
	} else if isAggregate(r.Type) {
		return lw.errorf(e, diag.WrongArguments, "'add' to a '%s' needs the name of a member as third argument", ctype.Name(r.Type))
	}
	lw.xaddRef(e, r, n.V)
	return Tuple{}
}

// placeRef returns the place that a value is: a Ref, or a scalar map entry as
// one.
func (lw *lowerer) placeRef(v Value) (Ref, bool) {
	switch v := v.(type) {
	case Ref:
		return v, true
	case *Entry:
		return Ref{Addr: v.Ptr, Present: v.Present, Sure: v.sure, Type: v.Map.Value, Region: ir.RegionMap,
			Hi: int64(ctype.Size(v.Map.Value))}, true
	}
	return Ref{}, false
}

func (lw *lowerer) mapPush(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	flags, ok := lw.flagsArg(e, args, 1)
	if !ok {
		return Bad{}
	}
	v, ok := lw.stored(methodArg(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	vp, ok := lw.valueOf(methodArg(e, 0), m, v)
	if !ok || lw.b.Block == nil {
		return Bad{}
	}
	return status(lw.helper(e, "map_push_elem", ir.I64, lw.mapRef(m), vp, flags))
}

func (lw *lowerer) mapPop(e *syntax.MethodCall, m *script.Map, _ []Value) Value {
	return lw.taken(e, m, "map_pop_elem")
}

func (lw *lowerer) mapPeek(e *syntax.MethodCall, m *script.Map, args []Value) Value {
	bloom := !m.Type.Can(kernel.MapPop)
	if bloom != (len(args) == 1) {
		if bloom {
			return lw.errorf(e, diag.WrongArguments, "'peek' of a bloom filter is m:peek(v): whether v may be in it")
		}
		return lw.errorf(e, diag.WrongArguments, "'peek' is called with 1 argument; it is m:peek()")
	}
	if !bloom {
		return lw.taken(e, m, "map_peek_elem")
	}
	v, ok := lw.stored(methodArg(e, 0), args[0])
	if !ok {
		return Bad{}
	}
	vp, ok := lw.valueOf(methodArg(e, 0), m, v)
	if !ok || lw.b.Block == nil {
		return Bad{}
	}
	r := lw.helper(e, "map_peek_elem", ir.I64, lw.mapRef(m), vp)
	if r == nil {
		return Bad{}
	}
	return Bool{lw.b.Op(ir.OpEq, r, lw.b.Const(0))}
}

// taken is the next value of a queue or stack, nil if there is none.
func (lw *lowerer) taken(e *syntax.MethodCall, m *script.Map, helper string) Value {
	dst, ok := lw.newObject(e, m.Value, "value of '"+m.Name+"'")
	if !ok {
		return Bad{}
	}
	r := lw.helper(e, helper, ir.I64, lw.mapRef(m), lw.addrOf(dst))
	if r == nil {
		return Bad{}
	}
	there := lw.b.Op(ir.OpEq, r, lw.b.Const(0))
	if !isAggregate(m.Value) {
		return Opt{there, lw.loadRef(e, dst)}
	}
	dst.Present = there
	return dst
}

// warnLostUpdate warns of m[k] = m[k] + n on a map that other CPUs write too.
func (lw *lowerer) warnLostUpdate(s *syntax.AssignStmt) {
	to, ok := s.Targets[0].(*syntax.Index)
	sum, isSum := s.Exprs[0].(*syntax.Binary)
	if !ok || !isSum || sum.Op != syntax.OpAdd && sum.Op != syntax.OpSub {
		return
	}
	c, ok := lw.peek(to.Obj).(Const)
	if !ok {
		return
	}
	m, ok := script.ToMap(c.V)
	if !ok || m.Type.PerCPU || !m.Type.Can(kernel.MapWrite) {
		return
	}
	t, scalar := scalarOf(m.Value)
	if !scalar || t.size < 4 || t.be {
		return
	}
	text := func(e syntax.Expr) string { return e.Bounds().In(lw.file).Text() }
	place := text(to)
	for _, x := range []syntax.Expr{sum.L, sum.R} {
		if p, ok := x.(*syntax.Paren); ok {
			x = p.X
		}
		if or, ok := x.(*syntax.Binary); ok && or.Op == syntax.OpOr {
			x = or.L
		}
		if text(x) == place {
			lw.r.Warnf(diag.LostUpdate, s.Bounds().In(lw.file),
				"what another CPU adds between this read and this write is lost; %s:add(%s, n) adds atomically", text(to.Obj), text(to.Key))
			return
		}
	}
}
