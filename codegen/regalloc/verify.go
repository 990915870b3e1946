package regalloc

import "fmt"

// Verify checks that in res every use finds the value that f's instructions
// define for it, whatever way control came. f is the function as it was before
// Allocate, which uses up what it is given.
//
// It runs the steps symbolically: each machine register and slot, and each
// instruction that is redone somewhere, holds a set of f's registers whose value
// it has. A definition takes its register out of all
// other sets; a move makes two registers equal; where ways meet, what all of
// them agree on remains. Machine registers are names of values too: a call that
// uses r1 must find there what was last put there under that name.
func Verify(f *Func, res *Result) error {
	v := &verifier{f: f, res: res, nloc: int(FirstVirtual) + res.Slots, redone: map[[2]int32]int{}}
	for _, steps := range res.Blocks {
		for i := range steps {
			at := [2]int32{steps[i].Block, steps[i].Index}
			if _, ok := v.redone[at]; !ok && steps[i].Kind == Redo {
				v.redone[at] = v.nloc
				v.nloc++
			}
		}
	}
	entry := make([]set, v.nloc)
	for r := Reg(0); r < FirstVirtual; r++ {
		entry[r] = set{r}
	}
	v.in = make([][]set, len(f.Blocks))
	v.in[0] = entry
	work := []int{0}
	for len(work) > 0 {
		b := work[0]
		work = work[1:]
		out, err := v.block(b)
		if err != nil {
			return err
		}
		for _, s := range f.Blocks[b].Succs {
			if v.meet(s, out) {
				work = append(work, s)
			}
		}
	}
	return nil
}

type verifier struct {
	f    *Func
	res  *Result
	nloc int
	// redone are the places of the instructions that are redone.
	redone map[[2]int32]int
	in     [][]set // state at the start of each block; nil before it is reached
}

// set is a set of registers, small.
type set []Reg

func (s set) has(r Reg) bool {
	for _, x := range s {
		if x == r {
			return true
		}
	}
	return false
}

func (s set) without(r Reg) set {
	if !s.has(r) {
		return s
	}
	var out set
	for _, x := range s {
		if x != r {
			out = append(out, x)
		}
	}
	return out
}

// meet joins a predecessor's state into block b and reports a change.
func (v *verifier) meet(b int, state []set) bool {
	if v.in[b] == nil {
		v.in[b] = append([]set(nil), state...)
		return true
	}
	changed := false
	for l, old := range v.in[b] {
		var both set
		for _, r := range old {
			if state[l].has(r) {
				both = append(both, r)
			}
		}
		if len(both) != len(old) {
			v.in[b][l], changed = both, true
		}
	}
	return changed
}

func (v *verifier) block(b int) ([]set, error) {
	state := append([]set(nil), v.in[b]...)
	next := 0
	for i := range v.res.Blocks[b] {
		st := &v.res.Blocks[b][i]
		if st.Kind == Keep || st.Kind == Elided {
			if int(st.Block) != b || int(st.Index) != next {
				return nil, fmt.Errorf("block %d: instruction %d is missing", b, next)
			}
			next++
		}
		if err := v.step(state, st); err != nil {
			return nil, fmt.Errorf("block %d, step %d: %w", b, i, err)
		}
	}
	if next != len(v.f.Blocks[b].Insts) {
		return nil, fmt.Errorf("block %d: instruction %d is missing", b, next)
	}
	return state, nil
}

func (v *verifier) step(state []set, st *Inst) error {
	from, to := v.res.Operands.Uses(st), v.res.Operands.Defs(st)
	switch st.Kind {
	case Load:
		state[to[0]] = state[int32(FirstVirtual)+st.Slot]
		return nil
	case Store:
		state[int32(FirstVirtual)+st.Slot] = state[from[0]]
		return nil
	}
	in := &v.f.Blocks[st.Block].Insts[st.Index]
	uses, defs := v.f.Operands.Uses(in), v.f.Operands.Defs(in)
	switch {
	case st.Kind == Redo:
		if in.Flags&Remat == 0 {
			return fmt.Errorf("instruction %d can't be redone", st.Index)
		}
		state[to[0]] = state[v.redone[[2]int32{st.Block, st.Index}]]
		return nil
	case in.Flags&Move != 0:
		return v.checkMove(state, in, st)
	case st.Kind == Elided:
		if in.Flags&Remat == 0 {
			return fmt.Errorf("instruction %d can't be left out", st.Index)
		}
		undefine(state, defs[0])
		v.remember(state, in, st)
		return nil
	}
	for j, u := range uses {
		if at := from[j]; !state[at].has(u) {
			return fmt.Errorf("instruction %d uses register %d, but machine register %d holds %v", st.Index, u, at, state[at])
		}
	}
	for r := Reg(0); r < FirstVirtual; r++ {
		if in.Clobbers.Has(r) {
			state[r] = nil
		}
	}
	for _, d := range defs {
		undefine(state, d)
	}
	for j, d := range defs {
		if !d.Virtual() && d != to[j] {
			return fmt.Errorf("instruction %d must define %d, not %d", st.Index, d, to[j])
		}
		state[to[j]] = set{d}
	}
	v.remember(state, in, st)
	return nil
}

// remember notes what an instruction that is redone elsewhere computes.
func (v *verifier) remember(state []set, in *Inst, st *Inst) {
	if at, ok := v.redone[[2]int32{st.Block, st.Index}]; ok {
		state[at] = set{v.f.Operands.Defs(in)[0]}
	}
}

// checkMove makes the destination equal to the source.
func (v *verifier) checkMove(state []set, in *Inst, st *Inst) error {
	d, u := v.f.Operands.Defs(in)[0], v.f.Operands.Uses(in)[0]
	if st.Kind == Keep {
		from, to := v.res.Operands.Uses(st)[0], v.res.Operands.Defs(st)[0]
		if !state[from].has(u) {
			return fmt.Errorf("move %d uses register %d, but machine register %d holds %v", st.Index, u, from, state[from])
		}
		if from != to {
			state[to] = state[from]
		}
	}
	if d == u {
		return nil
	}
	undefine(state, d)
	for l, s := range state {
		if s.has(u) {
			state[l] = append(append(set(nil), s...), d)
		}
	}
	return nil
}

// undefine takes r out of all sets: what they hold of it is its old value.
func undefine(state []set, r Reg) {
	for l, s := range state {
		state[l] = s.without(r)
	}
}
