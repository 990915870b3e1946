package lower

import (
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	lua "github.com/yuin/gopher-lua"
)

// maxAttempts bounds how often a loop is lowered anew because a variable
// turned out to hold more than its value before the loop showed.
const maxAttempts = 8

// shape is what a variable carried round a loop is known to hold.
type shape struct {
	v    Value // the value before the loop, if it never changes
	phi  bool
	kind Value // a sample of the kind: Int, Bool, Pointer, or Ref into the kernel
	opt  bool
	bad  *Conflict
	gen  bool   // the packet's generation: each trip begins one
	flat *carry // carried number by number (loopcarry.go)
}

// loopState is what a loop being lowered must take back to start anew.
type loopState struct {
	blocks, slots, returns, gotos, log, diags int
	breaks                                    []int // of the enclosing loops, from the inside out
	errors                                    []int // of the handlers, likewise
	closers                                   []closer
	calls                                     int
	pre                                       *ir.Block
	facts                                     *chain[fact]
}

func (lw *lowerer) saveLoop() loopState {
	f := lw.b.Func
	s := loopState{blocks: len(f.Blocks), slots: len(f.Slots), returns: len(lw.frame.returns), gotos: len(lw.frame.gotos),
		log: lw.mark(), diags: lw.r.Mark(), pre: lw.b.Block, facts: lw.facts}
	for l := lw.frame.loop; l != nil; l = l.up {
		s.breaks = append(s.breaks, len(l.breaks))
	}
	for h := lw.handler; h != nil; h = h.up {
		s.errors = append(s.errors, len(h.edges))
	}
	s.closers = lw.closers
	s.calls = len(lw.calls.list)
	return s
}

// restoreLoop drops what was built since the state was saved.
func (lw *lowerer) restoreLoop(s loopState) {
	f := lw.b.Func
	for _, b := range f.Blocks[s.blocks:] {
		discard(b)
	}
	f.Blocks = f.Blocks[:s.blocks]
	f.Slots = f.Slots[:s.slots]
	s.pre.SetControl(nil)
	for len(s.pre.Succs) > 0 {
		s.pre.RemoveEdge(0)
	}
	lw.frame.returns = lw.frame.returns[:s.returns]
	lw.frame.gotos = lw.frame.gotos[:s.gotos]
	for i, l := 0, lw.frame.loop; l != nil; i, l = i+1, l.up {
		l.breaks = l.breaks[:s.breaks[i]]
	}
	for i, h := 0, lw.handler; h != nil; i, h = i+1, h.up {
		h.edges = h.edges[:s.errors[i]]
	}
	lw.closers = s.closers
	lw.calls.list = lw.calls.list[:s.calls]
	lw.rollback(s.log)
	lw.r.Reset(s.diags)
	lw.b.Block, lw.facts, lw.pending = s.pre, s.facts, nil
}

// loop lowers a loop of the CFG. changed are the variables that its body may
// assign. body lowers one trip: it is called with the header open, and calls
// again for the next trip; what leaves the loop is joined behind it. It returns
// the loop's header, nil if there was an error.
func (lw *lowerer) loop(n syntax.Node, info ir.Loop, changed []*cell, body func(l *loopScope, again func())) *ir.Block {
	lw.flush()
	shapes := map[*cell]*shape{}
	for _, c := range changed {
		shapes[c] = lw.firstShape(c)
	}
	for try := 0; ; try++ {
		state := lw.saveLoop()
		build := &loopBuild{start: lw.born, has: map[*cell]bool{}}
		for _, c := range changed {
			build.has[c] = true
		}
		lw.building = append(lw.building, build)
		header, done := lw.tryLoop(n, info, changed, shapes, body)
		lw.building = lw.building[:len(lw.building)-1]
		if done && len(build.missed) == 0 {
			return header
		}
		if try == maxAttempts {
			lw.errorf(n, diag.MixedKinds, "the variables of this loop change their kinds too often; declare some of them inside it")
			return nil
		}
		lw.restoreLoop(state)
		for _, c := range build.missed {
			changed = append(changed, c)
			shapes[c] = lw.firstShape(c)
		}
	}
}

// loopBuild is one attempt at a loop. missed are the variables from before the
// loop that were assigned in it without being carried round.
type loopBuild struct {
	start  int
	has    map[*cell]bool
	missed []*cell
}

// firstShape is what the value before the loop shows.
func (lw *lowerer) firstShape(c *cell) *shape {
	v := c.get()
	if e, ok := v.(*Entry); ok {
		v = lw.readOpt(e)
		lw.set(c, v)
	}
	s := &shape{v: v}
	switch v := lw.resolve(v).(type) {
	case generation:
		s.gen = true
	case Int:
		s.phi, s.kind = true, v
	case Bool:
		s.phi, s.kind = true, v
	case Pointer:
		if v.l3 == nil {
			s.phi, s.kind = true, v
		}
	case Opt:
		s.phi, s.kind, s.opt = true, v.Val, true
	case Ref:
		s.phi, s.kind = carriesView(v), v
	case Const:
		if _, ok := v.V.(lua.LBool); ok {
			s.phi, s.kind = true, Bool{}
		}
	}
	return s
}

