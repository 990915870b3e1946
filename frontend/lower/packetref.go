package lower

import (
	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/ir"
)

// C types in the packet: ffi.cast('struct x *', p). Such a Ref has an offset
// where others have an address; each access is under a check of its own, as a
// field's is. What is declared in network order reads as a host-order number,
// plain integers are in memory order.

// packetRef returns p as a pointer to a t. Elements behind it go on to where
// the packet ends.
func (lw *lowerer) packetRef(p Pointer, t ctype.Type) Ref {
	return Ref{Addr: lw.base(p), Off: p.Off, Type: t, Region: ir.RegionPacket, Pointer: true, Lo: p.Off, Hi: p.Off + maxOffset/2}
}

// loadMem loads from an address, or in the packet from an offset.
func (lw *lowerer) loadMem(p *ir.Value, m ir.Mem) *ir.Value {
	if m.Region != ir.RegionPacket {
		return lw.b.Load(ir.I64, p, m)
	}
	if lw.inShort {
		lw.load(rangeNode(lw.b.Pos, lw), Pointer{}, 0, 1) // reports it
		return lw.b.Const(0)
	}
	return lw.packetLoad(p, m)
}

// storeMem stores to an address, or in the packet to an offset.
func (lw *lowerer) storeMem(p, x *ir.Value, m ir.Mem) {
	if m.Region != ir.RegionPacket {
		lw.b.Store(p, x, m)
		return
	}
	lw.b.PktStore(lw.pktCheck(p, m.Off, m.Size), p, x, m)
}

// mergePacketRefs merges references into the packet where control flow joins.
func (j *joiner) mergePacketRefs(vals []Value, a Ref) Value {
	lw := j.lw
	args := make([]*ir.Value, len(vals))
	for i, v := range vals {
		if r, ok := v.(Ref); !ok || len(r.tests()) > 0 {
			return lw.conflict(vals, make([]ir.Pos, len(vals)))
		}
		args[i] = j.at(i, func() *ir.Value {
			p, off := lw.address(v.(Ref))
			return lw.b.Op(ir.OpAdd, p, lw.b.Const(off))
		})
	}
	out := a
	out.Addr, out.Index, out.moved = j.phi(ir.I64, args), nil, false
	out.Hi, out.Off, out.Lo = a.Hi-a.Off, 0, 0
	return out
}
