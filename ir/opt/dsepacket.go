package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
)

// Dead stores to the packet: to bytes that the same block stores to again
// before anybody can see them. Seen they are by whatever may leave, by helpers,
// and by loads of the same bytes, or of ones behind another variable offset,
// which may be the same. Fields of a few bits make such stores: each reads its
// byte as the one before left it.

// written is a run of bytes that is stored to further down.
type written struct {
	gen, base *ir.Value
	lo, hi    int32
}

// deadPacketStores drops such stores. It walks each block backward.
func deadPacketStores(c *Context, f *ir.Func) {
	for _, b := range f.Blocks {
		var later []written
		var dead []*ir.Value
		for i := len(b.Values) - 1; i >= 0; i-- {
			v := b.Values[i]
			switch {
			case v.Op == ir.OpPktStore:
				w := packetRun(v)
				if covered(later, w) && c.Change("packet") {
					dead = append(dead, v)
					continue
				}
				if len(later) < 64 {
					later = append(later, w)
				}
			case len(later) == 0:
			case v.Op == ir.OpPktLoad:
				later = unseen(later, packetRun(v))
			case reads(v).has(region(ir.RegionPacket)) || writes(v).has(region(ir.RegionPacket)) || v.Op.Info().MayLeave:
				later = nil
			}
		}
		if len(dead) > 0 {
			dropValues(b, func(v *ir.Value) bool { return slices.Contains(dead, v) })
		}
	}
}

// packetRun returns the bytes that a packet load or store is of.
func packetRun(v *ir.Value) written {
	m := v.Mem()
	return written{genOf(checkOf(v)), v.Args[1], m.Off, m.Off + m.Size}
}

// covered reports whether one of later stores to all of w.
func covered(later []written, w written) bool {
	for _, l := range later {
		if l.gen == w.gen && l.base == w.base && l.lo <= w.lo && l.hi >= w.hi {
			return true
		}
	}
	return false
}

// unseen drops what a load of w may see.
func unseen(later []written, w written) []written {
	kept := later[:0]
	for _, l := range later {
		if l.gen == w.gen && l.base == w.base && (l.hi <= w.lo || l.lo >= w.hi) {
			kept = append(kept, l)
		}
	}
	return kept
}