// carried is the phi or phis of one variable.
type carried struct {
	c            *cell
	s            *shape
	present, val *ir.Value
	flat         []*ir.Value
}

// tryLoop builds the loop once; false means that the shapes were widened and
// the loop must be built again.
func (lw *lowerer) tryLoop(n syntax.Node, info ir.Loop, changed []*cell, shapes map[*cell]*shape,
	body func(l *loopScope, again func())) (*ir.Block, bool) {
	header := lw.b.Func.NewBlock(ir.BlockJump)
	info.Pos = lw.pos(n.Bounds())
	header.Loop = &info
	var vars []*carried
	for _, c := range changed {
		if s := shapes[c]; s.phi {
			vars = append(vars, &carried{c: c, s: s})
		} else if s.bad != nil {
			lw.set(c, s.bad)
		}
	}
	inits := make([][2]*ir.Value, len(vars))
	flat := make([][]*ir.Value, len(vars))
	for i, cv := range vars {
		if cv.s.flat != nil {
			flat[i] = lw.carryOut(cv.s.flat, cv.c.get())
			continue
		}
		inits[i][0], inits[i][1], _ = lw.parts2(cv.c.get(), cv.s)
	}
	lw.b.Jump(header)
	lw.b.Block = header
	for i, cv := range vars {
		if cv.s.flat == nil {
			lw.enterPhi(cv, inits[i])
			continue
		}
		for k, t := range cv.s.flat.types() {
			phi := lw.b.Phi(t)
			phi.AddArg(flat[i][k])
			cv.flat = append(cv.flat, phi)
		}
	}
	for _, cv := range vars {
		if rest := cv.flat; cv.s.flat != nil {
			lw.set(cv.c, lw.carryIn(cv.s.flat, func() *ir.Value {
				v := rest[0]
				rest = rest[1:]
				return v
			}))
		}
	}
	for _, c := range changed {
		if shapes[c].gen {
			lw.set(c, generation{lw.b.PktGen()})
		}
	}
	mark := lw.mark()
	l := &loopScope{up: lw.frame.loop, mark: mark, closers: len(lw.closers)}
	lw.frame.loop = l
	ok := true
	lent := len(lw.loans)
	again := func() {
		if lw.b.Block == nil {
			return
		}
		lw.noneOpen(lent, "an iteration of the loop ends")
		lw.flush()
		if !lw.closeLoop(header, vars, changed, shapes) {
			ok = false
		}
	}
	body(l, again)
	lw.frame.loop = l.up
	if !ok {
		return nil, false
	}
	lw.rollback(mark)
	for i, e := range l.breaks {
		if e.block != nil {
			lw.open(e)
			lw.settleEntries(mark)
			l.breaks[i] = lw.leave(mark)
		}
	}
	lw.b.Block = nil
	lw.at(n)
	lw.join(l.breaks)
	return header, true
}

// settleEntries reads what is put off on the path, and makes numbers of the
// entries that variables were given since mark. No address of an entry leaves a
// loop: its body may become a function of its own, which returns numbers only.
func (lw *lowerer) settleEntries(mark int) {
	lw.flush()
	for i := mark; i < len(lw.log); i++ { // reading appends to the log
		if e, ok := lw.log[i].c.val.(*Entry); ok {
			lw.set(lw.log[i].c, lw.readOpt(e))
		}
	}
}

// enterPhi makes the phis of a variable and assigns them to it.
func (lw *lowerer) enterPhi(cv *carried, init [2]*ir.Value) {
	phi := func(t ir.Type, v *ir.Value) *ir.Value {
		p := lw.b.Phi(t)
		// Phi puts new ones behind the others, in front of other values.
		p.AddArg(v)
		return p
	}
	var v Value
	switch k := cv.s.kind.(type) {
	case Int:
		cv.val = phi(ir.I64, init[1])
		v = Int{V: cv.val, Unsigned: k.Unsigned, Bit: k.Bit, Slice: k.Slice}
	case Bool:
		cv.val = phi(ir.Bool, init[1])
		v = Bool{cv.val}
	case Pointer:
		cv.val = phi(ir.I64, init[1])
		v = Pointer{Base: cv.val, View: k.View}
	case Ref:
		cv.val = phi(ir.I64, init[1])
		v = lw.carriedView(k, cv.val)
	}
	if cv.s.opt {
		cv.present = phi(ir.Bool, init[0])
		v = Opt{cv.present, v}
	}
	lw.set(cv.c, v)
}

