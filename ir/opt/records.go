package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Tests of whether there is a record.
//
// The kernel's verifier holds a program that ends with a record open to leak it,
// and it follows both ways of "record == null" again at a second test, even on the
// path on which the first one found a record: until 6.4 it decides such a test
// only for some types of addresses, and those of records are not among them. On the
// way that the second test opens, the record is held and null at once, and nothing
// can release it.
//
// So the address is tested once, right behind the call that reserves the record,
// and whether it is there is a number from then on: 1 on one way and 0 on the
// other. The verifier follows the ways apart (they hold different references) and
// knows constants on each. Where all there is is one branch on one comparison
// nothing needs to change.
//
// The pass comes last: others would see that the number is the comparison. It folds
// branches before and afterwards, at any level: what tests the number where a branch
// on the way decided it goes, as without CAP_PERFMON the verifier follows such a test
// the wrong way too, to where a record is closed again, or left open, and refuses
// that until 6.15.

// testOnce is the pass "records".
func testOnce(c *Context, f *ir.Func) {
	if !reserves(f) {
		return
	}
	foldBranches(c, f)
	for _, b := range append([]*ir.Block(nil), f.Blocks...) {
		for i := len(b.Values) - 1; i >= 0; i-- { // what is behind moves to another block
			v := b.Values[i]
			if v.Op != ir.OpCall || !v.Aux.(*kernel.Helper).Ret.TestedOnce() {
				continue
			}
			if tests := nullTests(f, v); !oneBranch(f, tests) && c.Change("flag") {
				flagRecord(b, i, tests)
			}
		}
	}
	foldBranches(c, f)
}

// nullTests returns the comparisons of p, or of what is another name of it, with
// null.
func nullTests(f *ir.Func, p *ir.Value) (tests []*ir.Value) {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if (v.Op == ir.OpEq || v.Op == ir.OpNe) && v.Args[0].Type == ir.Ptr && isZero(v.Args[1]) {
				if base, off := place(v.Args[0]); base == p && off == 0 {
					tests = append(tests, v)
				}
			}
		}
	}
	return tests
}

// oneBranch reports whether all that is done with the tests is one branch.
func oneBranch(f *ir.Func, tests []*ir.Value) bool {
	uses := int32(0)
	for _, v := range tests {
		uses += v.Uses
	}
	if uses > 1 {
		return false
	}
	for _, b := range f.Blocks {
		for _, v := range tests {
			if b.Control == v {
				uses--
			}
		}
	}
	return uses == 0
}

// flagRecord splits the paths behind Values[i] of b, and turns the tests into what
// they come out as on each.
func flagRecord(b *ir.Block, i int, tests []*ir.Value) {
	pos := b.Values[i].Pos
	there, missing, rest := splitOnNull(b, i)
	one, zero := newConst(there, 0, ir.Bool, 1, pos), newConst(missing, 0, ir.Bool, 0, pos)
	flag := rest.InsertValue(0, ir.OpPhi, ir.Bool, pos, one, zero)
	for _, t := range tests {
		isPresent(t, flag)
	}
}
