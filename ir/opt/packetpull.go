package opt

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// pullForm goes by pointers as directForm does, in a packet whose end may lie
// in fragments behind data_end. Where a comparison with data_end fails, the
// slow path calls skb_pull_data, which moves the bytes asked for in front of
// data_end, and compares again: only then are they missing.
//
//	     data + hi > end ? ----.
//	             |        pull_data(ctx, hi)
//	             |        data' + hi > end' ? ---> Short
//	phi(data, data') <---------'
//
// The call ends the validity of every pointer, in the verifier's eyes and in
// fact. Which pointers may be used where is a question of versions: each check
// starts one, as each helper that moves the packet does, and a block begins
// with one of its own where its predecessors end with different ones (memver.go
// has the method). A load in the version of its check uses the check's pointer;
// in a later one it compares again, to convince the verifier: the bytes cannot
// be behind data_end any more.
//
// The bounds are loaded from the context anew at each check. The low phase
// merges the loads that nothing lies between.
type pullForm struct {
	*directForm
	pull     *kernel.Helper
	versions map[*ir.Value]int       // in which a check, load or store stands
	made     map[provenKey][]*proven // pointers by what they are for
	of       map[*ir.Value]*proven   // by check
}

// provenKey says what pointers are good for: a base, in a version.
type provenKey struct {
	version int
	base    *ir.Value
	shift   int64
}

// proven is a pointer with the bytes behind it that a comparison has shown.
type proven struct {
	ptr   *ir.Value
	hi    int64
	block *ir.Block // where it was made, before splitting
	base  *ir.Value // what was added to the packet's start: the base, shifted
	shift int64
	mask  bool // the verifier may know a contradiction of the base
}

func newPullForm(c *Context, f *ir.Func) *pullForm {
	c.Change("pull-form")
	return &pullForm{
		directForm: &directForm{f: f, dom: ir.Dominators(f), evident: ir.EvidentRanges(f)},
		pull:       kernel.HelperByName("skb_pull_data"),
		versions:   pullVersions(f), made: map[provenKey][]*proven{}, of: map[*ir.Value]*proven{}}
}

// pullVersions returns the version each packet access stands in.
func pullVersions(f *ir.Func) map[*ir.Value]int {
	in := make([]int, f.NumBlocks())
	own := make([]bool, f.NumBlocks())
	own[f.Entry().ID] = true
	if f.Short != nil {
		own[f.Short.ID] = true
	}
	starts := func(v *ir.Value) bool {
		switch v.Op {
		case ir.OpPktCheck, ir.OpCallFunc:
			return true
		case ir.OpCall:
			return writes(v).has(region(ir.RegionPacket))
		}
		return false
	}
	rpo := ir.Dominators(f).RPO
	at := map[*ir.Value]int{}
	for changed := true; changed; {
		changed = false
		for _, b := range rpo {
			if own[b.ID] {
				in[b.ID] = -1 - b.ID
			}
			ver := in[b.ID]
			for _, v := range b.Values {
				at[v] = ver
				if starts(v) {
					ver = int(v.ID) + 1
				}
			}
			for _, e := range b.Succs {
				switch to := &in[e.B.ID]; {
				case own[e.B.ID] || *to == ver:
				case *to == 0:
					*to, changed = ver, true
				default:
					own[e.B.ID], changed = true, true
				}
			}
		}
	}
	return at
}

func (d *pullForm) generation(*splitter, *ir.Value) {}

func (d *pullForm) length(s *splitter, v *ir.Value) { become(v, ir.OpCopy, s.field("len")) }

func (d *pullForm) check(s *splitter, v *ir.Value) {
	p := packetSpan(v)
	if st := d.prove(s, p, true); st != nil {
		d.of[v] = st
		k := provenKey{int(v.ID) + 1, p.base, st.shift}
		d.made[k] = append(d.made[k], st)
	}
}

// prove makes s leave unless the span is in the packet; pull says whether it
// may be behind data_end. nil if it is in none.
func (d *pullForm) prove(s *splitter, p span, pull bool) *proven {
	hi := p.hi
	if p.base != nil && p.lo < 0 {
		hi -= p.lo
	}
	if p.never() || hi > maxPacket {
		s.leave()
		return nil
	}
	st := &proven{hi: hi, block: s.orig}
	if p.base == nil {
		st.ptr = s.field("data")
	} else {
		known, mask := d.evident.Of(p.base), d.disagreeing(p.base)
		p = s.based(p)
		st.shift, st.base, st.mask = p.shift, p.base, mask
		if p.shift != 0 || s.spillable(p.base) {
			known = ir.FullRange()
		}
		off := s.bounded(p.base, known, maxPacket-hi, mask)
		st.ptr = s.ptrAdd(s.field("data"), off)
	}
	over := s.op(ir.OpULt, s.field("data_end"), s.ptrAdd(st.ptr, s.konst(hi)))
	if !pull {
		s.leaveIf(over)
		return st
	}
	d.slowPath(s, over, st)
	return st
}

// slowPath pulls the bytes that st is to show where over holds.
func (d *pullForm) slowPath(s *splitter, over *ir.Value, st *proven) {
	fast := s.b
	next := splitBlock(fast, s.i)
	slow := d.f.NewBlock(ir.BlockJump)
	slow.Pos = s.pos
	fast.Pos = s.pos
	branch(fast, over, slow, next)

	s.b, s.i = slow, 0
	n := s.konst(st.hi)
	if st.base != nil {
		n = s.op(ir.OpAdd, st.base, n)
	}
	s.call(ir.Void, d.pull, s.ctx, n)
	var ptr *ir.Value
	if st.base == nil {
		ptr = s.field("data")
	} else { // kernels before 5.11 may have forgotten its range
		off := s.bounded(st.base, ir.FullRange(), maxPacket-st.hi, st.mask)
		ptr = s.ptrAdd(s.field("data"), off)
	}
	s.leaveIf(s.op(ir.OpULt, s.field("data_end"), s.ptrAdd(ptr, s.konst(st.hi))))
	s.b.Kind = ir.BlockJump
	s.b.AddEdge(next)

	s.b, s.i = next, 0
	phi := next.InsertValue(0, ir.OpPhi, ir.Ptr, s.pos, st.ptr, ptr)
	s.i = 1
	st.ptr = phi
}

// pointer returns what the access v under its check is relative to.
func (d *pullForm) pointer(s *splitter, v *ir.Value) *proven {
	chk, p := checkOf(v), packetSpan(v)
	st, ver := d.of[chk], d.versions[v]
	if st == nil {
		return nil // the check leaves always
	}
	if q := packetSpan(chk); q.base == p.base {
		if ver == int(chk.ID)+1 {
			return st
		}
		p = q // what else is read under the check will want it as well
	}
	k := provenKey{ver, p.base, min(p.lo, 0)}
	if p.base == nil {
		k.shift = 0
	}
	for _, st := range d.made[k] {
		if st.hi >= p.hi-k.shift && d.dom.Dominates(st.block, s.orig) {
			return st
		}
	}
	if st = d.prove(s, p, false); st != nil {
		d.made[k] = append(d.made[k], st)
	}
	return st
}

func (d *pullForm) load(s *splitter, v *ir.Value) {
	if st := d.pointer(s, v); st != nil {
		s.pointerLoad(v, st.ptr, packetSpan(v).lo-st.shift)
	}
}

func (d *pullForm) store(s *splitter, v *ir.Value) {
	if st := d.pointer(s, v); st != nil {
		s.pointerStore(v, st.ptr, packetSpan(v).lo-st.shift)
	}
}
