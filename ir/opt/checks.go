package opt

import (
	"math"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Packet access and checks: from values that may leave to code the kernel
// runs. Takes a function from the high to the low phase.
//
// How packet bytes are reached is the kind's (packet.go): by LD_ABS and LD_IND,
// which leave by themselves; by the helper dynptr_read, which tells whether the
// bytes were there (packetdynptr.go); by the helper skb_load_bytes after a comparison
// with the packet's length; or by pointer after a comparison with the end of
// what is linear, which skb_pull_data may move (packetpull.go). Where a check becomes a comparison its block is split there, the branch
// going to what was Short. Short is an ordinary block afterwards, and goes if
// nothing comes to it.
//
// Offsets of a check are base + [lo, hi): base and base+lo must not be
// negative. If lo is, base+lo takes the base's place (then base is greater, and
// no test of its own is needed). A base that is a constant is an offset.

// packetForm expands the packet ops of a function in one of three ways.
type packetForm interface {
	// generation is called at a pktgen.
	generation(e *splitter, gen *ir.Value)
	// check makes e leave unless the bytes are there.
	check(e *splitter, v *ir.Value)
	// load turns v into the load under its check.
	load(e *splitter, v *ir.Value)
	// store turns v into the store under its check.
	store(e *splitter, v *ir.Value)
	// length turns v into the packet's length.
	length(e *splitter, v *ir.Value)
}

// splitter is an expander that can branch to Short: it goes on in the new
// block.
type splitter struct {
	expander
	f     *ir.Func
	short *ir.Block
	ctx   *ir.Value
	orig  *ir.Block // the block at hand before any split
	dead  bool      // nothing follows: control always goes to Short
	drop  map[*ir.Value]bool
}

// expandPacket is the pass "checks".
func expandPacket(c *Context, f *ir.Func) {
	packet := hasPacket(f)
	c.silent = packet || f.Short != nil || reserves(f) || scratchOf(f) != nil
	if packet {
		expandWith(c, f)
	}
	releaseRecords(f, f.Short)
	expandScratch(f)
	f.Short = nil
	c.silent = dropUnreachable(f) > 0 || c.silent
	f.Phase = ir.PhaseLow
}

func hasPacket(f *ir.Func) bool {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op.Info().Last == ir.PhaseHigh && v.Op != ir.OpScratch {
				return true
			}
		}
	}
	return false
}

// formOf chooses how f reaches its packet.
func formOf(c *Context, f *ir.Func) packetForm {
	kind := f.Prog()
	switch {
	case kind == nil:
		ir.Bugf("%s: reads a packet, but of no kind of program", f.Name)
	case kind.Packet == kernel.Direct:
		return newDirectForm(c, f, kind)
	case kind.Packet == kernel.DirectPull:
		return newPullForm(c, f)
	case kind.Packet == kernel.SkbDynptr:
		return newDynptrForm(c, f)
	case kind.Packet == kernel.SkbLoad && f.Kind != nil && returnsZero(f.Short) && !reserves(f) && scratchOf(f) == nil: // LD_ABS is not for who holds a reference
		c.Change("legacy-form")
		return newLegacyForm(f)
	}
	return newHelperForm(c, f)
}

// checkOf returns the check that a packet load is under.
func checkOf(v *ir.Value) *ir.Value {
	c := v.Args[0]
	for c.Op == ir.OpCopy {
		c = c.Args[0]
	}
	return c
}

// genOf returns the generation of a check or length.
func genOf(v *ir.Value) *ir.Value {
	g := v.Args[0]
	for g.Op == ir.OpCopy {
		g = g.Args[0]
	}
	return g
}

// returnsZero reports whether b returns 0 and does nothing else, as LD_ABS does
// when the bytes are not there.
func returnsZero(b *ir.Block) bool {
	return b != nil && onlyReturns(b) && b.Control != nil && isZero(b.Control)
}

