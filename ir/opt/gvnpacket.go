package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Packet checks: one that a dominating check covers goes, and checks of one
// block grow together.
//
// "Bytes lo to hi behind base are there" says, for a packet of n bytes, that
// base and base+lo are not negative and that base+hi <= n. It follows from the
// same with lo' <= lo and hi' >= hi, same generation, same base. Where base is
// known not to be negative and lo is not, lo does not matter: the dominating check
// then names the earlier bytes, too, without asking for more.
//
// A check D may be widened to what a later check C asks for, so that C goes, if
// every path from D comes to C and nothing in between can be observed: then
// leaving at D instead of C is the same. Every path does within a block (other
// checks in between leave to the same place). Values that may leave observe
// every region but the stack, hence stores to the stack may lie between, while
// any other effect ends the time in which a check may grow.
//
// What is known to be there may be asked for earlier in any case. A helper that
// moves the packet's start by a constant, or leaves its length as it is, tells
// the least length of the packet behind it from the checks before it: a check
// in that length goes if any other of its generation and base comes first, which then names its
// bytes, too, for the kernel's verifier.
//
// A store to the packet leaves what is known of its other bytes: a load keeps
// its leader over stores behind the same base that do not overlap it.

// check replaces or records a packet check.
func (n *numberer) check(v *ir.Value) {
	k := [2]*ir.Value{v.Args[0], v.Args[1]}
	for _, d := range n.checks[k] {
		if d.Block != n.block && !n.d.Available(d, n.block) {
			continue
		}
		if n.covers(d, v) && n.c.Change("check") {
			widenTo(d, v)
			n.r.set(v, d)
			return
		}
	}
	if base, end, ok := checkEnd(v); ok && base == nil && end <= n.least[n.moves[v.Args[0]]] {
		for _, d := range n.checks[k] {
			if (d.Block == n.block || n.d.Available(d, n.block)) && n.grow(d, v) {
				n.r.set(v, d)
				return
			}
		}
	}
	for _, d := range n.checks[k] {
		if n.widen[d] && n.grow(d, v) {
			n.r.set(v, d)
			return
		}
	}
	n.widen[v] = true
	old := n.checks[k]
	n.checks[k] = append(old[:len(old):len(old)], v)
	n.undo = append(n.undo, undoStep{do: func() { n.checks[k] = old }})
}

// covers reports whether check v follows from check d of the same generation
// and base.
func (n *numberer) covers(d, v *ir.Value) bool {
	x, y := d.Mem(), v.Mem()
	if int64(y.Off)+int64(y.Size) > int64(x.Off)+int64(x.Size) {
		return false
	}
	return x.Off <= y.Off || y.Off >= 0 && n.notNegative(v.Args[1])
}

func (n *numberer) notNegative(v *ir.Value) bool {
	if k, ok := v.IsConst(); ok {
		return k >= 0
	}
	if n.ranges == nil {
		n.ranges = ir.ComputeRanges(n.f, n.d)
	}
	return n.ranges.Of(v).NonNegative()
}

// grow widens d to cover v, too.
func (n *numberer) grow(d, v *ir.Value) bool {
	lo, hi := hull(d, v)
	if hi > math.MaxInt32 || hi-lo > math.MaxInt32 || !n.c.Change("widen") {
		return false
	}
	widenTo(d, v)
	return true
}

// hull returns the bytes from the first to the last of either check.
func hull(d, v *ir.Value) (lo, hi int64) {
	x, y := d.Mem(), v.Mem()
	return min(int64(x.Off), int64(y.Off)), max(int64(x.Off)+int64(x.Size), int64(y.Off)+int64(y.Size))
}

// widenTo makes d name v's bytes, too, for the loads under v that will be
// under d.
func widenTo(d, v *ir.Value) {
	lo, hi := hull(d, v)
	m := *d.Mem()
	m.Off, m.Size = int32(lo), int32(hi-lo)
	d.Aux = &m
}

// enterMove learns the packet's least length behind a helper that moves it.
func (n *numberer) enterMove(v *ir.Value, before *versions) {
	if v.Op != ir.OpCall || !movesPacket(v) {
		return
	}
	h := v.Aux.(*kernel.Helper)
	less := int64(0)
	switch h.Name {
	case "xdp_adjust_head":
		k, ok := v.Args[1].IsConst()
		if !ok || k != int64(int32(k)) {
			return
		}
		less = max(k, 0)
	case "skb_change_head", "skb_pull_data", "skb_store_bytes", "l3_csum_replace", "l4_csum_replace":
	default:
		return
	}
	there := n.least[before[classMoves]]
	for k, list := range n.checks {
		if n.moves[k[0]] != before[classMoves] {
			continue
		}
		for _, d := range list {
			if base, end, ok := checkEnd(d); ok && base == nil && (d.Block == n.block || n.d.Available(d, n.block)) {
				there = max(there, end)
			}
		}
	}
	n.least[n.ver[classMoves]] = there - less
}

// packetBytes is what the table knows of packet bytes.
type packetBytes struct {
	key vnKey
	mem ir.Mem
}

// maxKept is how many places are kept over a store.
const maxKept = 32

// heldBytes notes that the table has k, the load of m.
func (n *numberer) heldBytes(k vnKey, m ir.Mem) {
	old := len(n.bytes)
	n.bytes = append(n.bytes, packetBytes{k, m})
	n.undo = append(n.undo, undoStep{do: func() { n.bytes = n.bytes[:old] }})
}

// keepBytes enters what is known in version ver of the bytes that a store to m,
// of key k, does not touch.
func (n *numberer) keepBytes(k vnKey, m ir.Mem, ver int32) {
	var kept []packetBytes
	for i := len(n.bytes) - 1; i >= 0 && len(kept) < maxKept; i-- {
		x := n.bytes[i]
		if x.key.ver == ver && x.key.a == k.a && x.key.b == k.b && (x.mem.Off+x.mem.Size <= m.Off || x.mem.Off >= m.Off+m.Size) {
			kept = append(kept, x)
		}
	}
	for _, x := range kept {
		l, ok := n.table.find(x.key)
		if !ok {
			continue
		}
		x.key.ver = k.ver
		x.key = x.key.hashed()
		n.table.put(x.key, l)
		n.heldBytes(x.key, x.mem)
	}
}
