package explore

import (
	"math"
	"math/bits"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// kind is what a register, or a word of the stack, holds.
type kind uint8

const (
	nothing  kind = iota // not written, or lost
	scalar               // a number
	ctx                  // the context
	constant             // a map, or a function
	memory               // a map's value, a record, a kernel object
	maybe                // the same or null
	stack                // the frame of function number frame, at off
	packet               // off bytes behind packet address id
	end                  // the packet's end
)

// value is what is known of a register or of a word of the stack. Of an address
// the numbers are what was added to it beside off.
type value struct {
	kind  kind
	frame int8
	there int16 // packet: bytes from off 0 that are there; atEnd, beyondEnd: the address is not
	off   int32
	what  int32 // which map's value, variable, map or function
	// id is the same for copies of a number, for addresses that are null together
	// or that have to be released, and for addresses in a packet; 0: there is one only.
	id int32
	// delta was added to a copy of the number, in registers of so many bits; 0: to
	// none.
	added uint8
	delta int32

	umin uint64
	umax uint64
	smin int64
	smax int64
	half half
	bits known
}

func number(lo, hi uint64) value {
	v := anything()
	v.umin, v.umax = lo, hi
	v.sync()
	return v
}

func exactly(k uint64) value {
	h := half{uint32(k), uint32(k), int32(k), int32(k)}
	return value{kind: scalar, umin: k, umax: k, smin: int64(k), smax: int64(k), half: h, bits: known{val: k}}
}

func anything() value {
	return value{kind: scalar, umax: math.MaxUint64, smin: math.MinInt64, smax: math.MaxInt64, half: anyHalf, bits: noBits}
}

// bytes is a number of that many bytes.
func bytes(n int) value {
	if n >= 8 {
		return anything()
	}
	v := anything()
	v.umax = 1<<(8*n) - 1
	v.smin, v.smax, v.bits = 0, int64(v.umax), known{mask: v.umax}
	if n < 4 {
		v.half = half{0, uint32(v.umax), 0, int32(v.umax)}
	}
	return v
}

func address(k kind) value { return value{kind: k} }

// isConst reports whether v is one number.
func (v *value) isConst() bool { return v.kind == scalar && v.umin == v.umax }

// low is v's lower half.
func (v *value) low() value {
	switch {
	case v.kind != scalar:
		return bytes(4)
	case v.isConst():
		return exactly(uint64(uint32(v.umin)))
	case v.umax <= math.MaxUint32:
		return *v
	}
	return ofHalf(v.half, known{v.bits.val & math.MaxUint32, v.bits.mask & math.MaxUint32})
}

// within reports whether every number of w is one of v.
func (v *value) within(w *value) bool {
	h, g := &v.half, &w.half
	return v.umin <= w.umin && w.umax <= v.umax && v.smin <= w.smin && w.smax <= v.smax &&
		h.umin <= g.umin && g.umax <= h.umax && h.smin <= g.smin && g.smax <= h.smax && v.bits.covers(w.bits)
}

// arith makes r, which may be one of them, a op b for numbers.
func (r *value) arith(op bpf.Op, size bpf.Size, a, b *value) {
	if size == bpf.B32 {
		x, y := a.low(), b.low()
		a, b = &x, &y
	}
	if a.isConst() && b.isConst() {
		if k, ok := eval(op, size, a.umin, b.umin); ok {
			*r = exactly(k)
			return
		}
	}
	if size == bpf.B32 {
		*r = arith32(op, a, b)
		return
	}
	v := anything()
	v.ranged(op, a, b)
	*r = v
}

func eval(op bpf.Op, size bpf.Size, a, b uint64) (uint64, bool) {
	mask := uint64(size.Bits() - 1)
	var r uint64
	switch op {
	case bpf.Add:
		r = a + b
	case bpf.Sub:
		r = a - b
	case bpf.Mul:
		r = a * b
	case bpf.And:
		r = a & b
	case bpf.Or:
		r = a | b
	case bpf.Xor:
		r = a ^ b
	case bpf.Lsh:
		r = a << (b & mask)
	case bpf.Rsh:
		r = a >> (b & mask)
	case bpf.Arsh:
		r = uint64(int64(a) >> (b & mask))
		if size == bpf.B32 {
			r = uint64(int64(int32(a)) >> (b & mask))
		}
	default:
		return 0, false
	}
	if size == bpf.B32 {
		r = uint64(uint32(r))
	}
	return r, true
}

// ranged makes r, which may be any number, a op b by bounds.
func (r *value) ranged(op bpf.Op, a, b *value) {
	n := -1
	if b.isConst() && b.umin < 64 {
		n = int(b.umin)
	}
	switch op {
	case bpf.Add, bpf.Sub, bpf.Mul, bpf.And, bpf.Or, bpf.Xor:
		r.half = a.half.result(op, b.half, n)
	}
	r.bits = a.bits.result(op, b.bits, n)
	switch op {
	case bpf.Add:
		lo, first := bits.Add64(a.umin, b.umin, 0)
		hi, last := bits.Add64(a.umax, b.umax, 0)
		if first == last {
			r.umin, r.umax = lo, hi
		}
		if lo, hi := a.smin+b.smin, a.smax+b.smax; (lo < a.smin) == (b.smin < 0) && (hi < a.smax) == (b.smax < 0) {
			r.smin, r.smax = lo, hi
		}
	case bpf.Sub:
		lo, first := bits.Sub64(a.umin, b.umax, 0)
		hi, last := bits.Sub64(a.umax, b.umin, 0)
		if first == last {
			r.umin, r.umax = lo, hi
		}
		if lo, hi := a.smin-b.smax, a.smax-b.smin; (lo > a.smin) == (b.smax < 0) && (hi > a.smax) == (b.smin < 0) {
			r.smin, r.smax = lo, hi
		}
	case bpf.Mul:
		if over, hi := bits.Mul64(a.umax, b.umax); over == 0 {
			r.umin, r.umax = a.umin*b.umin, hi
		}
		r.smin, r.smax = product(a, b)
	case bpf.And:
		r.umin, r.umax = 0, min(a.umax, b.umax)
	case bpf.Or, bpf.Xor:
		r.umax = 1<<bits.Len64(a.umax|b.umax) - 1
		if op == bpf.Or {
			r.umin = max(a.umin, b.umin)
		}
	case bpf.Lsh:
		if n >= 0 && n < 63 && a.umax <= 1<<(63-n) {
			r.umin, r.umax = a.umin<<n, a.umax<<n
		}
		if n == 32 {
			r.smin, r.smax = int64(a.half.smin)<<32, int64(a.half.smax)<<32
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
	r.sync()
}

// product bounds a * b by sign; unbounded if it may overflow.
func product(a, b *value) (lo, hi int64) {
	lo, hi = math.MaxInt64, math.MinInt64
	for _, x := range [2]int64{a.smin, a.smax} {
		for _, y := range [2]int64{b.smin, b.smax} {
			p := x * y
			if x != 0 && (p/x != y || x == -1 && y == math.MinInt64) {
				return math.MinInt64, math.MaxInt64
			}
			lo, hi = min(lo, p), max(hi, p)
		}
	}
	return lo, hi
}

// lower is v's lower half as comparisons of 32 bits see it, signed and unsigned.
func (v *value) lower() value {
	h := v.half
	return value{kind: scalar, umin: uint64(h.umin), umax: uint64(h.umax), smin: int64(h.smin), smax: int64(h.smax),
		bits: known{v.bits.val & math.MaxUint32, v.bits.mask & math.MaxUint32}}
}

// setLower is the reverse of lower.
func (v *value) setLower(l value) {
	const upper = ^uint64(math.MaxUint32)
	v.half = half{uint32(l.umin), uint32(l.umax), int32(l.smin), int32(l.smax)}
	v.bits = known{v.bits.val&upper | l.bits.val&^upper, v.bits.mask&upper | l.bits.mask&^upper}
}

// compare decides "a op b": 1, 0, or -1 if either may be.
func compare(op bpf.Op, size bpf.Size, a, b *value) int {
	if size == bpf.B32 {
		x, y := a.lower(), b.lower()
		a, b = &x, &y
	}
	sure := func(yes, no bool) int {
		switch {
		case yes:
			return 1
		case no:
			return 0
		}
		return -1
	}
	apart := (a.bits.val^b.bits.val)&^(a.bits.mask|b.bits.mask) != 0 || a.umax < b.umin || b.umax < a.umin || a.smax < b.smin || b.smax < a.smin
	both := a.isConst() && b.isConst() && a.umin == b.umin
	switch op {
	case bpf.JEq:
		return sure(both, apart)
	case bpf.JNe:
		return sure(apart, both)
	case bpf.JGt:
		return sure(a.umin > b.umax, a.umax <= b.umin)
	case bpf.JGe:
		return sure(a.umin >= b.umax, a.umax < b.umin)
	case bpf.JLt:
		return sure(a.umax < b.umin, a.umin >= b.umax)
	case bpf.JLe:
		return sure(a.umax <= b.umin, a.umin > b.umax)
	case bpf.JSGt:
		return sure(a.smin > b.smax, a.smax <= b.smin)
	case bpf.JSGe:
		return sure(a.smin >= b.smax, a.smax < b.smin)
	case bpf.JSLt:
		return sure(a.smax < b.smin, a.smin >= b.smax)
	case bpf.JSLe:
		return sure(a.smax <= b.smin, a.smin > b.smax)
	case bpf.JSet:
		if b.isConst() {
			return sure(a.bits.val&b.umin != 0, (a.bits.val|a.bits.mask)&b.umin == 0)
		}
	}
	return -1
}

// notSet is no operation: it stands for where JSet does not jump.
const notSet = bpf.OpInvalid

// inverse is the comparison that holds where op does not.
var inverse = [bpf.NumOps]bpf.Op{
	bpf.JEq: bpf.JNe, bpf.JNe: bpf.JEq, bpf.JGt: bpf.JLe, bpf.JLe: bpf.JGt, bpf.JGe: bpf.JLt, bpf.JLt: bpf.JGe,
	bpf.JSet: notSet, bpf.JSGt: bpf.JSLe, bpf.JSLe: bpf.JSGt, bpf.JSGe: bpf.JSLt, bpf.JSLt: bpf.JSGe,
}

// refine narrows a and b, which may be one, to where "a op b" holds.
func refine(op bpf.Op, size bpf.Size, a, b *value) {
	switch {
	case size == bpf.B32 && a == b:
		x := a.lower()
		meet(op, &x, &x)
		a.setLower(x)
	case size == bpf.B32:
		x, y := a.lower(), b.lower()
		meet(op, &x, &y)
		a.setLower(x)
		b.setLower(y)
	default:
		meet(op, a, b)
	}
	a.sync()
	b.sync()
	a.checked()
	b.checked()
}

// checked forgets the bounds of v if they contradict each other: no number is so,
// but the verifier goes on.
func (v *value) checked() {
	h, k, l := &v.half, v.bits, v.bits.val
	if v.umin > v.umax || v.smin > v.smax || h.umin > h.umax || h.smin > h.smax ||
		k.mask == 0 && (v.umin != l || v.umax != l || v.smin != int64(l) || v.smax != int64(l)) ||
		uint32(k.mask) == 0 && (h.umin != uint32(l) || h.umax != uint32(l) || h.smin != int32(l) || h.smax != int32(l)) {
		any := anything()
		v.umin, v.umax, v.smin, v.smax, v.half = any.umin, any.umax, any.smin, any.smax, any.half
	}
}

// meet is refine without what kinds of bounds say about others.
func meet(op bpf.Op, a, b *value) {
	switch op {
	case bpf.JEq:
		a.umin, a.umax = max(a.umin, b.umin), min(a.umax, b.umax)
		a.smin, a.smax = max(a.smin, b.smin), min(a.smax, b.smax)
		a.bits = a.bits.meet(b.bits)
		b.umin, b.umax, b.smin, b.smax, b.bits = a.umin, a.umax, a.smin, a.smax, a.bits
	case bpf.JNe:
		if !b.isConst() {
			a, b = b, a
		}
		if b.isConst() {
			a.leave(b.umin, b.smin)
		}
	case bpf.JGt:
		a.umin, b.umax = max(a.umin, b.umin+1), min(b.umax, a.umax-1)
	case bpf.JGe:
		a.umin, b.umax = max(a.umin, b.umin), min(b.umax, a.umax)
	case bpf.JLt:
		a.umax, b.umin = min(a.umax, b.umax-1), max(b.umin, a.umin+1)
	case bpf.JLe:
		a.umax, b.umin = min(a.umax, b.umax), max(b.umin, a.umin)
	case bpf.JSGt:
		a.smin, b.smax = max(a.smin, b.smin+1), min(b.smax, a.smax-1)
	case bpf.JSGe:
		a.smin, b.smax = max(a.smin, b.smin), min(b.smax, a.smax)
	case bpf.JSLt:
		a.smax, b.smin = min(a.smax, b.smax-1), max(b.smin, a.smin+1)
	case bpf.JSLe:
		a.smax, b.smin = min(a.smax, b.smax), max(b.smin, a.smin)
	case bpf.JSet:
		if b.isConst() && bits.OnesCount64(b.umin) == 1 {
			a.bits = a.bits.meet(known{b.umin, ^b.umin})
		}
	case notSet:
		if b.isConst() {
			a.bits = a.bits.meet(known{0, ^b.umin})
		}
	}
}

// leave takes a number that is an end of v's bounds out of them.
func (v *value) leave(u uint64, i int64) {
	if v.umin == u {
		v.umin++
	}
	if v.umax == u {
		v.umax--
	}
	if v.smin == i {
		v.smin++
	}
	if v.smax == i {
		v.smax--
	}
}
