package opt

import (
	"math/bits"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Memory versions: two loads of one address see the same bytes if their region
// has the same version at both.
//
// Each write to a region starts a version, named by the value that wrote. A
// block begins with the version that all its predecessors end with, or with one
// of its own if they differ. Computed like reaching definitions with one
// definition a region, optimistically, so that a loop that writes nothing does
// not start versions. Map values and variables are also written by other CPUs: a
// loop's header always starts a version of them, for a read in a loop is a read each
// time round.
//
// Besides the regions there is a class for the entries of maps, which come and
// go by updates and deletions but not by stores to values, and one for where
// the packet is, which helpers change and stores to it do not.

const (
	classEntries = int(ir.RegionConst) + 1
	classMoves   = classEntries + 1 // where the packet is
	memClasses   = classMoves + 1
)

type memVersions struct {
	f  *ir.Func
	in []versions // by block ID

	own []uint16 // by block ID: the classes of which the block starts a version, as bits
}

// versions are those at one place; 0 is not reached yet.
type versions [memClasses]int32

// memVersions computes those of f, whose dominators are d, until it is called again.
func (s *workspace) memVersions(f *ir.Func, d *ir.Dom) *memVersions {
	m := &s.versions
	*m = memVersions{f: f, in: ir.Resize(m.in, f.NumBlocks()), own: ir.Resize(m.own, f.NumBlocks())}
	own := m.own
	for i, b := range d.RPO {
		if b == f.Entry() || b == f.Short {
			own[b.ID] = 1<<memClasses - 1
		}
		for _, e := range b.Preds {
			if d.Index(e.B) >= i && d.Dominates(b, e.B) {
				own[b.ID] |= 1<<ir.RegionMap | 1<<ir.RegionGlobal
			}
		}
	}
	for again := true; again; {
		again = false // a block in front of one whose end tells it more
		for i, b := range d.RPO {
			for mine := own[b.ID]; mine != 0; mine &= mine - 1 {
				m.in[b.ID][bits.TrailingZeros16(mine)] = int32(-1 - b.ID)
			}
			out := m.in[b.ID]
			for _, v := range b.Values {
				advance(&out, v)
			}
			for _, e := range b.Succs {
				if m.enter(e.B, &out, &own[e.B.ID]) && d.Index(e.B) <= i {
					again = true
				}
			}
		}
	}
	return m
}

// enter joins out into the versions that b begins with, of which it has its own
// where they differ, and reports whether that changed anything.
func (m *memVersions) enter(b *ir.Block, out *versions, own *uint16) (changed bool) {
	to := &m.in[b.ID]
	for k, x := range out {
		switch {
		case *own>>k&1 != 0 || x == 0 || to[k] == x:
		case to[k] == 0:
			to[k], changed = x, true
		default:
			*own |= 1 << k
			changed = true
		}
	}
	return changed
}

// advance moves the versions over v.
func advance(ver *versions, v *ir.Value) {
	w := writes(v)
	if w == 0 {
		return
	}
	for k := 0; k < classEntries; k++ {
		if w.has(region(ir.Region(k))) {
			ver[k] = int32(v.ID + 1)
		}
	}
	if writesEntries(v) {
		ver[classEntries] = int32(v.ID + 1)
	}
	if movesPacket(v) {
		ver[classMoves] = int32(v.ID + 1)
	}
}

// movesPacket reports whether the packet may be elsewhere behind v.
func movesPacket(v *ir.Value) bool {
	switch v.Op {
	case ir.OpCallFunc:
		return true
	case ir.OpCall:
		return v.Aux.(*kernel.Helper).Effects&(kernel.EffectMovesPacket|kernel.EffectCallback) != 0
	}
	return false
}

func writesEntries(v *ir.Value) bool {
	switch v.Op {
	case ir.OpCallFunc:
		return true
	case ir.OpCall:
		return v.Aux.(*kernel.Helper).Effects&(kernel.EffectWritesMaps|kernel.EffectCallback) != 0
	}
	return false
}
