package explore

import (
	"math/bits"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// known are the bits known of a number: where mask has a 0, the bit is that of
// val, which has no others. (Tristate numbers: Vishwanathan, Shachnai, Narayana
// and Nagarakatte, "Sound, Precise, and Fast Abstract Interpretation with
// Tristate Numbers", CGO 2022.)
type known struct{ val, mask uint64 }

var noBits = known{mask: ^uint64(0)}

// between is what is known of the numbers from lo to hi: the bits above the
// first in which the two differ.
func between(lo, hi uint64) known {
	m := uint64(1)<<bits.Len64(lo^hi) - 1
	return known{lo &^ m, m}
}

// meet combines what is known in two ways.
func (k known) meet(l known) known {
	m := k.mask & l.mask
	return known{(k.val | l.val) &^ m, m}
}

// covers reports whether every number that l may be is one that k may be.
func (k known) covers(l known) bool {
	return l.mask&^k.mask == 0 && (k.val^l.val)&^k.mask == 0
}

// next returns the least number above n that k may be, or the greatest of all.
func (k known) next(n uint64) uint64 {
	switch {
	case n >= k.val|k.mask:
		return k.val | k.mask
	case n < k.val:
		return k.val
	}
	d := n - k.val
	carry := uint64(1)<<bits.Len64(d&^k.mask) - 1
	return k.val | ((d|carry|^k.mask)+1)&k.mask
}

// result returns the bits known of a op b; n is b if that is one number below
// the width, else -1.
func (a known) result(op bpf.Op, b known, n int) known {
	switch op {
	case bpf.Add:
		return sum(a, b, a.val+b.val, a.val+b.val+a.mask+b.mask)
	case bpf.Sub:
		return sum(a, b, a.val-b.val+a.mask, a.val-b.val-b.mask)
	case bpf.Mul:
		return a.times(b)
	case bpf.And:
		v := a.val & b.val
		return known{v, (a.val | a.mask) & (b.val | b.mask) &^ v}
	case bpf.Or:
		v := a.val | b.val
		return known{v, (a.mask | b.mask) &^ v}
	case bpf.Xor:
		m := a.mask | b.mask
		return known{(a.val ^ b.val) &^ m, m}
	case bpf.Lsh:
		if n >= 0 {
			return known{a.val << n, a.mask << n}
		}
	case bpf.Rsh:
		if n >= 0 {
			return known{a.val >> n, a.mask >> n}
		}
	case bpf.Arsh:
		if n >= 0 {
			return known{uint64(int64(a.val) >> n), uint64(int64(a.mask) >> n)}
		}
	}
	return noBits
}

// sum is what is known of a sum or difference of a and b whose extremes are lo
// and hi: bits in which these differ, or that a or b has not, are not.
func sum(a, b known, lo, hi uint64) known {
	m := lo ^ hi | a.mask | b.mask
	return known{lo &^ m, m}
}

// times multiplies as by hand, from the lowest bit of a on; where that is not
// known the product is what both cases have in common.
func (a known) times(b known) known {
	if a == noBits { // every sum of b's multiples: what is below b's lowest bit is 0
		return known{mask: ^uint64(0) << bits.TrailingZeros64(b.val|b.mask)}
	}
	var r known
	for ; a.val|a.mask != 0; a, b = (known{a.val >> 1, a.mask >> 1}), (known{b.val << 1, b.mask << 1}) {
		with := r.result(bpf.Add, b, -1)
		switch {
		case a.val&1 != 0:
			r = with
		case a.mask&1 != 0:
			m := r.val ^ with.val | r.mask | with.mask
			r = known{r.val & with.val &^ m, m}
		}
	}
	return r
}
