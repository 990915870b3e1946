package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// for k, v in m:each() do: bpf_for_each_map_elem.
//
// The key is the script's own copy: the kernel may use an entry's memory for
// another key as soon as the entry is deleted. The value is what m[k] would be.

// eachCall returns the map that the iterator of s walks through; isEach is false
// if it is something else. A nil map then is an error that was reported.
func (lw *lowerer) eachCall(s *syntax.GenForStmt) (m *script.Map, isEach bool) {
	e, ok := s.Exprs[0].(*syntax.MethodCall)
	if !ok || len(s.Exprs) != 1 {
		return nil, false
	}
	recv := lw.resolve(lw.expr(e.Recv))
	m, ok = asMap(recv)
	if !ok {
		if _, bad := recv.(Bad); !bad {
			lw.errorf(s.Exprs[0], diag.BadMapOperation, "a generic 'for' walks through a table known when compiling, by pairs or ipairs, or through a map: for k, v in m:each() do; this is a method of %s", describe(recv))
		}
		return nil, true
	}
	switch {
	case e.Name == "pairs":
		lw.errorf(e, diag.BadMapOperation, "'pairs' of a map works in user space only; here it is %s:each()", m.Name)
		return nil, true
	case e.Name != "each":
		lw.noMapMethod(e, m, mapMethodTable())
		return nil, true
	case len(e.Args) > 0:
		lw.errorf(e, diag.WrongArguments, "'each' is called with %s; it is m:each()", counted(len(e.Args)))
		return nil, true
	}
	if !lw.can(e, m, kernel.MapEach, "walked through") || !lw.mayCall(e, kernel.HelperByName("for_each_map_elem")) {
		return nil, true
	}
	return m, true
}

// eachLoop lowers a walk through m.
func (lw *lowerer) eachLoop(s *syntax.GenForStmt, m *script.Map) {
	lw.at(s)
	start := lw.newCell(constBool(true))
	changed := append([]*cell{start}, lw.changedIn(s)...)
	lw.loop(s, ir.Loop{What: "for"}, changed, func(l *loopScope, again func()) {
		key, value := lw.nextEntry(l, m, start)
		lw.declare(s.Vars[0], lw.eachKey(s, m, key))
		if len(s.Vars) > 1 {
			lw.declare(s.Vars[1], lw.hold(lw.eachValue(m, value)))
		}
		for _, v := range s.Vars[min(2, len(s.Vars)):] {
			lw.declare(v, Nil)
		}
		lw.block(s.Body)
		if lw.b.Block != nil {
			lw.at(s)
			lw.set(start, constBool(false))
		}
		again()
	})
}

// nextEntry is the next entry of a walk through m: the addresses of its key and
// its value. Where there is none it leaves the loop.
func (lw *lowerer) nextEntry(l *loopScope, m *script.Map, start *cell) (key, value *ir.Value) {
	anew, _ := lw.asBool(start.val)
	key = lw.b.Each(lw.irMap(m), anew)
	yes, no := lw.branch(lw.b.Op(ir.OpNe, key, lw.b.Null()), l.mark)
	l.breaks = append(l.breaks, no)
	lw.open(yes)
	key = lw.b.NonNull(key)
	return key, lw.b.Block.NewValue(ir.OpEachValue, ir.Ptr, lw.b.Pos, key)
}

// eachKey is the key of the entry at hand.
func (lw *lowerer) eachKey(n syntax.Node, m *script.Map, key *ir.Value) Value {
	if !isAggregate(m.Key) {
		return lw.readScalar(m.Key, key, typeMem(m.Key, ir.RegionMap))
	}
	own, ok := lw.rawObject(n, m.Key, "key of '"+m.Name+"'")
	if !ok {
		return Bad{}
	}
	lw.copyRef(n, own, Ref{Addr: key, Type: m.Key, Region: ir.RegionMap, Hi: int64(ctype.Size(m.Key))})
	own.fresh, own.owned = false, true
	return own
}

// eachValue is its value.
func (lw *lowerer) eachValue(m *script.Map, value *ir.Value) Value {
	if isAggregate(m.Value) {
		return Ref{Addr: value, Type: m.Value, Region: ir.RegionMap, entry: true, Hi: int64(ctype.Size(m.Value)), Map: m, epoch: lw.epochOf(m).get()}
	}
	e := &Entry{Map: m, Ptr: value, Present: lw.b.Bool(true), sure: true, Key: Int{}, num: lw.newCell(nil)}
	e.num.entry = e
	return e
}
