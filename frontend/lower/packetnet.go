package lower

import (
	"math"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// pkt.net_off: the network header of a socket filter's packet.
//
// A filter of a TCP or UDP socket is shown the packet from the transport header
// on; what lies in front of it is reached only by offsets from the network
// header. As in the kernel's own loads, these are offsets far below 0: a
// Pointer's Off tells the two apart wherever it is handed to, as long as it does
// not become a number at run time. The bytes come by bpf_skb_load_bytes_relative,
// which has those of the packet's linear part, where headers are. So have the
// kernel's own loads from there (SKF_NET_OFF); bpf_skb_load_bytes, which reaches
// fragments, counts from where the packet starts, and nothing tells how far that is
// from the network header.

const (
	networkOffset = -(1 << 20) // SKF_NET_OFF
	networkReach  = 1 << 16    // no header is longer
	// hdrStartNet is BPF_HDR_START_NET.
	hdrStartNet = 1
)

// fromNetwork reports whether off counts from the network header.
func fromNetwork(off int64) bool { return off < networkOffset/2 }

// netOff evaluates pkt.net_off.
func (lw *lowerer) netOff(n syntax.Node) Value {
	if lw.prog.Kind.Name != "socket" {
		return lw.errorf(n, diag.UnknownHeaderField, "'net_off' is for socket filters, whose packet may begin behind the network header; here it is pkt.ip or pkt.ip6")
	}
	return Pointer{Off: networkOffset, View: headers()["net"]}
}

// packetLoad reads packet bytes.
func (lw *lowerer) packetLoad(base *ir.Value, m ir.Mem) *ir.Value {
	if fromNetwork(int64(m.Off)) {
		return lw.networkLoad(base, m)
	}
	return lw.b.PktLoad(lw.pktCheck(base, m.Off, m.Size), base, m)
}

// networkLoad reads bytes counted from the network header.
func (lw *lowerer) networkLoad(base *ir.Value, m ir.Mem) *ir.Value {
	n := rangeNode(lw.b.Pos, lw)
	lw.decided("the packet is read")
	fail := Const{shortPacket}
	at := lw.b.Op(ir.OpAdd, base, lw.b.Const(int64(m.Off)-networkOffset))
	lw.raiseUnless(lw.b.Op(ir.OpULe, at, lw.b.Const(networkReach)), fail)
	if lw.b.Block == nil { // always short: what follows is dropped
		lw.b.Block = lw.b.Func.NewBlock(ir.BlockJump)
	}
	buf := lw.b.SlotAddr(lw.b.Func.NewSlot(int(m.Size), "", lw.b.Pos))
	r := lw.helper(n, "skb_load_bytes_relative", ir.I64, lw.ctx, at, buf, lw.b.Const(int64(m.Size)), lw.b.Const(hdrStartNet))
	if r == nil {
		return lw.b.Const(0)
	}
	lw.raiseUnless(lw.b.Op(ir.OpEq, r, lw.b.Const(0)), fail)
	v := lw.b.Load(ir.I64, buf, ir.Mem{Region: ir.RegionStack, Size: m.Size, Signed: m.Signed && !m.BE})
	if m.BE && m.Size > 1 {
		v = lw.b.OpBits(ir.OpToBE, int64(m.Size)*8, v)
	}
	return v
}

// noNumber reports a place behind the network header where a number is wanted.
func (lw *lowerer) noNumber() Int {
	lw.errorf(rangeNode(lw.b.Pos, lw), diag.NotANumber, "how far the network header is from the packet's start is not known: places behind 'net_off' are read, and not joined, carried by loops or compared with others")
	return Int{V: lw.b.Const(math.MaxInt32)}
}
