package opt

import "github.com/luabpfc/luabpfc/ir"

// Offsets of which the verifier knows contradictions.
//
// Verifiers keep signed and unsigned bounds of a number, and its bits, and do
// not see that a way is never taken where only all of them together say so: x
// is at most 8 as a signed number, at least 24 as an unsigned one, so it is
// negative, and not below the limit that is tested before x is added to a
// packet's address; but the way on is followed, with a least value above the
// greatest. An address that such a number is added to becomes unknown, or the
// number does (kernels up to 6.12), and what is loaded from it is refused. A mask in
// front of the test would keep the bounds: 0 at most from the comparison, 8 at least
// from the bits. OpHide forgets them all, and the test tells the verifier anew.
//
// Only what the script, or a check, compares has such bounds: numbers that are
// compared for being less, and what is computed from them. And what they are copies
// of, or a constant away from: since 6.12 the verifier narrows both together.

// comparedNumbers returns, by ID, the values of f that may have bounds from
// comparisons.
func comparedNumbers(f *ir.Func) []bool {
	compared := make([]bool, f.NumValues())
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			switch v.Op {
			case ir.OpULt, ir.OpULe, ir.OpSLt, ir.OpSLe:
				x, y := v.Args[0], v.Args[1]
				compared[x.ID], compared[y.ID] = true, true
			}
		}
	}
	for again := true; again; {
		again = false
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				if compared[v.ID] {
					again = comparedToo(v, compared) || again
					continue
				}
				if v.Type != ir.I64 || v.Op != ir.OpPhi && !computed(v) {
					continue
				}
				for _, a := range v.Args {
					if _, known := a.IsConst(); compared[a.ID] && !known {
						compared[v.ID], again = true, true
						break
					}
				}
			}
		}
	}
	return compared
}

// comparedToo adds to compared what v, which is in it, is a copy of or a constant
// away from; it reports whether that is new.
func comparedToo(v *ir.Value, compared []bool) (added bool) {
	if v.Op != ir.OpPhi && v.Op != ir.OpAdd && v.Op != ir.OpSub {
		return false
	}
	consts := 0
	for _, a := range v.Args {
		if _, known := a.IsConst(); known {
			consts++
		}
	}
	if v.Op != ir.OpPhi && consts != 1 {
		return false
	}
	for _, a := range v.Args {
		if _, known := a.IsConst(); !known && a.Type == ir.I64 && !compared[a.ID] {
			compared[a.ID], added = true, true
		}
	}
	return added
}

// disagreeing reports whether the verifier may know a contradiction of base.
func (d *directForm) disagreeing(base *ir.Value) bool {
	if d.compared == nil { // in front of the comparisons that this pass makes
		d.compared = comparedNumbers(d.f)
	}
	return int(base.ID) >= len(d.compared) || d.compared[base.ID]
}

// bounded makes s leave unless base is at most most, and returns what to add to
// an address in its place; disagree says that the verifier may know a
// contradiction of it.
func (s *splitter) bounded(base *ir.Value, known ir.Range, most int64, disagree bool) *ir.Value {
	if !disagree || known.Hi <= uint64(most) {
		s.atMost(base, known, most)
		return base
	}
	v := s.op(ir.OpHide, base)
	s.atMost(v, ir.FullRange(), most)
	return v
}
