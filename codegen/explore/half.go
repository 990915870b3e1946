package explore

import (
	"math"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// half is the bounds of a number's lower 32 bits, which the verifier knows beside
// those of the whole.
type half struct {
	umin, umax uint32
	smin, smax int32
}

var anyHalf = half{0, math.MaxUint32, math.MinInt32, math.MaxInt32}

// unsigned and signed narrow h to what lies between lo and hi.
func (h *half) unsigned(lo, hi uint32) { h.umin, h.umax = max(h.umin, lo), min(h.umax, hi) }
func (h *half) signed(lo, hi int32)    { h.smin, h.smax = max(h.smin, lo), min(h.smax, hi) }

// result is a op b; n is b if that is one number below 32, else -1.
func (a half) result(op bpf.Op, b half, n int) half {
	r := anyHalf
	unsigned := func(lo, hi uint64) {
		if lo>>32 == hi>>32 {
			r.umin, r.umax = uint32(lo), uint32(hi)
		}
	}
	signed := func(lo, hi int64) {
		if lo >= math.MinInt32 && hi <= math.MaxInt32 {
			r.smin, r.smax = int32(lo), int32(hi)
		}
	}
	switch op {
	case bpf.Add:
		unsigned(uint64(a.umin)+uint64(b.umin), uint64(a.umax)+uint64(b.umax))
		signed(int64(a.smin)+int64(b.smin), int64(a.smax)+int64(b.smax))
	case bpf.Sub:
		unsigned(uint64(a.umin)-uint64(b.umax), uint64(a.umax)-uint64(b.umin))
		signed(int64(a.smin)-int64(b.smax), int64(a.smax)-int64(b.smin))
	case bpf.Mul:
		if hi := uint64(a.umax) * uint64(b.umax); hi <= math.MaxUint32 {
			unsigned(uint64(a.umin)*uint64(b.umin), hi)
		}
		p, q := int64(a.smin)*int64(b.smin), int64(a.smin)*int64(b.smax)
		s, t := int64(a.smax)*int64(b.smin), int64(a.smax)*int64(b.smax)
		signed(min(p, q, s, t), max(p, q, s, t))
	case bpf.And:
		r.umax = min(a.umax, b.umax)
	case bpf.Or:
		r.umin = max(a.umin, b.umin)
	case bpf.Lsh:
		if n >= 0 && n < 31 && a.umax <= 1<<(31-n) {
			r.umin, r.umax = a.umin<<n, a.umax<<n
		}
	case bpf.Rsh:
		if n >= 0 {
			r.umin, r.umax = a.umin>>n, a.umax>>n
		}
	case bpf.Arsh:
		if n >= 0 {
			r.smin, r.smax = a.smin>>n, a.smax>>n
		}
	}
	return r
}

// arith32 is a op b in 32 bits, the upper half cleared.
func arith32(op bpf.Op, a, b *value) value {
	low := func(k known) known { return known{k.val & math.MaxUint32, k.mask & math.MaxUint32} }
	n := -1
	if b.half.umin == b.half.umax && b.half.umin < 32 {
		n = int(b.half.umin)
	}
	k := low(a.bits).result(op, low(b.bits), n)
	if op == bpf.Arsh && n >= 0 {
		k = known{uint64(int32(a.bits.val) >> n), uint64(int32(a.bits.mask) >> n)}
	}
	return ofHalf(a.half.result(op, b.half, n), low(k))
}

// ofHalf is the number of 32 bits that h and k are about.
func ofHalf(h half, k known) value {
	v := value{kind: scalar, half: h, bits: k, umax: math.MaxUint32, smax: math.MaxUint32}
	v.sync()
	return v
}

// halves draws from the bounds of the whole what they say about the lower half,
// and from each kind of the half's about the other.
func (v *value) halves() {
	h := &v.half
	if v.umin>>32 == v.umax>>32 {
		h.unsigned(uint32(v.umin), uint32(v.umax))
		if int32(v.umin) <= int32(v.umax) {
			h.signed(int32(v.umin), int32(v.umax))
		}
	}
	if v.smin>>32 == v.smax>>32 {
		if uint32(v.smin) <= uint32(v.smax) {
			h.unsigned(uint32(v.smin), uint32(v.smax))
		}
		if int32(v.smin) <= int32(v.smax) {
			h.signed(int32(v.smin), int32(v.smax))
		}
	}
	if uint32(v.umin>>32)+1 == uint32(v.umax>>32) && int32(v.umin) < 0 && int32(v.umax) >= 0 {
		h.signed(int32(v.umin), int32(v.umax))
	}
	if uint32(v.smin>>32)+1 == uint32(v.smax>>32) && int32(v.smin) < 0 && int32(v.smax) >= 0 {
		h.signed(int32(v.smin), int32(v.smax))
	}
	if int32(h.umin) <= int32(h.umax) {
		h.signed(int32(h.umin), int32(h.umax))
	}
	switch {
	case uint32(h.smin) <= uint32(h.smax):
		h.unsigned(uint32(h.smin), uint32(h.smax))
	case h.umax < uint32(h.smin):
		h.smin, h.umax = int32(h.umin), min(h.umax, uint32(h.smax))
	case uint32(h.smax) < h.umin:
		h.smax, h.umin = int32(h.umax), max(h.umin, uint32(h.smin))
	}
}

// signs draws from signed bounds what they say about unsigned ones, and back.
func (v *value) signs() {
	if int64(v.umin) <= int64(v.umax) {
		v.smin, v.smax = max(v.smin, int64(v.umin)), min(v.smax, int64(v.umax))
	}
	switch {
	case uint64(v.smin) <= uint64(v.smax):
		v.umin, v.umax = max(v.umin, uint64(v.smin)), min(v.umax, uint64(v.smax))
	case v.umax < uint64(v.smin):
		v.smin, v.umax = int64(v.umin), min(v.umax, uint64(v.smax))
	case uint64(v.smax) < v.umin:
		v.smax, v.umin = int64(v.umax), max(v.umin, uint64(v.smin))
	}
}

// mixed draws from the bounds of the lower half what they say about the whole.
func (v *value) mixed() {
	const upper = ^uint64(math.MaxUint32)
	lo, hi := uint64(v.half.umin), uint64(v.half.umax)
	v.umin, v.umax = max(v.umin, v.umin&upper|lo), min(v.umax, v.umax&upper|hi)
	v.smin, v.smax = max(v.smin, int64(uint64(v.smin)&upper|lo)), min(v.smax, int64(uint64(v.smax)&upper|hi))
	if v.smin >= math.MinInt32 && v.smax <= math.MaxInt32 {
		v.smin, v.smax = max(v.smin, int64(v.half.smin)), min(v.smax, int64(v.half.smax))
	}
}

// ofBits draws from the known bits what they say about bounds.
func (v *value) ofBits() {
	val, mask := v.bits.val, v.bits.mask
	const sign, sign32 = 1 << 63, 1 << 31
	v.umin, v.umax = max(v.umin, val), min(v.umax, val|mask)
	v.smin, v.smax = max(v.smin, int64(val|mask&sign)), min(v.smax, int64(val|mask&^sign))
	v.half.unsigned(uint32(val), uint32(val|mask))
	v.half.signed(int32(val|mask&sign32), int32(uint32(val)|uint32(mask)&^sign32))
	v.one()
}

// one makes v a constant if only one number has its bits and is in its bounds.
func (v *value) one() {
	k := v.bits
	next, is := k.next(v.umin), v.umin&^k.mask == k.val
	switch {
	case is && next > v.umax:
		v.set(v.umin)
	case !is && (next == k.val|k.mask || next <= v.umax && k.next(next) > v.umax):
		v.set(next)
	}
}

// set makes v that number.
func (v *value) set(n uint64) {
	k := exactly(n)
	v.umin, v.umax, v.smin, v.smax, v.half, v.bits = k.umin, k.umax, k.smin, k.smax, k.half, k.bits
}

// sync draws from each kind of bounds what it says about the others.
func (v *value) sync() {
	if v.bits == noBits && v.half == anyHalf && v.umin == 0 && v.umax == math.MaxUint64 && v.smin == math.MinInt64 && v.smax == math.MaxInt64 {
		return
	}
	v.ofBits()
	for range 3 {
		h, umin, umax, smin, smax := v.half, v.umin, v.umax, v.smin, v.smax
		v.halves()
		v.signs()
		v.mixed()
		if h == v.half && umin == v.umin && umax == v.umax && smin == v.smin && smax == v.smax {
			break
		}
	}
	k := between(uint64(v.half.umin), uint64(v.half.umax))
	k.mask |= ^uint64(math.MaxUint32)
	v.bits = v.bits.meet(between(v.umin, v.umax)).meet(k)
	v.ofBits()
}
