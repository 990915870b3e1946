package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// Errors: error(v), a packet read past the end, and pcall.
//
// Raising an error is a jump: scopes that are left close what they must, and
// the path joins those that wait at the innermost handler. A pcall is a
// handler; outside any it is the program's own, which ends the program as a
// short packet does: with on_short's verdict, printing nothing.
//
// A packet check that nobody could tell from its neighbours stays an op that
// leaves by itself (ir.OpPktCheck). Inside a pcall, and where something waits to
// be closed, it is a comparison with the packet's length in front of the op,
// which then never leaves.

// shortPacket is the error value of a packet read past the end.
const shortPacket = lua.LString("packet too short")

// handler is where errors go.
type handler struct {
	up      *handler // nil: the program's own
	mark    int
	loops   int // loops being built around it
	closers int // what is open around it
	loans   int // lent before
	edges   []edge
}

// enterHandler makes errors go to a new handler.
func (lw *lowerer) enterHandler() *handler {
	h := &handler{up: lw.handler, mark: lw.mark(), loops: len(lw.building), closers: len(lw.closers), loans: len(lw.loans)}
	lw.handler = h
	return h
}

// raise ends the path with an error.
func (lw *lowerer) raise(v Value) {
	h := lw.handler
	lw.closeFrom(h.closers, v)
	if lw.b.Block != nil {
		lw.giveBackOpen(h.loans)
	}
	if lw.b.Block == nil {
		return
	}
	if len(lw.building) > h.loops {
		lw.settleEntries(h.mark)
	}
	v = lw.settled(v)
	h.edges = append(h.edges, lw.leaveTo(h.mark, v))
}

// raiseUnless raises an error where cond does not hold, and goes on where it
// does.
func (lw *lowerer) raiseUnless(cond *ir.Value, v Value) {
	here := lw.mark()
	yes, no := lw.branch(cond, here)
	if no.block != nil {
		lw.open(no)
		lw.raise(v)
		lw.rollback(here)
	}
	lw.b.Block = nil
	if yes.block != nil {
		lw.open(yes)
	}
}

// caught reports whether an error here is noticed by the program itself: it is
// in a pcall, or something is open.
func (lw *lowerer) caught() bool {
	return lw.handler.up != nil || len(lw.closers) > lw.handler.closers
}

// pktCheck checks that size bytes at base + off are in the packet.
func (lw *lowerer) pktCheck(base *ir.Value, off, size int32) *ir.Value {
	lw.decided("the packet is read")
	if !lw.caught() {
		return lw.b.PktCheck(lw.packetNow(), base, off, size)
	}
	b, end := lw.b, int64(off)+int64(size)
	fail := Const{shortPacket}
	last := b.Const(end)
	if c, ok := base.IsConst(); ok {
		if c < 0 || c > math.MaxInt32 || c+int64(off) < 0 {
			lw.raiseUnless(b.Bool(false), fail)
			b.Block = b.Func.NewBlock(ir.BlockJump) // never reached: prune drops it
			return b.PktCheck(lw.packetNow(), base, off, size)
		}
		last = b.Const(c + end)
	} else {
		lw.raiseUnless(b.Op(ir.OpULe, base, b.Const(math.MaxInt32)), fail)
		if off < 0 {
			lw.raiseUnless(b.Op(ir.OpSLe, b.Const(-int64(off)), base), fail)
		}
		last = b.Op(ir.OpAdd, base, last)
	}
	lw.raiseUnless(b.Op(ir.OpULe, last, lw.packetLen()), fail)
	return lw.b.PktCheck(lw.packetNow(), base, off, size)
}