// parts2 converts a value to what the phis of shape s take; ok is false if it
// does not fit.
func (lw *lowerer) parts2(v Value, s *shape) (present, val *ir.Value, ok bool) {
	v = lw.resolve(v)
	if _, bad := v.(Bad); bad { // reported already
		v = Int{V: lw.b.Const(0), Unsigned: isUnsigned(s.kind)}
		if _, isBool := s.kind.(Bool); isBool {
			v = Const{lua.LFalse}
		}
	}
	if s.opt {
		switch o := v.(type) {
		case Opt:
			_, val, ok = lw.parts2(o.Val, &shape{kind: s.kind})
			return o.Present, val, ok
		case Const:
			if isNil(o) {
				if _, isBool := s.kind.(Bool); isBool {
					return lw.b.Bool(false), lw.b.Bool(false), true
				}
				return lw.b.Bool(false), lw.b.Const(0), true
			}
		}
		_, val, ok = lw.parts2(v, &shape{kind: s.kind})
		return lw.b.Bool(true), val, ok
	}
	switch k := s.kind.(type) {
	case Ref:
		n, ok := lw.carryView(k, v)
		return nil, n, ok
	case Int:
		if n, isInt := v.(Int); isInt {
			return nil, n.V, n.Unsigned == k.Unsigned || k.Unsigned
		}
	case Bool:
		if b, isBool := lw.asBool(v); isBool {
			return nil, b, true
		}
	case Pointer:
		if p, isPtr := v.(Pointer); isPtr && p.View == k.View {
			return nil, lw.offset(p).V, true
		}
	}
	return nil, nil, false
}

func isUnsigned(v Value) bool {
	n, ok := v.(Int)
	return ok && n.Unsigned
}

// closeLoop adds a back edge. It returns false after widening a shape.
func (lw *lowerer) closeLoop(header *ir.Block, vars []*carried, changed []*cell, shapes map[*cell]*shape) bool {
	ok := true
	type back struct{ present, val *ir.Value }
	backs := make([]back, len(vars))
	flat := make([][]*ir.Value, len(vars))
	for i, cv := range vars {
		v := cv.c.get()
		v = lw.settled(v)
		if was := cv.s.flat; was != nil {
			if !lw.carryBoth(cv.s, v, false) {
				lw.widen(cv.s, v, cv.c)
				ok = false
			} else if !was.equal(cv.s.flat) {
				ok = false
			} else {
				flat[i] = lw.carryOut(was, v)
			}
			continue
		}
		p, x, fits := lw.parts2(v, cv.s)
		if n, isInt := v.(Int); fits && isInt {
			if k, _ := cv.s.kind.(Int); k.Bit && !n.Bit || k.Slice != 0 && k.Slice != n.Slice {
				cv.s.kind = Int{Unsigned: k.Unsigned}
				ok = false
			}
		}
		if !fits {
			lw.widen(cv.s, v, cv.c)
			ok = false
		}
		backs[i] = back{p, x}
	}
	for _, c := range changed {
		if _, bad := c.val.(Bad); bad {
			continue
		}
		if s := shapes[c]; !s.phi && !s.gen && s.bad == nil && !identical(c.val, s.v) {
			if isNil(s.v) && isNil(lw.resolve(lw.settled(c.val))) {
				continue
			}
			lw.widen(s, c.val, c)
			ok = false
		}
	}
	if !ok {
		lw.b.Block = nil
		return false
	}
	for i, cv := range vars {
		for k, phi := range cv.flat {
			phi.AddArg(flat[i][k])
		}
		if cv.flat != nil {
			continue
		}
		cv.val.AddArg(backs[i].val)
		if cv.present != nil {
			cv.present.AddArg(backs[i].present)
		}
	}
	lw.b.Jump(header)
	return true
}

// widen makes room in a shape for v.
func (lw *lowerer) widen(s *shape, v Value, c *cell) {
	v = lw.settled(v)
	v = lw.resolve(v)
	opt := isNil(v)
	inner := v
	if o, ok := v.(Opt); ok {
		opt, inner = true, o.Val
	}
	if isNil(s.v) {
		opt = true
	}
	if _, ok := inner.(Const); ok && !isNil(inner) {
		if _, isBool := inner.(Const).V.(lua.LBool); isBool {
			inner = Bool{}
		}
	}
	switch k := s.kind.(type) {
	case nil:
		switch inner.(type) {
		case Int, Bool:
			if isNil(s.v) {
				s.phi, s.kind, s.opt = true, inner, true
				return
			}
		case Ref:
			if r := inner.(Ref); isNil(s.v) && carriesView(r) {
				s.phi, s.kind = true, r
				return
			}
		}
	case Int:
		if n, ok := inner.(Int); ok {
			s.kind = Int{Unsigned: k.Unsigned || n.Unsigned, Bit: k.Bit && n.Bit}
			s.opt = s.opt || opt
			return
		}
		if opt && isNil(inner) {
			s.opt = true
			return
		}
	case Bool:
		if _, ok := inner.(Bool); ok || isNil(inner) {
			s.opt = s.opt || opt
			return
		}
	}
	if s.flat == nil && lw.b.Block != nil && lw.carryBoth(s, v, true) {
		return
	}
	s.phi, s.kind, s.flat = false, nil, nil
	at := c.pos
	if c.epoch {
		at = changedAt(v)
	}
	s.bad = &Conflict{s.v, v, ir.Pos{}, at}
}
