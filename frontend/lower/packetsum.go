package lower

import (
	"math"
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
func (lw *lowerer) fold16(x *ir.Value) *ir.Value { return lw.fold(x, math.MaxUint64, true) }

// fold returns a sum of at most most as one of 16 bits; if it need not be exact,
// what is above them is of no use.
func (lw *lowerer) fold(x *ir.Value, most uint64, exact bool) *ir.Value {
	b := lw.b
	for most > 0xffff {
		bits := int64(16)
		if most >= 1<<48 {
			bits = 32
		}
		high := b.Op(ir.OpLShr, x, b.Const(bits))
		if most <= 0x1fffe && !exact {
			return b.Op(ir.OpAdd, x, high)
		}
		x = b.Op(ir.OpAdd, b.Op(ir.OpAnd, x, b.Const(1<<bits-1)), high)
		most = folded(most, bits)
	}
	return x
}

// folded returns what the sum of a number's low bits and of those above them is
// at most, if the number is at most most.
func folded(most uint64, bits int64) uint64 {
	low, high := uint64(1)<<bits-1, most>>bits
	if high == 0 {
		return most
	}
	return max(high-1+low, high+most&low)
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
	lw.pktCheck(base, int32(p.Off), 4*ipWords)
	sum := b.Const(0)
	for i := range ipWords {
		size := int32(4)
		if i == ipSumAt/4 { // the checksum itself counts as 0
			size = 2
		}
		sum = b.Op(ir.OpAdd, sum, lw.loadRaw(p, int64(4*i), size))
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
		sum = b.Op(ir.OpAdd, sum, lw.loadRaw(p, int64(4*i), 4))
	}
	if b.Block != nil {
		ends = append(ends, lw.leave(mark, Int{V: sum}))
	}
	sum = lw.join(ends)[0].(Int).V
	sum = lw.fold(sum, ipMaxWords*math.MaxUint32, false)
	lw.storeRaw(e, p, ipSumAt, 2, lw.complement16(sum))
	return Tuple{}
}

// change16 is what replacing a field changes in a sum, in memory order: terms that
// go in, and terms whose complement does.
type change16 struct {
	plus, minus []*ir.Value
	known       int64  // constants among them
	most        uint64 // of all
}

// add counts x of at most most in.
func (c *change16) add(x *ir.Value, most uint64) {
	if k, ok := x.IsConst(); ok {
		c.known += k
		c.most += uint64(k)
		return
	}
	c.plus, c.most = append(c.plus, x), c.most+most
}

// drop counts the complement of x in, which has no bits above those of mask.
func (c *change16) drop(x *ir.Value, mask int64) {
	c.minus = append(c.minus, x)
	c.known += mask
	c.most += uint64(mask)
}

// total returns the sum of all terms.
func (lw *lowerer) total(c change16) *ir.Value {
	x := lw.b.Const(c.known)
	for _, t := range c.minus {
		x = lw.b.Op(ir.OpSub, x, t)
	}
	for _, t := range c.plus {
		x = lw.b.Op(ir.OpAdd, x, t)
	}
	return x
}

// write is a run of bytes that replace stores, a number in memory order.
type write struct {
	off, size int
	x         *ir.Value
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
	diff, writes, ok := lw.replacement(e, p, f, args[1])
	if !ok || lw.b.Block == nil {
		return Tuple{}
	}
	address := name == "src" || name == "dst" || f.off >= 64 && p.View.name == "ip6"
	if address { // it goes into more than one sum
		one := change16{most: diff.most}
		one.plus = []*ir.Value{lw.total(diff)}
		diff = one
	}
	if sum != "" && p.View.name != "ip" {
		g, _ := p.View.field(sum)
		lw.patchTransport(e, Pointer{Base: p.Base, Off: p.Off + int64(g.off/8)}, diff, p.View.name == "udp", false)
	}
	if address {
		lw.patchPseudo(e, p, diff)
	}
	if p.View.name == "ip" {
		lw.patchOwn(e, Pointer{Base: p.Base, Off: p.Off + ipSumAt}, diff)
	}
	for _, w := range writes {
		lw.storeRaw(e, p, int64(w.off), int32(w.size), w.x)
	}
	return Tuple{}
}

// loadRaw reads size bytes at p + off in memory order.
func (lw *lowerer) loadRaw(p Pointer, off int64, size int32) *ir.Value {
	base, at := lw.base(p), int32(p.Off+off)
	return lw.packetLoad(base, ir.Mem{Off: at, Size: size})
}

// storeRaw writes size bytes at p + off in memory order.
func (lw *lowerer) storeRaw(n syntax.Node, p Pointer, off int64, size int32, x *ir.Value) {
	base, at := lw.base(p), int32(p.Off+off)
	lw.b.PktStore(lw.pktCheck(base, at, size), base, x, ir.Mem{Off: at, Size: size})
}

// replacement returns what replacing f by v changes in a sum and in memory.
func (lw *lowerer) replacement(n syntax.Node, p Pointer, f *field, v Value) (diff change16, list []write, ok bool) {
	first := f.off / 8 &^ 1
	size := ((f.off+f.width+7)/8+1)&^1 - first
	lw.pktCheck(lw.base(p), int32(p.Off)+int32(first), int32(size))
	if f.bytes {
		list, ok = lw.byteWrites(n, first, size, v)
	} else if x, isNumber := lw.storable(n, v, "stored"); isNumber {
		if f.off/8 == (f.off+f.width-1)/8 {
			diff, list = lw.replaceInByte(p, f, x.V)
			return diff, list, true
		}
		list, ok = lw.numberWrites(n, p, f, x.V, first, size), true
	}
	for _, w := range list {
		mask := int64(1)<<(8*w.size) - 1
		diff.drop(lw.loadRaw(p, int64(w.off), int32(w.size)), mask)
		diff.add(w.x, uint64(mask))
	}
	return diff, list, ok
}

// replaceInByte is replacement for a field within one byte: the byte's other
// bits do not matter to the sum.
func (lw *lowerer) replaceInByte(p Pointer, f *field, x *ir.Value) (diff change16, list []write) {
	b := lw.b
	at, shift := f.off/8, int64(8-f.off%8-f.width)
	mask := int64(1<<f.width-1) << shift
	to := b.Op(ir.OpAnd, b.Op(ir.OpShl, x, b.Const(shift)), b.Const(mask))
	old := lw.loadRaw(p, int64(at), 1)
	from, stored := old, to
	if f.width < 8 {
		from = b.Op(ir.OpAnd, old, b.Const(mask))
		stored = b.Op(ir.OpOr, to, b.Op(ir.OpAnd, old, b.Const(0xff&^mask)))
	}
	weight := int64(0) // of the byte in its word
	if (at%2 == 0) == lw.mod.BigEndian {
		weight = 8
	}
	diff.drop(b.Op(ir.OpShl, from, b.Const(weight)), 0xffff)
	diff.add(b.Op(ir.OpShl, to, b.Const(weight)), 0xffff)
	return diff, []write{{at, 1, stored}}
}

// numberWrites returns what storing x in f, which goes over the size bytes at
// first, writes.
func (lw *lowerer) numberWrites(n syntax.Node, p Pointer, f *field, x *ir.Value, first, size int) []write {
	b := lw.b
	inMemory := func(x *ir.Value, size int) *ir.Value { return b.OpBits(ir.OpToBE, int64(size)*8, x) }
	if size == 8 {
		return []write{{first, 4, inMemory(b.Op(ir.OpLShr, x, b.Const(32)), 4)}, {first + 4, 4, inMemory(x, 4)}}
	}
	if f.width < size*8 {
		shift := int64((first+size)*8 - f.off - f.width)
		mask := int64(1<<f.width - 1)
		old := b.Op(ir.OpAnd, lw.load(n, p, int64(first), int32(size)), b.Const(^(mask << shift)))
		x = b.Op(ir.OpOr, old, b.Op(ir.OpShl, b.Op(ir.OpAnd, x, b.Const(mask)), b.Const(shift)))
	}
	return []write{{first, size, inMemory(x, size)}}
}

// byteWrites is numberWrites for an array.
func (lw *lowerer) byteWrites(n syntax.Node, first, size int, v Value) ([]write, bool) {
	v = scriptBytes(lw.resolve(lw.pinBytes(n, v)))
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
	var list []write
	for off := 0; off < size; {
		w := min(4, runUnit(v, off, size))
		to := lw.runWord(n, v, off, w)
		if w == 1 { // an array that is not aligned: two bytes make a word
			next := lw.runWord(n, v, off+1, 1)
			if lw.mod.BigEndian {
				to, next = next, to
			}
			to = lw.b.Op(ir.OpOr, lw.b.Op(ir.OpShl, next, lw.b.Const(8)), to)
			w = 2
		}
		list = append(list, write{first + off, w, to})
		off += w
	}
	return list, true
}

// patchOwn patches the checksum at p.
func (lw *lowerer) patchOwn(n syntax.Node, p Pointer, diff change16) {
	diff.minus = slices.Clone(diff.minus)
	diff.drop(lw.loadRaw(p, 0, 2), 0xffff)
	lw.storeRaw(n, p, 0, 2, lw.complement16(lw.fold(lw.total(diff), diff.most, false)))
}

// patchPseudo patches the checksum of the transport header behind the IP header
// p, if there is one.
func (lw *lowerer) patchPseudo(n syntax.Node, p Pointer, diff change16) {
	mark := lw.mark()
	var done []edge
	for _, name := range []string{"tcp", "udp", "icmp6"} {
		r, ok := p.View.child(name)
		if !ok || lw.b.Block == nil {
			continue
		}
		here := Pointer{View: headers()[name], Path: pathTo(Pointer{Base: p.Base, Off: p.Off, View: p.View}, r)}
		yes, no := lw.headerTruth(here, mark)
		if anyReachable(yes) {
			lw.join(yes)
			to := lw.child(n, p, r).(Pointer)
			f, _ := to.View.field(ownSum[name])
			to.Off += int64(f.off / 8)
			lw.patchTransport(n, to, diff, name == "udp", true)
			if lw.b.Block != nil {
				done = append(done, lw.leave(mark))
			}
		}
		lw.join(no)
	}
	if lw.b.Block != nil {
		done = append(done, lw.leave(mark))
	}
	lw.join(done)
}

// Flags of l4_csum_replace: the sum covers a pseudo header that has changed; a
// sum of 0 is none.
const (
	csumPseudo   = 0x10
	csumMangled0 = 0x20
)

// patchTransport patches the checksum at p, of UDP's sort or not.
func (lw *lowerer) patchTransport(n syntax.Node, p Pointer, diff change16, udp, pseudo bool) {
	switch {
	case !lw.isXDP():
		flags := int64(0)
		if udp {
			flags |= csumMangled0
		}
		if pseudo {
			flags |= csumPseudo
		}
		lw.load(n, p, 0, 2) // it must be there
		sum := lw.total(diff)
		if diff.most >= 1<<32 {
			sum = lw.fold(sum, diff.most, true)
		}
		lw.flush()
		lw.helper(n, "l4_csum_replace", ir.I64, lw.ctx, lw.offset(p).V, lw.b.Const(0), sum, lw.b.Const(flags))
	case udp:
		lw.patchUDP(n, p, diff)
	default:
		lw.patchOwn(n, p, diff)
	}
}

// patchUDP patches a checksum of UDP.
func (lw *lowerer) patchUDP(n syntax.Node, p Pointer, diff change16) {
	old := lw.loadRaw(p, 0, 2)
	mark := lw.mark()
	some, none := lw.branch(lw.b.Op(ir.OpNe, old, lw.b.Const(0)), mark)
	var ends []edge
	if some.block != nil {
		lw.open(some)
		diff.minus = slices.Clone(diff.minus)
		diff.drop(old, 0xffff)
		sum := lw.fold(lw.total(diff), diff.most, true)
		// the complement of 0xffff, 0, is 0xffff here
		full, other := lw.branch(lw.b.Op(ir.OpEq, sum, lw.b.Const(0xffff)), mark)
		var sums []edge
		for _, e := range []edge{full, other} {
			if e.block == nil {
				continue
			}
			lw.open(e)
			x := sum
			if e.block == other.block {
				x = lw.complement16(sum)
			}
			sums = append(sums, lw.leave(mark, Int{V: x}))
		}
		lw.storeRaw(n, p, 0, 2, lw.join(sums)[0].(Int).V)
		ends = append(ends, lw.leave(mark))
	}
	if none.block != nil {
		ends = append(ends, none)
	}
	lw.join(ends)
}