// pcall calls a function and catches what is raised in it: true and the
// results, or false and the error's value.
func (lw *lowerer) pcall(e *syntax.Call) Value {
	if len(e.Args) == 0 {
		return lw.errorf(e, diag.WrongArguments, "'pcall' is called without a function; it is pcall(f, ...)")
	}
	fn := lw.resolve(lw.expr(e.Args[0]))
	if lw.b.Block == nil {
		return Bad{}
	}
	var args []Value
	f, isClosure := fn.(*Closure)
	if isClosure {
		if args = lw.exprs(e.Args[1:], -1); lw.b.Block == nil {
			return Bad{}
		}
	}
	h := lw.enterHandler()
	var v Value
	lw.at(e)
	if isClosure {
		v = lw.call(f, args, e.Range, false)
	} else {
		v = lw.callExpr(&syntax.Call{Range: e.Range, Fn: e.Args[0], Args: e.Args[1:]})
	}
	lw.handler = h.up
	var ok []edge
	if lw.b.Block != nil {
		t, isTuple := v.(Tuple)
		if !isTuple {
			t = Tuple{v}
		}
		ok = []edge{lw.leave(h.mark, t...)}
	}
	lw.rollback(h.mark)
	lw.at(e)
	return lw.joinOutcomes(ok, reachable(h.edges))
}

// joinOutcomes joins the paths on which a call went well with those on which it
// raised an error. What the results are follows the first one: Choice.
func (lw *lowerer) joinOutcomes(good, bad []edge) Value {
	switch {
	case len(bad) == 0:
		res := lw.join(good)
		return Tuple(append([]Value{Const{lua.LTrue}}, res...))
	case len(good) == 0:
		return Tuple{Const{lua.LFalse}, lw.joinErrors(bad)}
	}
	results := good[0].results
	good[0].results = nil
	edges := append(good, bad...)
	errs := make([]Value, len(bad))
	for i := range bad {
		errs[i] = bad[i].results[0]
		edges[i+1].results = nil
	}
	var out Tuple
	lw.joinWith(edges, func(j *joiner) {
		flags := make([]*ir.Value, len(edges))
		for i := range edges {
			flags[i] = j.at(i, func() *ir.Value { return lw.b.Bool(i == 0) })
		}
		ok := j.phi(ir.Bool, flags)
		out = append(out, Bool{ok})
		for k := range max(1, len(results)) {
			var yes, no Value = Nil, Nil
			if k < len(results) {
				yes = j.mergeOn([]int{0}, results[k:k+1])
			}
			if k == 0 {
				on := make([]int, len(bad))
				for i := range on {
					on[i] = i + 1
				}
				no = j.mergeOn(on, errs)
			}
			out = append(out, newChain(ok, yes, no))
		}
	})
	return out
}

// joinErrors joins paths on which an error was raised where there are no
// others: what is raised may be of several kinds here too.
func (lw *lowerer) joinErrors(bad []edge) (v Value) {
	errs, on := make([]Value, len(bad)), make([]int, len(bad))
	for i := range bad {
		errs[i], on[i] = bad[i].results[0], i
		bad[i].results = nil
	}
	lw.joinWith(bad, func(j *joiner) { v = j.mergeOn(on, errs) })
	return v
}

// errorCall is error(v): it does not return.
func (lw *lowerer) errorCall(e *syntax.Call, args []Value) Value {
	var v Value = Nil
	if len(args) > 0 {
		v = lw.resolve(args[0])
	}
	lw.raise(v)
	lw.b.Block = nil
	return Bad{}
}

// assert raises an error unless its first argument is true, and returns all.
func (lw *lowerer) assert(e *syntax.Call) Value {
	args := lw.exprs(e.Args, -1)
	if lw.b.Block == nil {
		return Bad{}
	}
	if len(args) == 0 {
		return lw.errorf(e, diag.WrongArguments, "'assert' is called without a value; it is assert(v, message)")
	}
	lw.at(e)
	mark := lw.mark()
	for _, v := range args {
		lw.hold(v)
	}
	yes, no := lw.truth(e.Args[0], args[0], mark)
	if anyReachable(no) {
		lw.join(no)
		var msg Value = Const{lua.LString("assertion failed!")}
		if len(args) > 1 {
			msg = lw.resolve(args[1])
		}
		lw.raise(msg)
		lw.rollback(mark)
	}
	lw.b.Block = nil
	lw.join(reachable(yes))
	if lw.b.Block == nil {
		return Bad{}
	}
	return Tuple(args)
}
