package opt

import "github.com/luabpfc/luabpfc/ir"

// Offsets of which the verifier knows contradictions.
//
// Verifiers keep signed and unsigned bounds of a number, and its bits, and do
// not see that a way is never taken where only all of them together say so: x
// is at most 8 as a signed number, at least 24 as an unsigned one, so it is
// negative, and not below the limit that is tested before x is added to a
// packet's address; but the way on is followed, with a least value above the
// greatest. An address that such a number is added to becomes unknown (all
// kernels up to 6.8), and what is loaded from it is refused. After x & m, which
// takes the least value from the bits alone, the bounds agree. They may be beyond
// what was tested then, so what comes out is tested once more: 6.12 sees that the
// way of a number that is 0xfff8 at most, and 0xfff9 by its bits, is never taken,
// only behind the mask.
//
// Only what the script, or a check, compares has such bounds: numbers that are
// compared for being less, and what is computed from them.

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
				if compared[v.ID] || v.Type != ir.I64 || v.Op != ir.OpPhi && !computed(v) {
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
	if known.Hi > maxPacket {
		s.atMost(base, known, most)
	}
	v := s.op(ir.OpBound, base)
	v.AuxInt = maxPacket
	s.atMost(v, ir.FullRange(), most)
	return v
}
