package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// The three ways to packet bytes.

// legacyForm is LD_ABS and LD_IND: sizes 1, 2 and 4, the big-endian number, and
// the program ends with 0 if the bytes are not there. The kernel takes the
// offset as a 32-bit signed number, negative ones meaning something else, so a
// variable offset must be in [0, 2^31). They are for programs only, not for
// their callbacks, whose caller would go on.
//
// A check needs no code if a load follows in its block that fails exactly if
// the check does (it reads the check's last byte) with nothing observable in
// between; otherwise it loads its last byte for the sake of leaving.
type legacyForm struct {
	f       *ir.Func
	ranges  *ir.Ranges
	lengths bool // pktlen occurs
	lens    map[*ir.Value]*ir.Value
}

func newLegacyForm(f *ir.Func) *legacyForm {
	return &legacyForm{f: f, ranges: ir.ComputeRanges(f, nil), lens: map[*ir.Value]*ir.Value{}, lengths: hasOp(f, ir.OpPktLen)}
}

func hasOp(f *ir.Func, op ir.Op) bool {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == op {
				return true
			}
		}
	}
	return false
}

func (l *legacyForm) generation(s *splitter, gen *ir.Value) {
	if l.lengths {
		l.lens[gen] = s.field("len")
	}
}

func (l *legacyForm) length(s *splitter, v *ir.Value) { become(v, ir.OpCopy, l.lens[genOf(v)]) }

func (l *legacyForm) check(s *splitter, v *ir.Value) {
	s.checkByLoad(v, l.ranges, func(base *ir.Value, off int64) { s.legacyLoad(base, off, 1) })
}

// checkByLoad is the check v where loads leave by themselves: last loads the byte
// off bytes behind base.
func (s *splitter) checkByLoad(v *ir.Value, ranges *ir.Ranges, last func(base *ir.Value, off int64)) {
	p := packetSpan(v)
	if p.never() {
		s.leave()
		return
	}
	covered := coveredByLoad(s.b.Values[s.i+1:], v)
	if p = s.positive(p, ranges); !covered {
		last(p.base, p.hi-1)
	}
}

// coveredByLoad reports whether one of the values behind check v leaves exactly
// if v does, before anything can be observed.
func coveredByLoad(behind []*ir.Value, v *ir.Value) bool {
	p := packetSpan(v)
	for _, w := range behind {
		if w.Op == ir.OpPktLoad && genOf(checkOf(w)) == genOf(v) {
			if q := packetSpan(w); q.base == p.base && q.hi == p.hi {
				return true
			}
		}
		if observable(w) || w.Op == ir.OpPktGen {
			return false
		}
	}
	return false
}

func (l *legacyForm) load(s *splitter, v *ir.Value) {
	p := s.based(packetSpan(v))
	if size := v.Mem().Size; size < 8 {
		s.number(v, s.legacyLoad(p.base, p.lo, size), true)
		return
	}
	hi := s.op(ir.OpShl, s.legacyLoad(p.base, p.lo, 4), s.konst(32))
	s.number(v, s.op(ir.OpOr, hi, s.legacyLoad(p.base, p.lo+4, 4)), true)
}

// store is never called: the kinds with LD_ABS can't write their packet.
func (l *legacyForm) store(_ *splitter, v *ir.Value) { noStore(l.f, v) }

func noStore(f *ir.Func, v *ir.Value) { ir.Bugf("%s: %s: the packet can't be written", f.Name, v) }

// legacyLoad inserts an ldabs or ldind.
func (s *splitter) legacyLoad(base *ir.Value, off int64, size int32) *ir.Value {
	var v *ir.Value
	if base == nil {
		v = s.op(ir.OpLdAbs, s.ctx)
	} else {
		v = s.op(ir.OpLdInd, s.ctx, base)
	}
	v.Type = ir.I64
	v.Aux = &ir.Mem{Region: ir.RegionPacket, Off: int32(off), Size: size}
	return v
}

// field inserts the load of a member of the context, an address for the
// packet's bounds.
func (s *splitter) field(name string) *ir.Value {
	c, ok := s.f.Prog().Ctx.Field(name)
	if !ok {
		ir.Bugf("%s: the context has no %s", s.f.Name, name)
	}
	t := ir.I64
	if c.Kind != kernel.Scalar {
		t = ir.Ptr
	}
	return s.load(t, s.ctx, ir.Mem{Region: ir.RegionCtx, Off: c.Off, Size: c.Size})
}

