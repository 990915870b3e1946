package explore

import (
	"math/bits"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// span returns which bytes of its frame p+off to p+off+n may be.
func (p *value) span(off, n int64) (lo, hi int64) {
	lo, hi = int64(p.off)+off, int64(p.off)+off+n
	if p.umax != 0 {
		lo, hi = lo+max(p.smin, -8*words), hi+min(p.smax, 8*words)
	}
	return max(lo, -8*words), min(hi, 0)
}

// load executes a load.
func (w *walker) load(s *state, in *bpf.Inst, e *event) {
	var spare value
	p := s.reg(in.Src, &spare)
	v := bytes(int(in.Size))
	switch {
	case p.kind == ctx:
		v = w.member(int(p.off)+int(in.Off), v)
	case p.kind == stack:
		v = w.fill(s, in, p, e)
	}
	if in.Op == bpf.LoadSX {
		v = v.signed(in.Size.Bits())
	}
	s.top().regs[in.Dst] = v
}

// fill loads from the stack.
func (w *walker) fill(s *state, in *bpf.Inst, p *value, e *event) value {
	size := int(in.Size)
	lo, hi := p.span(int64(in.Off), int64(size))
	for b := lo &^ 7; b < hi; b += 8 {
		w.reads(s, int(p.frame), int((-b-1)/8))
	}
	if p.umax != 0 || lo>>3 != (hi-1)>>3 || hi-lo != int64(size) {
		return bytes(size)
	}
	i, at := int((-lo-1)/8), int(lo&7)
	f := &s.frames[p.frame]
	x := f.word(i)
	mask := uint8(1<<size-1) << at
	known := func(v value) value {
		e.word, e.frame = int8(i), p.frame
		w.note(s)
		return v
	}
	switch {
	case x.n == 8 && size == 8:
		return known(x.v)
	case x.n > 0 && x.v.kind != scalar:
		return bytes(size)
	case x.n > 0 && at == 0 && size <= int(x.n):
		v := x.v
		if bits.Len64(v.umax) > 8*size {
			v = v.cut(size)
		}
		return known(v)
	case x.n > 0 && at+size <= int(x.n) && x.v.isConst() && x.v.umin == 0:
		return known(exactly(0))
	case x.zero&mask == mask:
		return exactly(0)
	}
	return bytes(size)
}

// cut is the lowest size bytes of number v.
func (v value) cut(size int) value {
	mask := uint64(1)<<(8*size) - 1
	if v.isConst() {
		return exactly(v.umin & mask)
	}
	r := bytes(size)
	r.bits = known{v.bits.val & mask, v.bits.mask & mask}
	r.sync()
	return r
}

// write executes a store.
func (w *walker) write(s *state, in *bpf.Inst, e *event) {
	var x0, y0 value
	p := s.reg(in.Dst, &x0)
	if p.kind != stack {
		return
	}
	size := int(in.Size)
	lo, hi := p.span(int64(in.Off), int64(size))
	if p.umax != 0 || lo>>3 != (hi-1)>>3 || hi-lo != int64(size) {
		w.writes(s, 0, 0)
		if v := s.operand(in, &y0); !v.isConst() || v.umin != 0 {
			s.scribble(p.frame, lo, hi, false)
		} else if s.zero(p.frame, lo, hi) && !in.K {
			w.precise(s, in.Src)
		}
		return
	}
	i, at := int((-lo-1)/8), int(lo&7)
	whole := uint64(0)
	if size == 8 {
		whole = 1 << i
	}
	w.writes(s, int(p.frame), whole)
	f := &s.frames[p.frame]
	x := f.word(i)
	v := *s.operand(in, &y0)
	if at == 0 && (v.kind == scalar || size == 8) {
		if fits := bits.Len64(v.umax) <= 8*size; !in.K && v.kind == scalar && in.Src < bpf.FP {
			if fits {
				w.copied(&s.top().regs[in.Src])
				v = *s.operand(in, &y0)
			} else {
				v.alone()
			}
		}
		x.forget(false)
		x.v, x.n = v, int8(size)
		x.zero &^= 1<<size - 1
		x.misc &^= 1<<size - 1
		f.put(i, x)
		e.word, e.frame = int8(i), p.frame
		w.note(s)
		return
	}
	mask := uint8(1<<size-1) << at
	x.forget(true)
	x.zero &^= mask
	x.misc |= mask
	if v.isConst() && v.umin == 0 {
		if !in.K {
			w.precise(s, in.Src)
		}
		x.zero |= mask
		x.misc &^= mask
	}
	f.put(i, x)
}

// atomic executes an atomic operation.
func (w *walker) atomic(s *state, in *bpf.Inst) {
	var spare value
	if p := s.reg(in.Dst, &spare); p.kind == stack {
		lo, hi := p.span(int64(in.Off), int64(in.Size))
		for b := lo &^ 7; b < hi; b += 8 {
			w.reads(s, int(p.frame), int((-b-1)/8))
		}
		s.scribble(p.frame, lo, hi, true)
	}
	for r := range s.top().regs {
		if in.Defs().Has(bpf.Reg(r)) {
			s.top().regs[r] = bytes(int(in.Size))
		}
	}
}

// scribble makes bytes lo to hi of frame i any value: all of them, or some.
func (s *state) scribble(i int8, lo, hi int64, whole bool) {
	f := &s.frames[i]
	for b := lo &^ 7; b < hi; b += 8 {
		j := int((-b - 1) / 8)
		x := f.word(j)
		x.forget(whole)
		for k := max(lo, b); k < min(hi, b+8); k++ {
			x.zero &^= 1 << (k & 7)
			x.misc |= 1 << (k & 7)
		}
		if j < words && x != f.word(j) {
			f.put(j, x)
		}
	}
}

// zero writes 0 to some of bytes lo to hi of frame i: what is 0 stays so, the
// rest may be any value. It reports whether something stayed 0.
func (s *state) zero(i int8, lo, hi int64) (stays bool) {
	f := &s.frames[i]
	for b := lo &^ 7; b < hi; b += 8 {
		j := int((-b - 1) / 8)
		x := f.word(j)
		for k := max(lo, b); k < min(hi, b+8); k++ {
			switch bit := uint8(1) << (k & 7); {
			case int8(k&7) < x.n && x.v.isConst() && x.v.umin == 0, x.zero&bit != 0:
				stays = true
			default:
				if int8(k&7) < x.n {
					x.forget(false)
				}
				x.misc |= bit
			}
		}
		if x != f.word(j) {
			f.put(j, x)
		}
	}
	return stays
}
