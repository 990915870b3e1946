package lower

import (
	"fmt"

	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// kindAvailable reports whether the target kernel has p's kind of program.
func kindAvailable(p *script.Program, r *diag.Reporter, target kernel.Version) bool {
	k := p.Kind
	switch {
	case target.Before(k.First):
		r.Errorf(diag.NeedsNewerKernel, p.Span, "%s programs need kernel %s; the target is %s", k.Name, k.First, target)
		return false
	case p.Sleepable && target.Before(k.Sleepable):
		r.Errorf(diag.NeedsNewerKernel, p.Span, "sleepable %s programs need kernel %s; the target is %s", k.Name, k.Sleepable, target)
		return false
	}
	return true
}

// ret ends the program with the result of its main function.
func (lw *lowerer) ret(s *syntax.ReturnStmt, vals []Value) {
	kind := lw.prog.Kind
	if len(s.Exprs) == 0 || len(vals) == 0 {
		lw.end(lw.b.Const(kind.Default))
		return
	}
	v := lw.resolve(vals[0])
	if lw.prog.Member != nil {
		lw.memberResult(s, v)
		return
	}
	n := Int{V: lw.b.Const(0)}
	if !isNil(v) {
		x, ok := lw.storable(s.Exprs[0], v, "returned")
		if !ok {
			lw.end(n.V)
			return
		}
		n = x
	}
	sp := s.Exprs[0].Bounds().In(lw.file)
	if kind.Ret.Fixed() {
		if c, ok := n.V.IsConst(); (!ok || c != kind.Ret.Min) && !isNil(v) {
			lw.r.Warnf(diag.ResultIgnored, sp, "%s always returns %d; this value is ignored", kind.Phrase(), kind.Ret.Min)
		}
		lw.end(lw.b.Const(kind.Ret.Min))
		return
	}
	if lw.closeFrom(0, Nil); lw.b.Block != nil {
		lw.noneOpen(0, "the program ends")
		lw.verdicts[lw.b.Block] = sp
		lw.b.Ret(n.V)
	}
}

// end ends the program; what is open is closed first.
func (lw *lowerer) end(result *ir.Value) {
	if lw.closeFrom(0, Nil); lw.b.Block != nil {
		lw.noneOpen(0, "the program ends")
		lw.b.Ret(result)
	}
}

// checkResults reports results that are not provably what the verifier allows
// for the kind.
func (lw *lowerer) checkResults(f *ir.Func) {
	bounds := lw.prog.Kind.Ret
	if bounds == nil || bounds.Fixed() {
		return
	}
	ranges := ir.ComputeRanges(f, nil)
	for _, b := range f.Blocks {
		sp, ok := lw.verdicts[b]
		if !ok || b.Kind != ir.BlockRet || b.Control == nil || within(ranges, b.Control, b, bounds, 0) {
			continue
		}
		kind := lw.prog.Kind
		if c, ok := b.Control.IsConst(); ok {
			lw.r.Errorf(diag.BadResult, sp, "%s returns %s, not %d", kind.Phrase(), boundsText(bounds), c)
			continue
		}
		lw.r.Errorf(diag.BadResult, sp, "%s returns %s, which this value may not be; bpf.clamp(x, %d, %d) makes it so",
			kind.Phrase(), boundsText(bounds), bounds.Min, bounds.Max)
	}
}

func boundsText(b *kernel.Bounds) string {
	if b.Max == b.Min+1 {
		return fmt.Sprintf("%d or %d", b.Min, b.Max)
	}
	return fmt.Sprintf("%d to %d", b.Min, b.Max)
}

// maxPhis bounds how deep joins are looked through.
const maxPhis = 16

// within reports whether v, used at the end of block b, is provably in bounds.
// Joins are looked through, as the range of a join of -1 and 0 is no interval.
func within(ranges *ir.Ranges, v *ir.Value, b *ir.Block, bounds *kernel.Bounds, depth int) bool {
	r := ranges.At(v, b)
	if lo, hi := int64(r.Lo), int64(r.Hi); lo <= hi && lo >= bounds.Min && hi <= bounds.Max {
		return true
	}
	if c, ok := int64(0), v.Op == ir.OpAdd; ok { // ranges are unsigned: one from below 0 to above is none
		if c, ok = v.Args[1].IsConst(); ok {
			r := ranges.At(v.Args[0], b)
			if lo, hi := int64(r.Lo)+c, int64(r.Hi)+c; r.Hi < 1<<62 && c > -1<<62 && c < 1<<62 && lo >= bounds.Min && hi <= bounds.Max {
				return true
			}
		}
	}
	if v.Op != ir.OpPhi || depth == maxPhis {
		return false
	}
	for i, a := range v.Args {
		if a != v && !within(ranges, a, v.Block.Preds[i].B, bounds, depth+1) {
			return false
		}
	}
	return true
}

// clamp evaluates bpf.clamp(x, lo, hi): the number of the interval that is
// nearest to x.
func (lw *lowerer) clamp(e *syntax.Call, args []Value) Value {
	x, ok1 := lw.argInt(e, args, 0)
	lo, ok2 := lw.argInt(e, args, 1)
	hi, ok3 := lw.argInt(e, args, 2)
	if !ok1 || !ok2 || !ok3 {
		return Bad{}
	}
	if l, ok := lo.V.IsConst(); ok {
		if h, ok := hi.V.IsConst(); ok && l > h {
			return lw.errorf(e, diag.OutOfRange, "there is no number from %d to %d", l, h)
		}
	}
	less := ir.OpSLt
	if x.Unsigned {
		less = ir.OpULt
	}
	v := lw.choose(lw.b.Op(less, x.V, lo.V), func() *ir.Value { return lo.V }, x.V).(Int).V
	v = lw.choose(lw.b.Op(less, hi.V, v), func() *ir.Value { return hi.V }, v).(Int).V
	l, known := lo.V.IsConst()
	if h, both := hi.V.IsConst(); known && both && l < 0 && h >= 0 && l > -1<<31 && h < 1<<31 && !x.Unsigned {
		// As a number from 0 on, whose range is an unsigned one, and back.
		v = lw.b.OpBits(ir.OpBound, h-l, lw.b.Op(ir.OpSub, v, lo.V))
		v = lw.b.Op(ir.OpAdd, v, lo.V)
	}
	return Int{V: v, Unsigned: x.Unsigned}
}