// helperForm compares with the packet's length and loads by skb_load_bytes,
// which reaches fragments, too, into a slot.
type helperForm struct {
	f      *ir.Func
	ranges *ir.Ranges
	lens   map[*ir.Value]*ir.Value
	buf    *ir.Slot
	helper *kernel.Helper
}

func newHelperForm(c *Context, f *ir.Func) *helperForm {
	c.Change("helper-form")
	return &helperForm{f: f, ranges: ir.ComputeRanges(f, nil), lens: map[*ir.Value]*ir.Value{}, helper: kernel.HelperByName("skb_load_bytes")}
}

func (h *helperForm) generation(s *splitter, gen *ir.Value) { h.lens[gen] = s.field("len") }

func (h *helperForm) length(s *splitter, v *ir.Value) { become(v, ir.OpCopy, h.lens[genOf(v)]) }

func (h *helperForm) check(s *splitter, v *ir.Value) {
	p := packetSpan(v)
	if p.never() {
		s.leave()
		return
	}
	p = s.positive(p, h.ranges)
	s.leaveIf(s.op(ir.OpULt, h.lens[genOf(v)], s.offset(p.base, p.hi)))
}

func (h *helperForm) load(s *splitter, v *ir.Value) {
	if h.buf == nil {
		h.buf = h.f.NewSlot(8, "", v.Pos)
	}
	p := packetSpan(v)
	off, buf := s.offset(p.base, p.lo), s.slot(h.buf)
	s.call(ir.I64, h.helper, s.ctx, off, buf, s.konst(int64(v.Mem().Size)))
	s.copied(v, buf)
}

// copied turns v, a packet load, into the load of its bytes from the slot at buf.
func (s *splitter) copied(v, buf *ir.Value) {
	s.number(v, s.load(ir.I64, buf, ir.Mem{Region: ir.RegionStack, Size: v.Mem().Size}), false)
}

// store is never called: only kinds with direct access write their packet.
func (h *helperForm) store(_ *splitter, v *ir.Value) { noStore(h.f, v) }

// directForm goes by pointers between data and data_end. What the verifiers
// from 5.10 to 7.2 want:
//
//   - A comparison of start+n with the end proves n bytes behind every pointer
//     that differs from it by a constant. Adding a variable makes a new start,
//     which needs its own comparison after the addition, and a load must use
//     the very value that was added to.
//   - The variable's greatest value, as the verifier knows it, plus the
//     constant must not exceed 65535, or nothing is proved. It is tested in the
//     same register right before it is added, unless the verifier knows it from
//     how it was computed and no call lies between. No linear packet is larger.
//
// There is one pointer for each generation and variable base, as long as later
// checks stay in the bound that was tested for it.
type directForm struct {
	f       *ir.Func
	dom     *ir.Dom
	evident *ir.Ranges
	bounds  map[*ir.Value][2]*ir.Value // data and data_end by generation
	starts  map[startKey][]*start
	of      map[*ir.Value]*start // by check

	compared []bool // disagreeing
}

// maxPacket is the verifier's limit of packet offsets.
const maxPacket = 0xffff

type startKey struct {
	gen, base *ir.Value
	shift     int64
}

// start is a pointer that loads are relative to.
type start struct {
	ptr   *ir.Value
	most  uint64    // what its variable part is known not to exceed
	block *ir.Block // of the check it was made for, before splitting
	base  *ir.Value // of that check, nil if constant
	shift int64
}

func newDirectForm(c *Context, f *ir.Func, kind *kernel.ProgKind) *directForm {
	c.Change("direct-form")
	return &directForm{f: f, dom: ir.Dominators(f), evident: ir.EvidentRanges(f), bounds: map[*ir.Value][2]*ir.Value{},
		starts: map[startKey][]*start{}, of: map[*ir.Value]*start{}}
}

func (d *directForm) generation(s *splitter, gen *ir.Value) {
	data := s.field("data")
	d.bounds[gen] = [2]*ir.Value{data, s.field("data_end")}
}

func (d *directForm) length(s *splitter, v *ir.Value) {
	x := d.bounds[genOf(v)]
	become(v, ir.OpPtrDiff, x[1], x[0])
}

func (d *directForm) check(s *splitter, v *ir.Value) {
	if st := d.prove(s, genOf(v), packetSpan(v)); st != nil {
		d.of[v] = st
	}
}

