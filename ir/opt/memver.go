package opt

import (
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
	in [][memClasses]int32 // by block ID; 0 is not reached yet
}

func computeVersions(f *ir.Func, d *ir.Dom) *memVersions {
	m := &memVersions{f: f, in: make([][memClasses]int32, f.NumBlocks())}
	own := make([][memClasses]bool, f.NumBlocks())
	for _, b := range d.RPO {
		for k := range own[b.ID] {
			own[b.ID][k] = b == f.Entry() || b == f.Short
		}
		for _, e := range b.Preds {
			if d.Dominates(b, e.B) {
				own[b.ID][ir.RegionMap] = true
				own[b.ID][ir.RegionGlobal] = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, b := range d.RPO {
			for k := range m.in[b.ID] {
				if own[b.ID][k] {
					m.in[b.ID][k] = int32(-1 - b.ID)
				}
			}
			out := m.in[b.ID]
			for _, v := range b.Values {
				out = advance(out, v)
			}
			for _, e := range b.Succs {
				to := &m.in[e.B.ID]
				for k, x := range out {
					switch {
					case own[e.B.ID][k] || x == 0 || to[k] == x:
					case to[k] == 0:
						to[k], changed = x, true
					default:
						own[e.B.ID][k], changed = true, true
					}
				}
			}
		}
	}
	return m
}

// advance returns the versions behind v.
func advance(ver [memClasses]int32, v *ir.Value) [memClasses]int32 {
	w := writes(v)
	if w == 0 {
		return ver
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
	return ver
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
