package opt

import (
	"encoding/binary"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Global value numbering.
//
// The dominator tree is walked in preorder with a table of what has been
// computed on the way down; a value whose key is in the table is replaced by
// the one found, its leader, which dominates it. (The scoped-table method of
// Briggs, Cooper and Simpson, "Value Numbering", 1997.) The key is the op with
// its arguments' leaders, and for what depends on more than its arguments:
//
//   - a load: the version of its region (memver.go). A store enters the load
//     that would read it back.
//   - a load from a tracked slot: what the slot holds (contents.go).
//   - map_lookup_elem: the version of the entries and the key's bytes, as the
//     slot holds them, not their address. The merged call gives the same
//     pointer or the same null.
//   - a helper without effects whose answer stays the same within a run.
//   - a packet check: see gvnpacket.go.
//
// A block entered by one edge of a branch knows its condition: the opposite
// comparison is in the table as a constant, and x is the constant k behind
// x == k.
//
// Bounds, and additions of a bounded number to an address, are merged within
// their block only, other additions of a variable to an address (to a packet's)
// never, nor in the low phase ordered comparisons: each addition is under a test
// of its own that the verifier must see on that very value.
//
// A lookup behind a loop is not replaced by one inside: the loop may become a
// callback, and an address that comes out of its frame is one on some ways and
// a number on others, which the verifier does not tell apart by a comparison
// made inside.

// vnDetail is what a computation depends on beyond numbers.
type vnDetail struct {
	sym  any
	more string
}

// args enters v's first two arguments.
func (k *vnKey) args(v ...*ir.Value) {
	k.a, k.b = 0, 0
	if len(v) > 0 {
		k.a = int32(v[0].ID) + 1
	}
	if len(v) > 1 {
		k.b = int32(v[1].ID) + 1
	}
}

// detail returns the number of sym with what more describes.
func (n *numberer) detail(sym any, more []byte) int32 {
	if sym == nil && len(more) == 0 {
		return 0
	}
	k := vnDetail{sym, string(more)}
	i, ok := n.details[k]
	if !ok {
		i = int32(len(n.details)) + 1
		n.details[k] = i
	}
	return i
}

// access enters what m says in a key that has no other number.
func (k *vnKey) access(m ir.Mem) {
	k.aux = int64(m.Off)<<32 | int64(uint32(m.Size))
	k.detail = int32(m.Region) << 2
	if m.Signed {
		k.detail |= 1
	}
	if m.BE {
		k.detail |= 2
	}
}

// gvnFrame is a block on the walk's path.
type gvnFrame struct {
	b    *ir.Block
	next int
	mark undoMark
}

type numberer struct {
	c        *Context
	f        *ir.Func
	d        *ir.Dom
	r        *rewriter
	versions *memVersions
	held     *contents
	ranges   *ir.Ranges // made when first needed
	loops    *ir.Loops  // likewise

	table   scopedTable
	details map[vnDetail]int32
	known   []int32      // by value ID: one more than the number of the constant that branches proved it is
	consts  []laterConst // of leaders and of what is known
	undo    []undoStep
	stack   []gvnFrame
	text    []byte // of a detail being made

	// The place of the walk.
	block   *ir.Block
	values  []*ir.Value // of the block
	ver     versions
	state   []holding
	checks  map[[2]*ir.Value][]*ir.Value // packet checks by generation and base
	widen   map[*ir.Value]bool           // checks of this block that may still grow
	dropped map[*ir.Value]bool
	bytes   []packetBytes       // of the packet that are known
	moves   map[*ir.Value]int32 // which version of its place a generation is
	least   map[int32]int64     // the packet's least length, by such versions
}

// numberValues is the pass "gvn".
func numberValues(c *Context, f *ir.Func) {
	n := &c.space.numbers
	n.table.forget(0)
	*n = numberer{c: c, f: f, d: c.space.dominators(f), r: c.space.rewriter(f),
		table: n.table, known: ir.Resize(n.known, f.NumValues()), consts: n.consts[:0], undo: n.undo[:0], stack: n.stack[:0],
		text: n.text, values: n.values[:0], state: n.state[:0], bytes: n.bytes[:0],
		details: emptied(n.details), checks: emptied(n.checks), widen: emptied(n.widen), moves: emptied(n.moves), least: emptied(n.least)}
	n.versions = c.space.memVersions(f, n.d)
	n.held = c.contents(f, n.d)
	n.table.reserve(f.NumValues() / 2)
	n.walk()
	n.r.apply(f)
}

// walk visits the dominator tree without recursion.
func (n *numberer) walk() {
	mark := n.mark()
	n.enter(n.f.Entry())
	stack := append(n.stack[:0], gvnFrame{b: n.f.Entry(), mark: mark})
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if kids := n.d.Children(top.b); top.next < len(kids) {
			b := kids[top.next]
			top.next++
			mark := n.mark()
			n.enter(b)
			stack = append(stack, gvnFrame{b: b, mark: mark})
			continue
		}
		n.back(top.mark)
		stack = stack[:len(stack)-1]
	}
	n.stack = stack
}

