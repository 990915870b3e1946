package opt

import "github.com/luabpfc/luabpfc/ir"

// Jump threading.
//
// A block that branches on something that is constant for one of its
// predecessors need not be gone through: that predecessor goes straight to the
// successor. It is constant if it is computed from a phi with a constant there,
// which makes control flow of conditions (the front end's "a and b" is a phi of
// false and b), or if a branch on the way to the predecessor decided it: the
// same condition, its opposite, or x == k where x is compared with constants
// again. On the way are the blocks with one predecessor each, back from the
// edge; what they prove holds whatever else the graph is threaded to.
//
// A block is threaded if it has but phis and a few pure values that nobody
// outside uses (constants are moved out of the way), and is no loop header. A
// phi used
// behind the block has another definition on the new edge, which gets a block
// of its own for the purpose; repairUses puts in the phis this takes (folding
// removes the new block if it stays empty).

// threadable bounds what a threaded block may compute besides its phis.
const threadable = 6

// threadJumps threads what it can and reports whether it did.
func threadJumps(c *Context, f *ir.Func, headers []bool) bool {
	any := false
	c.space.blocks = append(c.space.blocks[:0], f.Blocks...) // threading adds some
	for _, b := range c.space.blocks {
		if b.Kind != ir.BlockIf || headers[b.ID] || b == f.Short || len(b.Preds) < 2 {
			continue
		}
		consts, ok := canThread(b)
		if !ok {
			continue
		}
		for i := 0; i < len(b.Preds); {
			k, ok := controlOn(b, i)
			if !ok || len(b.Preds) < 2 || !c.Change("thread") {
				i++
				continue
			}
			for _, v := range consts {
				hoistConst(v)
			}
			consts = nil
			thread(f, b, i, int(1-k))
			any = true
		}
	}
	if any {
		dropUnreachable(f)
	}
	return any
}

// canThread reports whether all that b does is compute its branch, and which of
// its constants are used elsewhere.
func canThread(b *ir.Block) (consts []*ir.Value, ok bool) {
	phis := b.Phis()
	if len(b.Values)-len(phis) > threadable {
		return nil, false
	}
	for _, v := range b.Values[len(phis):] {
		switch info := v.Op.Info(); {
		case v.Op == ir.OpConst:
			if v.Uses != usesIn(b, v) {
				consts = append(consts, v)
			}
		case !info.Pure || info.Pinned || v.Uses != usesIn(b, v):
			return nil, false
		}
	}
	return consts, true
}

// usesIn returns how often b names v.
func usesIn(b *ir.Block, v *ir.Value) int32 {
	n := int32(0)
	for _, x := range b.Values {
		for _, a := range x.Args {
			if a == v {
				n++
			}
		}
	}
	if b.Control == v {
		n++
	}
	return n
}

// hoistConst moves a constant to the beginning of the function, behind its
// parameters.
func hoistConst(v *ir.Value) {
	b := v.Block
	for i, x := range b.Values {
		if x == v {
			b.Values = append(b.Values[:i], b.Values[i+1:]...)
			break
		}
	}
	e := b.Func.Entry()
	at := 0
	for at < len(e.Values) && e.Values[at].Op == ir.OpArg {
		at++
	}
	v.Block = e
	e.Values = append(e.Values, nil)
	copy(e.Values[at+1:], e.Values[at:])
	e.Values[at] = v
}

// controlOn evaluates b's control as it is for predecessor i.
func controlOn(b *ir.Block, i int) (int64, bool) {
	return evalOn(b.Control, b, i, 0)
}

func evalOn(v *ir.Value, b *ir.Block, i, depth int) (int64, bool) {
	if depth > threadable {
		return 0, false
	}
	if k, ok := constantOn(v, b, i); ok {
		return k, true
	}
	if v.Block == b && v.Op == ir.OpPhi {
		return decidedBefore(v.Args[i], b.Preds[i])
	}
	if k, ok := decidedBefore(v, b.Preds[i]); ok || v.Block != b {
		return k, ok
	}
	if len(v.Args) == 0 || len(v.Args) > 2 {
		return 0, false
	}
	if (v.Op == ir.OpEq || v.Op == ir.OpNe) && v.Args[0].Type == ir.Ptr {
		if !nullOn(v.Args[0], v.Args[1], b, i) {
			return 0, false
		}
		if v.Op == ir.OpNe {
			return 1, true
		}
		return 0, true
	}
	var x [2]uint64
	for j, a := range v.Args {
		k, ok := constantOn(a, b, i)
		if !ok && !forVerifier(v) { // to which a branch may have shown it in another form
			k, ok = evalOn(a, b, i, depth+1)
		}
		if !ok {
			return 0, false
		}
		x[j] = uint64(k)
	}
	r, ok := ir.Eval(v.Op, v.AuxInt, b.Func.Module.BigEndian, x[0], x[1])
	return int64(r), ok
}