// prove makes s leave unless the span is in the packet and returns what loads
// in it are relative to, nil if it never is.
func (d *directForm) prove(s *splitter, gen *ir.Value, p span) *start {
	data, end := d.bounds[gen][0], d.bounds[gen][1]
	hi := p.hi
	if p.base != nil && p.lo < 0 {
		hi -= p.lo
	}
	if p.never() || hi > maxPacket {
		s.leave()
		return nil
	}
	if p.base == nil {
		s.leaveIf(s.op(ir.OpULt, end, s.ptrAdd(data, s.konst(hi))))
		return &start{ptr: data}
	}
	k := startKey{gen, p.base, min(p.lo, 0)}
	st := d.find(k, s.orig, hi)
	if st == nil {
		st = &start{base: p.base, shift: k.shift, block: s.orig}
		known, mask := d.evident.Of(p.base), d.disagreeing(p.base)
		p = s.based(p)
		if p.shift != 0 || s.spillable(p.base) {
			known = ir.FullRange()
		}
		off := s.bounded(p.base, known, maxPacket-hi, mask)
		st.most = min(known.Hi, uint64(maxPacket-hi))
		st.ptr = s.ptrAdd(data, off)
		d.starts[k] = append(d.starts[k], st)
	}
	s.leaveIf(s.op(ir.OpULt, end, s.ptrAdd(st.ptr, s.konst(hi))))
	return st
}

// spillable reports whether v may have been spilled since it was computed,
// because of a call: kernels before 5.11 then no longer know its bounds.
func (s *splitter) spillable(v *ir.Value) bool {
	b, i := s.b, s.i
	for {
		for i--; i >= 0; i-- {
			switch w := b.Values[i]; {
			case w == v:
				return false
			case w.Op == ir.OpCall || w.Op == ir.OpCallFunc:
				return true
			}
		}
		if len(b.Preds) != 1 {
			return true
		}
		b = b.Preds[0].B
		i = len(b.Values)
	}
}

// find returns a start made before that serves bytes up to hi.
func (d *directForm) find(k startKey, was *ir.Block, hi int64) *start {
	for _, st := range d.starts[k] {
		if d.dom.Dominates(st.block, was) && st.most+uint64(hi) <= maxPacket {
			return st
		}
	}
	return nil
}

func (s *splitter) ptrAdd(p, n *ir.Value) *ir.Value {
	return s.cursor.op(ir.OpPtrAdd, ir.Ptr, p, n)
}

func (d *directForm) load(s *splitter, v *ir.Value) {
	if st, p := d.pointer(s, v); st != nil {
		s.pointerLoad(v, st.ptr, p.lo-st.shift)
	}
}

func (d *directForm) store(s *splitter, v *ir.Value) {
	if st, p := d.pointer(s, v); st != nil {
		s.pointerStore(v, st.ptr, p.lo-st.shift)
	}
}

// pointer returns what the access v is relative to.
func (d *directForm) pointer(s *splitter, v *ir.Value) (*start, span) {
	st, p := d.of[checkOf(v)], packetSpan(v)
	if st == nil || st.base != p.base {
		// Relative to another base than its check: it proves itself.
		st = d.prove(s, genOf(checkOf(v)), p)
	}
	return st, p
}

// pointerLoad turns v, a packet load, into the load of its bytes off behind ptr.
func (s *splitter) pointerLoad(v, ptr *ir.Value, off int64) {
	m := v.Mem()
	x := s.load(ir.I64, ptr, ir.Mem{Region: ir.RegionPacket, Off: int32(off), Size: m.Size, Signed: m.Signed && !m.BE})
	if m.Signed && !m.BE {
		become(v, ir.OpCopy, x)
		return
	}
	s.number(v, x, false)
}

// pointerStore inserts the store to the bytes off behind ptr that v, a packet
// store, becomes.
func (s *splitter) pointerStore(v, ptr *ir.Value, off int64) {
	m, x := v.Mem(), v.Args[2]
	if m.BE && m.Size > 1 {
		x = s.bits(ir.OpToBE, int64(m.Size)*8, x)
	}
	s.cursor.op(ir.OpStore, ir.Void, ptr, x).Aux = &ir.Mem{Region: ir.RegionPacket, Off: int32(off), Size: m.Size}
	s.drop[v] = true
}