// enter numbers the values of b.
func (n *numberer) enter(b *ir.Block) {
	n.block, n.ver = b, n.versions.in[b.ID]
	if len(n.widen) > 0 {
		clear(n.widen)
	}
	if n.held != nil {
		n.state = append(n.state[:0], n.held.in(b)...)
	}
	if len(b.Preds) == 1 && b != n.f.Short {
		if p := b.Preds[0]; p.B.Kind == ir.BlockIf {
			n.assume(n.r.find(p.B.Control), p.I == 0, 0)
		}
	}
	n.values = append(n.values[:0], b.Values...) // constants and extensions come in between
	for _, v := range n.values {
		if v.Op != ir.OpPhi {
			for i, a := range v.Args {
				if w := n.now(a); w != a {
					v.SetArg(i, w)
				}
			}
		}
		n.number(v)
		before := n.ver
		advance(&n.ver, v)
		n.enterStore(v, &before)
		n.enterMove(v, &before)
		if n.held != nil {
			n.held.step(n.state, v)
		}
		if len(n.widen) > 0 && (observable(v) || v.Op == ir.OpPktGen && n.r.find(v) == v) {
			clear(n.widen)
		}
	}
	if b.Control != nil {
		if w := n.now(b.Control); w != b.Control {
			b.SetControl(w)
		}
	}
	for _, e := range b.Succs {
		for _, v := range e.B.Phis() {
			if w := n.now(v.Args[e.I]); w != v.Args[e.I] {
				v.SetArg(e.I, w)
			}
		}
	}
}

// now returns what stands for v in the block at hand.
func (n *numberer) now(v *ir.Value) *ir.Value {
	v = n.r.find(v)
	if int(v.ID) >= len(n.known) {
		return v
	}
	l := n.known[v.ID]
	if l == 0 || v.Op == ir.OpConst || forVerifier(v) {
		return v
	}
	if w := n.valueOf(leader{konst: l - 1}); w != nil && n.c.Change("known") {
		return w
	}
	return v
}

// assume enters that c is known to be is in the block at hand.
func (n *numberer) assume(c *ir.Value, is bool, depth int) {
	if c.Op == ir.OpConst || depth > 8 {
		return
	}
	n.learn(c, n.laterBool(is))
	switch c.Op {
	case ir.OpNot:
		n.assume(c.Args[0], !is, depth+1)
	case ir.OpAnd, ir.OpOr:
		if is == (c.Op == ir.OpAnd) {
			n.assume(c.Args[0], is, depth+1)
			n.assume(c.Args[1], is, depth+1)
		}
	case ir.OpEq, ir.OpNe:
		x, y := c.Args[0], c.Args[1]
		if k, ok := y.IsConst(); ok && is == (c.Op == ir.OpEq) && x.Op != ir.OpConst && x.Type != ir.Bool {
			n.learn(x, n.later(x.Type, k))
		}
	}
	if o, ok := opposite[c.Op]; ok {
		k := vnKey{op: o.op, typ: ir.Bool}
		k.args(c.Args...)
		if o.swap {
			k.a, k.b = k.b, k.a
		}
		k = n.canonical(k).hashed()
		if l, ok := n.table.find(k); ok && n.made(l) != nil {
			n.learn(n.made(l), n.laterBool(!is))
		}
		n.table.put(k, n.laterBool(!is))
	}
}