func expandWith(c *Context, f *ir.Func) {
	form := formOf(c, f)
	s := &splitter{f: f, short: f.Short, ctx: contextOf(f), drop: map[*ir.Value]bool{}}
	s.big = f.Module.BigEndian
	for _, b := range ir.Dominators(f).RPO {
		s.b, s.orig, s.i, s.dead = b, b, 0, false
		for !s.dead && s.i < len(s.b.Values) {
			v := s.b.Values[s.i]
			s.pos = v.Pos
			switch v.Op {
			case ir.OpPktGen:
				form.generation(s, v)
				s.drop[v] = true
			case ir.OpPktCheck:
				if c.Change("check") {
					form.check(s, v)
				}
				s.drop[v] = true
			case ir.OpPktLoad:
				if c.Change("load") {
					form.load(s, v)
				}
			case ir.OpPktStore:
				if c.Change("store") {
					form.store(s, v)
				}
			case ir.OpPktLen:
				form.length(s, v)
			case ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe, ir.OpEq, ir.OpNe:
				if d, ok := form.(*directForm); ok {
					d.compareLength(s, v)
				}
			case ir.OpCopy:
				if v.Type == ir.Check || v.Type == ir.Gen {
					s.drop[v] = true
				}
			}
			s.i++
		}
	}
	for _, b := range f.Blocks {
		dropValues(b, func(v *ir.Value) bool { return s.drop[v] })
	}
	if d, ok := form.(*directForm); ok {
		d.dropLengths()
	}
}

// leaveIf branches to Short if cond holds; the value at hand comes first in the
// new block.
func (s *splitter) leaveIf(cond *ir.Value) {
	b := s.b
	n := splitBlock(b, s.i)
	b.Pos = s.pos
	branch(b, cond, s.short, n)
	s.b, s.i = n, 0
}

// leave goes to Short in any case: the rest of the block is never reached.
func (s *splitter) leave() {
	cutBlock(s.b, s.i)
	s.b.Pos = s.pos
	s.b.AddEdge(s.short)
	s.dead = true
	dropUnreachable(s.f)
}

// span is the place of a check or load, normalised: bytes lo to hi behind base,
// base nil if they are offsets from the packet's start.
type span struct {
	base   *ir.Value
	lo, hi int64
	// shift was taken from the offsets and added to the base.
	shift int64
}

// packetSpan returns the span of a check or load without moving its base.
func packetSpan(v *ir.Value) span {
	m := v.Mem()
	p := span{base: v.Args[1], lo: int64(m.Off), hi: int64(m.Off) + int64(m.Size)}
	if k, ok := p.base.IsConst(); ok {
		p.base = nil
		// A negative base, or one that overflows, is as good as any offset
		// that is not in the packet.
		if k < 0 || k > math.MaxInt32 {
			p.lo, p.hi = -1, -1
		} else {
			p.lo, p.hi = p.lo+k, p.hi+k
		}
	}
	return p
}

// never reports whether the bytes are in no packet.
func (p span) never() bool { return p.base == nil && p.lo < 0 || p.hi-p.shift > math.MaxInt32 }

// based returns the span with offsets that are not negative, adding to the
// base if need be.
func (s *splitter) based(p span) span {
	if p.base == nil || p.lo >= 0 {
		return p
	}
	p.shift = p.lo
	p.base = s.op(ir.OpAdd, p.base, s.konst(p.lo))
	p.hi -= p.lo
	p.lo = 0
	return p
}

// positive returns the span based, and makes s leave unless all of it is in
// [0, 2^31), which ranges may show.
func (s *splitter) positive(p span, ranges *ir.Ranges) span {
	if p.base == nil {
		return p
	}
	known := ranges.At(p.base, s.orig)
	if p = s.based(p); p.shift != 0 {
		known = ir.FullRange()
	}
	s.atMost(p.base, known, math.MaxInt32-p.hi)
	return p
}

// offset is base+off, or off where there is no base.
func (s *splitter) offset(base *ir.Value, off int64) *ir.Value {
	switch {
	case base == nil:
		return s.konst(off)
	case off == 0:
		return base
	}
	return s.op(ir.OpAdd, base, s.konst(off))
}

// atMost makes s leave unless the span's base is in [0, most], which known, the
// range of the base, may show.
func (s *splitter) atMost(base *ir.Value, known ir.Range, most int64) {
	if known.Hi > uint64(most) {
		s.leaveIf(s.op(ir.OpULt, s.konst(most), base))
	}
}

// number turns v, a packet load, into the number that its bytes make. x holds
// them as BE says, zero-extended.
func (s *splitter) number(v, x *ir.Value, be bool) {
	m := v.Mem()
	n := int64(m.Size) * 8
	if m.BE != be && n > 8 {
		x = s.bits(ir.OpToBE, n, x)
	}
	if m.Signed && n < 64 {
		becomeBits(v, ir.OpSext, n, x)
		return
	}
	become(v, ir.OpCopy, x)
}