// constantOn returns what v is for predecessor i of b, if it is a constant there.
func constantOn(v *ir.Value, b *ir.Block, i int) (int64, bool) {
	if v.Block == b && v.Op == ir.OpPhi {
		v = v.Args[i]
	}
	return v.IsConst()
}

// decidedBefore returns what v is where control comes by edge e (a block and the
// index of its successor), if a branch decided that on the way.
func decidedBefore(v *ir.Value, e ir.Edge) (int64, bool) {
	const far = 32
	if forVerifier(v) {
		return 0, false
	}
	for n := 0; n < far; n++ {
		b := e.B
		if b.Kind == ir.BlockIf {
			if k, ok := impliedBy(b.Control, e.I == 0, v); ok {
				return k, true
			}
		}
		if len(b.Preds) != 1 || b == b.Func.Short {
			break
		}
		e = b.Preds[0]
	}
	return 0, false
}

// impliedBy returns what v is if c came out as is.
func impliedBy(c *ir.Value, is bool, v *ir.Value) (int64, bool) {
	bit := func(x bool) (int64, bool) {
		if x {
			return 1, true
		}
		return 0, true
	}
	if c == v {
		return bit(is)
	}
	if (c.Op == ir.OpEq || c.Op == ir.OpNe) && is == (c.Op == ir.OpEq) && c.Args[0] == v {
		return c.Args[1].IsConst()
	}
	if len(c.Args) != 2 || len(v.Args) != 2 || c.Op == ir.OpPhi { // the same of other ways is another number
		return 0, false
	}
	x, y := v.Args[0], v.Args[1]
	if v.Op == c.Op && same(c.Args[0], x) && same(c.Args[1], y) {
		return bit(is)
	}
	o, ok := opposite[c.Op]
	if !ok || v.Op != o.op {
		return 0, false
	}
	if o.swap {
		x, y = y, x
	}
	if same(c.Args[0], x) && same(c.Args[1], y) {
		return bit(!is)
	}
	return 0, false
}

// nullOn reports whether, for predecessor i, p is certainly an address and q
// null.
func nullOn(p, q *ir.Value, b *ir.Block, i int) bool {
	if p.Op == ir.OpPhi && p.Block == b {
		p = p.Args[i]
	}
	return isZero(q) && (p.Op == ir.OpNonNull || p.Op == ir.OpSlotAddr || p.Op == ir.OpGlobalAddr || p.Op == ir.OpPtrAdd)
}

// thread sends predecessor i of b to b's successor j.
func thread(f *ir.Func, b *ir.Block, i, j int) {
	to := b.Succs[j]
	p := b.Preds[i]
	e := f.NewBlock(ir.BlockJump)
	moveBehind(f, e, b)
	e.Pos = p.B.Pos

	phis := append([]*ir.Value(nil), b.Phis()...)
	on := make(map[*ir.Value]*ir.Value, len(phis))
	for _, v := range phis {
		on[v] = v.Args[i]
	}
	p.B.RedirectEdge(p.I, e)
	e.AddEdge(to.B)
	for _, w := range to.B.Phis() {
		a := w.Args[to.I]
		if x := on[a]; x != nil {
			a = x
		}
		w.AddArg(a)
	}
	repairPhis(f, b, e, phis, on)
}

// repairPhis gives the uses of b's phis behind b the definition that reaches
// them, now that e leads past b.
func repairPhis(f *ir.Func, b, e *ir.Block, phis []*ir.Value, on map[*ir.Value]*ir.Value) {
	inside := map[*ir.Value]int32{}
	for _, v := range b.Values {
		for _, a := range v.Args {
			inside[a]++
		}
	}
	inside[b.Control]++
	defs := map[*ir.Value]map[*ir.Block]*ir.Value{}
	var order []*ir.Value
	for _, v := range phis {
		if v.Uses > inside[v] {
			defs[v] = map[*ir.Block]*ir.Value{b: v, e: on[v]}
			order = append(order, v)
		}
	}
	if len(order) > 0 {
		repairUses(f, order, defs, map[*ir.Block]bool{b: true, e: true})
	}
}