// canonical orders the arguments of a commutative op.
func (n *numberer) canonical(k vnKey) vnKey {
	if k.op.Info().Commutative && k.a > k.b {
		k.a, k.b = k.b, k.a
	}
	return k
}

// number replaces v by its leader or makes it one.
func (n *numberer) number(v *ir.Value) {
	switch v.Op {
	case ir.OpCopy:
		if n.c.Change("copy") {
			n.r.set(v, v.Args[0])
		}
		return
	case ir.OpPktCheck:
		n.check(v)
		return
	case ir.OpLoad:
		if n.forward(v) {
			return
		}
	}
	k, ok := n.key(v)
	if !ok {
		return
	}
	k = k.hashed()
	if l, ok := n.table.find(k); ok {
		if w := n.valueOf(l); w != nil && !n.leavesLoop(v, w) && n.c.Change(what(v)) {
			n.r.set(v, n.fit(v, w))
			return
		}
	}
	n.table.put(k, leader{v: v})
	if v.Op == ir.OpPktLoad {
		n.heldBytes(k, *v.Mem())
	}
}

// leavesLoop reports whether w, a helper's result that is an address, would be
// used for v behind a loop that it is made in.
func (n *numberer) leavesLoop(v, w *ir.Value) bool {
	if v.Op != ir.OpCall || v.Type != ir.Ptr || w.Block == v.Block {
		return false
	}
	if n.loops == nil {
		n.loops = ir.FindLoops(n.f, n.d)
	}
	l := n.loops.Of(w.Block)
	return l != nil && !n.loops.Contains(l, v.Block)
}

// what names the change that replaces v.
func what(v *ir.Value) string {
	switch {
	case v.Op == ir.OpConst:
		return "const"
	case v.Op == ir.OpCall:
		return "call"
	case v.Op.Info().Reads:
		return "load"
	}
	return "value"
}

// fit extends w, whose low bytes are what the load v reads, to what v gives.
func (n *numberer) fit(v, w *ir.Value) *ir.Value {
	if !isLoad(v) || v.Type != ir.I64 || v.Mem().Size == 8 {
		return w
	}
	m := v.Mem()
	if w.Op == v.Op && w.Mem().Size == m.Size && w.Mem().Signed == m.Signed {
		return w
	}
	op := ir.OpZext
	if m.Signed {
		op = ir.OpSext
	}
	at := 0
	for i, x := range n.block.Values {
		if x == v {
			at = i
		}
	}
	x := n.block.InsertValue(at, op, ir.I64, v.Pos, w)
	x.AuxInt = int64(m.Size) * 8
	return x
}

// key returns v's key; ok is false if v has no equals.
func (n *numberer) key(v *ir.Value) (vnKey, bool) {
	info := v.Op.Info()
	k := vnKey{op: v.Op, typ: v.Type, aux: v.AuxInt}
	switch {
	case v.Op == ir.OpCall:
		return n.callKey(v, k)
	case v.Op == ir.OpPhi:
		n.text = n.text[:0]
		for _, a := range v.Args {
			n.text = binary.AppendUvarint(n.text, uint64(n.r.find(a).ID))
		}
		k.aux, k.detail = int64(v.Block.ID), n.detail(nil, n.text)
		return k, true
	case forVerifier(v):
		return k, false
	case v.Op == ir.OpBound, v.Op == ir.OpPtrAdd && v.Args[1].Op != ir.OpConst:
		// In one block only: a bound that another block has made may be a number
		// from memory by then, of which the verifier knows nothing.
		if _, ok := ir.EvidentMax(v.Args[len(v.Args)-1]); v.Op == ir.OpPtrAdd && !ok {
			return k, false
		}
		k.ver = int32(v.Block.ID) + 1
	case v.Op == ir.OpPktGen:
		k.ver = n.ver[classMoves]
		n.moves[v] = k.ver
		return k, true
	case v.Op == ir.OpPktLoad:
		// Any check that covers it will do.
		if v.Args[0].Op != ir.OpPktCheck {
			return k, false
		}
		k.access(*v.Mem())
		k.ver = n.ver[ir.RegionPacket]
		k.args(v.Args[1], v.Args[0].Args[0])
		return k, true
	case v.Op == ir.OpLoad || v.Op == ir.OpLdAbs || v.Op == ir.OpLdInd:
		k.access(*v.Mem())
		k.ver = n.ver[v.Mem().Region]
	case !info.Pure:
		return k, false
	default:
		k.detail = n.detail(v.Aux, nil)
	}
	k.args(v.Args...)
	return n.canonical(k), true
}

