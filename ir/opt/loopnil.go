package opt

import "github.com/luabpfc/luabpfc/ir"

// Tests for nil on the two sides of a callback.
//
// Where an address and the outcome of its test for nil both cross into a
// callback, or out of it, the test is made again on the other side: by a 0 or 1
// that comes out of the frame beside the address, the verifier would not know
// that it is none. Where only the outcome is wanted it crosses as a number.

// testsAgain returns the tests of f to make again: those on one side of a loop of
// which something on the other side wants both outcome and address.
func testsAgain(f *ir.Func, in map[*ir.Block]bool) map[*ir.Value]bool {
	wanted := map[*ir.Value]bool{} // on the other side, for more than a test
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, a := range v.Args {
				side := b
				if v.Op == ir.OpPhi {
					side = b.Preds[i].B
				}
				if a.Type == ir.Ptr && in[side] != in[a.Block] && !isNilTest(v) {
					wanted[a] = true
				}
			}
		}
	}
	again := map[*ir.Value]bool{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if p := nilTested(v); p != nil && wanted[p] && in[p.Block] == in[b] {
				again[v] = true
			}
		}
	}
	return again
}

func isNilTest(v *ir.Value) bool {
	return (v.Op == ir.OpEq || v.Op == ir.OpNe) && v.Args[0].Type == ir.Ptr
}

// nilTested returns the address that v says is nil, or is not; nil if v says
// nothing of the kind.
func nilTested(v *ir.Value) *ir.Value {
	for v.Op == ir.OpNot {
		v = v.Args[0]
	}
	if !isNilTest(v) {
		return nil
	}
	for i, a := range v.Args {
		if _, known := a.IsConst(); known {
			return v.Args[1-i]
		}
	}
	return nil
}
