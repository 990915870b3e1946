package lower

import (
	"slices"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Checksums: the complement of the sum of 16-bit words in ones' complement
// arithmetic (RFC 1071). Sums are kept in 64 bits and folded at the end.
//
// A field is replaced by RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), for each
// checksum that covers the field: the header's own, and where the field is an
// address the transport's, whose pseudo header has it. A UDP checksum of 0 is
// none and stays; one that would become 0 is 0xffff. In tc the transport's is
// patched by l4_csum_replace, which knows of checksums that the device is still
// to complete. Nothing is written before all of it is known to be there.

// fold16 returns a 64-bit sum as one of 16 bits.
func (lw *lowerer) fold16(x *ir.Value) *ir.Value {
	b := lw.b
	fold := func(x *ir.Value, bits int64) *ir.Value {
		return b.Op(ir.OpAdd, b.Op(ir.OpAnd, x, b.Const(1<<bits-1)), b.Op(ir.OpLShr, x, b.Const(bits)))
	}
	return fold(fold(fold(fold(x, 32), 16), 16), 16)
}

// complement16 is the checksum of a folded sum.
func (lw *lowerer) complement16(x *ir.Value) *ir.Value {
	return lw.b.Op(ir.OpXor, x, lw.b.Const(0xffff))
}

// csumFold is bpf.csum_fold(x).
func (lw *lowerer) csumFold(e *syntax.Call, args []Value) Value {
	x, ok := lw.argInt(e, args, 0)
	if !ok {
		return Bad{}
	}
	return Int{V: lw.complement16(lw.fold16(x.V))}
}

// Offsets in an IPv4 header: its checksum, and its greatest length in words.
const (
	ipSumAt    = 10
	ipWords    = 5
	ipMaxWords = 15
)

// ipChecksum is ip:checksum(): it computes and stores the header's checksum. It
// sums in memory order, which no word has to be swapped for.
func (lw *lowerer) ipChecksum(e *syntax.MethodCall, p Pointer, _ []Value) Value {
	if p.View.name != "ip" {
		return lw.errorf(e, diag.UnknownMethod, "'checksum' is a method of IPv4 headers; replace patches the others")
	}
	if !lw.packetWritable(e) {
		return Tuple{}
	}
	b := lw.b
	words := lw.bits(e, p, 4, 4)
	base := lw.base(p)
	word := func(i int) *ir.Value {
		check := lw.pktCheck(base, int32(p.Off)+int32(4*i), 4)
		return lw.b.PktLoad(check, base, ir.Mem{Off: int32(p.Off) + int32(4*i), Size: 4})
	}
	lw.pktCheck(base, int32(p.Off), 4*ipWords)
	sum := b.Const(0)
	for i := range ipWords {
		x := word(i)
		if i == ipSumAt/4 { // the checksum itself counts as 0
			keep := int64(0xffff)
			if lw.mod.BigEndian {
				keep <<= 16
			}
			x = b.Op(ir.OpAnd, x, b.Const(keep))
		}
		sum = b.Op(ir.OpAdd, sum, x)
	}
	mark := lw.mark()
	var ends []edge
	for i := ipWords; i < ipMaxWords && b.Block != nil; i++ {
		more, done := lw.branch(b.Op(ir.OpULt, b.Const(int64(i)), words), mark)
		if done.block != nil {
			lw.open(done)
			ends = append(ends, lw.leave(mark, Int{V: sum}))
		}
		if more.block == nil {
			b.Block = nil
			break
		}
		lw.open(more)
		sum = b.Op(ir.OpAdd, sum, word(i))
	}
	if b.Block != nil {
		ends = append(ends, lw.leave(mark, Int{V: sum}))
	}
	sum = lw.join(ends)[0].(Int).V
	sum = lw.complement16(lw.fold16(sum))
	at := int32(p.Off) + ipSumAt
	b.PktStore(lw.pktCheck(base, at, 2), base, sum, ir.Mem{Off: at, Size: 2})
	return Tuple{}
}

// patch is a run of 2 or 4 bytes that replace changes, from and to as host-order
// numbers.
type patch struct {
	off, size int
	from, to  *ir.Value
}

// ownSum names the checksum that covers each header.
var ownSum = map[string]string{"ip": "hchecksum", "tcp": "cksum", "udp": "crc", "icmp": "checksum", "icmp6": "checksum"}

// replaceField is hdr:replace('field', v).
func (lw *lowerer) replaceField(e *syntax.MethodCall, p Pointer, args []Value) Value {
	name, ok := stringConst(args[0])
	if !ok {
		return lw.errorf(e, diag.WrongArguments, "the name of the field must be a constant; it is hdr:replace('field', value)")
	}
	if v, ok := lw.l3View(p, name); ok {
		p = v
	}
	f, ok := p.View.field(name)
	if !ok || f.some {
		if s := diag.Closest(name, p.View.members()); s != "" {
			return lw.errorf(e, diag.UnknownHeaderField, "'%s' has no field '%s' (did you mean '%s'?)", p.View.name, name, s)
		}
		return lw.errorf(e, diag.UnknownHeaderField, "'%s' has no field '%s'", p.View.name, name)
	}
	if !lw.packetWritable(e) {
		return Tuple{}
	}
	sum := ownSum[p.View.name]
	if name == sum {
		lw.setHeader(e, p, f, args[1])
		return Tuple{}
	}
	list, ok := lw.patches(e, p, f, args[1])
	if !ok || lw.b.Block == nil {
		return Tuple{}
	}
	diff := lw.b.Const(0)
	for _, c := range list {
		mask := lw.b.Const(1<<(8*c.size) - 1)
		diff = lw.b.Op(ir.OpAdd, diff, lw.b.Op(ir.OpAdd, lw.b.Op(ir.OpXor, c.from, mask), c.to))
	}
	diff = lw.fold16(diff)
	if sum != "" && p.View.name != "ip" {
		g, _ := p.View.field(sum)
		lw.patchTransport(e, Pointer{Base: p.Base, Off: p.Off + int64(g.off/8)}, diff, p.View.name == "udp", false)
	}
	if name == "src" || name == "dst" || f.off >= 64 && p.View.name == "ip6" {
		lw.patchPseudo(e, p, diff)
	}
	if p.View.name == "ip" {
		lw.patchOwn(e, Pointer{Base: p.Base, Off: p.Off + ipSumAt}, diff)
	}
	for _, c := range list {
		lw.store(e, p, int64(c.off), int32(c.size), c.to)
	}
	return Tuple{}
}

// patches returns what replacing f by v changes, in whole 16-bit words.
func (lw *lowerer) patches(n syntax.Node, p Pointer, f *field, v Value) ([]patch, bool) {
	first := f.off / 8 &^ 1
	size := ((f.off+f.width+7)/8+1)&^1 - first
	lw.pktCheck(lw.base(p), int32(p.Off)+int32(first), int32(size))
	if f.bytes {
		return lw.bytePatches(n, p, first, size, v)
	}
	x, ok := lw.storable(n, v, "stored")
	if !ok {
		return nil, false
	}
	if size == 8 {
		return []patch{
			{first, 4, lw.load(n, p, int64(first), 4), lw.b.Op(ir.OpLShr, x.V, lw.b.Const(32))},
			{first + 4, 4, lw.load(n, p, int64(first)+4, 4), lw.b.Op(ir.OpAnd, x.V, lw.b.Const(1<<32-1))},
		}, true
	}
	old := lw.load(n, p, int64(first), int32(size))
	shift := int64((first+size)*8 - f.off - f.width)
	mask := int64(1<<f.width - 1)
	to := lw.b.Op(ir.OpShl, lw.b.Op(ir.OpAnd, x.V, lw.b.Const(mask)), lw.b.Const(shift))
	if f.width < size*8 {
		to = lw.b.Op(ir.OpOr, to, lw.b.Op(ir.OpAnd, old, lw.b.Const(^(mask<<shift))))
	}
	return []patch{{first, size, old, to}}, true
}

// bytePatches is patches for an array.
func (lw *lowerer) bytePatches(n syntax.Node, p Pointer, first, size int, v Value) ([]patch, bool) {
	v = lw.resolve(lw.pinBytes(n, v))
	switch have, ok := runLength(v); {
	case !ok:
		if _, bad := v.(Bad); !bad {
			lw.errorf(n, diag.NotBytes, "%d bytes are needed here, not %s", size, describe(v))
		}
		return nil, false
	case have != size:
		lw.errorf(n, diag.NotBytes, "%d bytes are needed here, not %d", size, have)
		return nil, false
	}
	var list []patch
	for off := 0; off < size; {
		w := min(4, runUnit(v, off, size))
		to := lw.runWord(n, v, off, w)
		if w > 1 {
			to = lw.b.OpBits(ir.OpToBE, int64(w)*8, to)
		}
		if w == 1 { // an array that is not aligned: two bytes make a word
			to = lw.b.Op(ir.OpOr, lw.b.Op(ir.OpShl, to, lw.b.Const(8)), lw.runWord(n, v, off+1, 1))
			w = 2
		}
		list = append(list, patch{first + off, w, lw.load(n, p, int64(first+off), int32(w)), to})
		off += w
	}
	return list, true
}

// patchOwn patches the checksum at p.
func (lw *lowerer) patchOwn(n syntax.Node, p Pointer, diff *ir.Value) {
	old := lw.complement16(lw.load(n, p, 0, 2))
	lw.store(n, p, 0, 2, lw.complement16(lw.fold16(lw.b.Op(ir.OpAdd, old, diff))))
}

// patchPseudo patches the checksum of the transport header behind the IP header
// p, if there is one.
func (lw *lowerer) patchPseudo(n syntax.Node, p Pointer, diff *ir.Value) {
	for _, name := range []string{"tcp", "udp", "icmp6"} {
		r, ok := p.View.child(name)
		if !ok || lw.b.Block == nil {
			continue
		}
		mark := lw.mark()
		here := Pointer{View: headers[name], Path: pathTo(Pointer{Base: p.Base, Off: p.Off, View: p.View}, r)}
		yes, no := lw.headerTruth(here, mark)
		if len(reachable(yes)) > 0 {
			lw.join(yes)
			to := lw.child(n, p, r).(Pointer)
			f, _ := to.View.field(ownSum[name])
			to.Off += int64(f.off / 8)
			lw.patchTransport(n, to, diff, name == "udp", true)
			if lw.b.Block != nil {
				no = slices.Concat(no, []edge{lw.leave(mark)})
			}
		}
		lw.join(no)
	}
}

// Flags of l4_csum_replace: the sum covers a pseudo header that has changed; a
// sum of 0 is none.
const (
	csumPseudo   = 0x10
	csumMangled0 = 0x20
)

// patchTransport patches the checksum at p, of UDP's sort or not.
func (lw *lowerer) patchTransport(n syntax.Node, p Pointer, diff *ir.Value, udp, pseudo bool) {
	if !lw.isXDP() {
		flags := int64(0)
		if udp {
			flags |= csumMangled0
		}
		if pseudo {
			flags |= csumPseudo
		}
		lw.load(n, p, 0, 2) // it must be there
		inMemory := lw.b.OpBits(ir.OpToBE, 16, diff)
		lw.flush()
		lw.helper(n, "l4_csum_replace", ir.I64, lw.ctx, lw.offset(p).V, lw.b.Const(0), inMemory, lw.b.Const(flags))
		return
	}
	if !udp {
		lw.patchOwn(n, p, diff)
		return
	}
	old := lw.load(n, p, 0, 2)
	sum := lw.complement16(lw.fold16(lw.b.Op(ir.OpAdd, lw.complement16(old), diff)))
	zero := lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpEq, sum, lw.b.Const(0)))
	sum = lw.b.Op(ir.OpOr, sum, lw.b.Op(ir.OpNeg, zero)) // 0 becomes 0xffff
	some := lw.b.Op(ir.OpBoolToInt, lw.b.Op(ir.OpNe, old, lw.b.Const(0)))
	lw.store(n, p, 0, 2, lw.b.Op(ir.OpAnd, sum, lw.b.Op(ir.OpNeg, some)))
}
