package opt

import "github.com/luabpfc/luabpfc/ir"

// Dead code: blocks that control can't come to, values that nothing needs,
// slots that nothing names, and Short when nothing leaves.
//
// A value is needed if it is not removable (effects.go), if it controls a
// reachable block, or if a needed value has it as an argument. Marking from the
// roots, rather than counting uses, also finds cycles of phis that only use
// each other. Linear.

// deadCode is the pass "dce".
func deadCode(c *Context, f *ir.Func) {
	if f.Short != nil && !f.MayLeave() && c.Change("short") {
		f.Short = nil
	}
	if c.fuel != 0 {
		for n := dropUnreachable(f); n > 0; n-- {
			c.Change("block")
		}
	}
	need := c.space.needed(f)
	for _, b := range f.Blocks {
		dropValues(b, func(v *ir.Value) bool { return !need[v.ID] && c.Change("value") })
	}
	dropSlots(c, f)
}

// needed marks values by ID, until it is called again.
func (s *workspace) needed(f *ir.Func) []bool {
	s.need = ir.Resize(s.need, f.NumValues())
	need, work := s.need, s.work[:0]
	mark := func(v *ir.Value) {
		if !need[v.ID] {
			need[v.ID] = true
			work = append(work, v)
		}
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if !removable(v) {
				mark(v)
			}
		}
		if b.Control != nil {
			mark(b.Control)
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, a := range v.Args {
			mark(a)
		}
	}
	s.work = work
	return need
}

// dropSlots removes the slots whose address nobody takes and numbers the rest
// anew.
func dropSlots(c *Context, f *ir.Func) {
	used := make([]bool, len(f.Slots))
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if s, ok := v.Aux.(*ir.Slot); ok {
				used[s.ID] = true
			}
		}
	}
	kept := f.Slots[:0]
	for _, s := range f.Slots {
		if used[s.ID] || !c.Change("slot") {
			kept = append(kept, s)
		}
	}
	f.Slots = kept
	for i, s := range f.Slots {
		s.ID = i
	}
}