// callKey is key for a helper call.
func (n *numberer) callKey(v *ir.Value, k vnKey) (vnKey, bool) {
	h := v.Aux.(*kernel.Helper)
	if h.Effects != 0 || v.Type == ir.Void {
		return k, false
	}
	if h.Name != "map_lookup_elem" {
		k.detail = n.detail(h, nil)
		return k, len(h.Args) == 0
	}
	if len(v.Args) != 2 || v.Args[0].Op != ir.OpMapRef {
		return k, false
	}
	more := n.keyBytes(v)
	k.detail = n.detail(h, more)
	k.args(v.Args[0])
	k.ver = n.ver[classEntries]
	return k, len(more) > 0
}

// keyBytes describes the key of a lookup by what it is; by nothing if a slot
// holds it that is not tracked or not known.
func (n *numberer) keyBytes(v *ir.Value) []byte {
	n.text = n.text[:0]
	if n.held == nil {
		return nil
	}
	n.held.t.accesses(v, func(a access) {
		for i := a.lo; i < a.hi; i++ {
			switch h := n.state[i]; h.kind {
			case heldConst:
				n.text = append(n.text, 'c', h.k)
			case heldValue:
				n.text = append(binary.AppendUvarint(append(n.text, 'v'), uint64(n.r.find(h.v).ID)), h.k)
			default:
				n.text = binary.AppendVarint(binary.AppendUvarint(append(n.text, '?'), uint64(i)), int64(n.ver[ir.RegionStack]))
			}
		}
	})
	return n.text
}

// forward replaces a load from a tracked slot by what the slot holds.
func (n *numberer) forward(v *ir.Value) bool {
	if n.held == nil {
		return false
	}
	done := false
	n.held.t.accesses(v, func(a access) {
		w, x, ok := n.held.number(n.state, a.lo, a.hi)
		switch {
		case !ok:
		case w == nil:
			if v.Mem().Signed {
				x = ir.Sext(x, 8*(a.hi-a.lo))
			}
			if v.Type == ir.Ptr && x != 0 || !n.c.Change("forward") {
				return
			}
			v.SetConst(int64(x))
			done = true
		case w.Type == v.Type:
			w = n.r.find(w)
			if w.Block != n.block && !n.d.Available(w, n.block) || !n.c.Change("forward") {
				return
			}
			n.r.set(v, n.fit(v, w))
			done = true
		}
	})
	return done
}

// enterStore makes the value that v stores known to loads of the same place.
func (n *numberer) enterStore(v *ir.Value, before *versions) {
	if v.Op == ir.OpPktStore && v.Args[0].Op == ir.OpPktCheck {
		k := vnKey{op: ir.OpPktLoad, typ: ir.I64, ver: n.ver[ir.RegionPacket]}
		k.access(*v.Mem())
		k.args(v.Args[1], v.Args[0].Args[0])
		k = k.hashed()
		n.keepBytes(k, *v.Mem(), before[ir.RegionPacket])
		n.table.put(k, leader{v: v.Args[2]})
		n.heldBytes(k, *v.Mem())
	}
	if v.Op != ir.OpStore || v.Mem().Region == ir.RegionStack {
		return
	}
	m := *v.Mem()
	m.Signed, m.BE = false, false
	k := vnKey{op: ir.OpLoad, typ: v.Args[1].Type, ver: n.ver[m.Region]}
	k.access(m)
	k.args(v.Args[0])
	n.table.put(k.hashed(), leader{v: v.Args[1]})
}
