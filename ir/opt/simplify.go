package opt

import "github.com/luabpfc/luabpfc/ir"

// Algebraic simplification.
//
// A rule looks at one value and its arguments and either changes it in place,
// returns another value that stands for it, or declines. Rules are tried in the
// table's order until none applies; blocks are walked in reverse postorder, so
// that arguments are simple before what uses them, and the walk repeats until
// nothing changes. Each rule makes the value smaller in a fixed order of forms
// (fewer ops; constants to the right; cheaper ops; strict comparisons; offsets
// in accesses rather than additions), which is why they end.
//
// What ranges say (ir.ComputeRanges) holds at run time, but the kernel's
// verifier need not see it. In the high phase no test is there for the verifier
// alone; in the low phase only ir.EvidentRanges count, so that a test or mask
// stays that the verifier needs.

// rule is one row of the rule table.
type rule struct {
	name string
	ops  []ir.Op // nil: all
	// apply returns nil to decline, v if it has changed v, or v's replacement.
	// Before it changes anything it asks ok.
	apply func(s *simplifier, v *ir.Value) *ir.Value
}

// rules in order of trial. The functions carry their algebra.
var rules = [][]rule{constantRules, arithmeticRules, bitRules, compareRules, boolRules, memoryRules}

type simplifier struct {
	c      *Context
	f      *ir.Func
	r      *rewriter
	ranges *ir.Ranges
	byOp   *[ir.NumOps][]*rule

	// The place of the value at hand, where new values go.
	b    *ir.Block
	i    int
	name string // the rule being tried
}

// rounds after which simplify stops in any case; more than three are rare.
const simplifyRounds = 8

// simplify is the pass "simplify".
func simplify(c *Context, f *ir.Func) {
	if c.space.rules == nil {
		c.space.rules = rulesByOp()
	}
	s := &simplifier{c: c, f: f, byOp: c.space.rules}
	for round := 0; round < simplifyRounds; round++ {
		if !s.round() {
			return
		}
	}
}

// rulesByOp returns the rules to try on each op, in order.
func rulesByOp() *[ir.NumOps][]*rule {
	var byOp [ir.NumOps][]*rule
	for i := range rules {
		for j := range rules[i] {
			r := &rules[i][j]
			if r.ops == nil {
				for op := range byOp {
					byOp[op] = append(byOp[op], r)
				}
			}
			for _, op := range r.ops {
				byOp[op] = append(byOp[op], r)
			}
		}
	}
	return &byOp
}

// round walks the function once and reports whether anything changed.
func (s *simplifier) round() bool {
	before := s.c.Stats.Changes()
	d := s.c.space.dominators(s.f)
	s.r, s.ranges = s.c.space.rewriter(s.f), &s.c.space.ranges
	if s.f.Phase == ir.PhaseHigh {
		s.ranges.Compute(s.f, d)
	} else {
		s.ranges.ComputeEvident(s.f, d)
	}
	for _, b := range d.RPO {
		s.b = b
		for s.i = 0; s.i < len(b.Values); s.i++ {
			s.value(b.Values[s.i])
		}
		s.r.control(b)
	}
	s.r.apply(s.f)
	return s.c.Stats.Changes() != before
}

// value tries the rules on v until none applies.
func (s *simplifier) value(v *ir.Value) {
	const most = 16 // per value and round
	for n := 0; n < most; n++ {
		s.r.args(v)
		w := s.try(v)
		if w == nil {
			return
		}
		if w != v {
			if w = s.r.find(w); w != v {
				s.r.set(v, w)
			}
			return
		}
	}
}

func (s *simplifier) try(v *ir.Value) *ir.Value {
	for _, r := range s.byOp[v.Op] {
		s.name = r.name
		if w := r.apply(s, v); w != nil {
			return w
		}
	}
	return nil
}

// ok counts the change and reports whether it may be made.
func (s *simplifier) ok() bool { return s.c.Change(s.name) }

// rangeOf returns what is known of an argument of the value at hand.
func (s *simplifier) rangeOf(v *ir.Value) ir.Range { return s.ranges.At(v, s.b) }

// op puts a new value in front of the value at hand.
func (s *simplifier) op(op ir.Op, t ir.Type, args ...*ir.Value) *ir.Value {
	v := s.b.InsertValue(s.i, op, t, s.b.Values[s.i].Pos, args...)
	s.i++
	return v
}

func (s *simplifier) konst(t ir.Type, x int64) *ir.Value {
	v := s.op(ir.OpConst, t)
	v.AuxInt = x
	return v
}

func (s *simplifier) num(x int64) *ir.Value { return s.konst(ir.I64, x) }

// become turns v into "op args"; new constants must be made before.
func become(v *ir.Value, op ir.Op, args ...*ir.Value) *ir.Value {
	for _, a := range args {
		a.Uses++
	}
	v.Reset(op)
	for _, a := range args {
		a.Uses--
		v.AddArg(a)
	}
	return v
}

// becomeBits is become for an op with a width.
func becomeBits(v *ir.Value, op ir.Op, bits int64, a *ir.Value) *ir.Value {
	become(v, op, a)
	v.AuxInt = bits
	return v
}

// constant turns v into a constant; a phi is replaced by one behind the phis.
func (s *simplifier) constant(v *ir.Value, x int64) *ir.Value {
	if v.Op == ir.OpPhi {
		return newConst(v.Block, afterPhis(v.Block), v.Type, x, v.Pos)
	}
	v.SetConst(x)
	return v
}

// right returns v's second argument if it is a constant.
func right(v *ir.Value) (int64, bool) { return v.Args[1].IsConst() }

// inner returns the first argument of v's first argument, and the constant that
// is its second, if v's first argument is "op x, const".
func inner(v *ir.Value, op ir.Op) (x *ir.Value, k int64, ok bool) {
	a := v.Args[0]
	if a.Op != op {
		return nil, 0, false
	}
	k, ok = a.Args[1].IsConst()
	return a.Args[0], k, ok
}

// log2 returns the exponent of a power of two.
func log2(x int64) (int64, bool) {
	u := uint64(x)
	if u == 0 || u&(u-1) != 0 {
		return 0, false
	}
	n := int64(0)
	for u > 1 {
		u >>= 1
		n++
	}
	return n, true
}
