package lower

import (
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// What may stand between bpf.helper.spin_lock and spin_unlock: reads and writes of
// memory. The kernel allows no calls there, and the program must not end; a loop
// may become a call, and a packet read may end the program. Whether a lock is held
// is followed forward over the blocks; where it is on some of the ways only, as
// behind a test for an entry, nothing is said.

type lockState uint8

const (
	lockUnknown lockState = iota // not reached yet
	lockFree
	lockHeld
	lockMixed
)

// checkLocks reports what the kernel refuses while a lock is held in f.
func (lw *lowerer) checkLocks(f *ir.Func) {
	if !usesHelper(f, "spin_lock") {
		return
	}
	out := map[*ir.Block]lockState{}
	order := ir.Dominators(f).RPO
	in := func(b *ir.Block) lockState {
		state := lockUnknown
		if b == f.Entry() {
			state = lockFree
		}
		for _, e := range b.Preds {
			if s := out[e.B]; state == lockUnknown {
				state = s
			} else if s != lockUnknown && s != state {
				state = lockMixed
			}
		}
		return state
	}
	for changed := true; changed; {
		changed = false
		for _, b := range order {
			s := in(b)
			for _, v := range b.Values {
				s = lockBehind(v, s)
			}
			if out[b] != s {
				out[b], changed = s, true
			}
		}
	}
	for _, b := range order {
		if lw.reportLocked(b, in(b)) {
			return
		}
	}
}

// lockBehind is the state behind v.
func lockBehind(v *ir.Value, s lockState) lockState {
	switch {
	case isCallOf(v, "spin_lock"):
		return lockHeld
	case isCallOf(v, "spin_unlock"):
		return lockFree
	}
	return s
}

// reportLocked reports the first thing in b that must not be where a lock is held.
func (lw *lowerer) reportLocked(b *ir.Block, s lockState) bool {
	if s == lockHeld && b.Loop != nil {
		lw.r.Errorf(diag.LockHeld, lw.span(b.Loop.Pos), "a loop between spin_lock and spin_unlock: the kernel allows nothing there but reading and writing memory")
		return true
	}
	for _, v := range b.Values {
		if s == lockHeld && !isCallOf(v, "spin_unlock") {
			what := ""
			switch {
			case isCallOf(v, "spin_lock"):
				what = "a second lock is taken"
			case v.Op == ir.OpCall:
				what = "helper '" + v.Aux.(*kernel.Helper).Name + "' is called"
			case v.Op == ir.OpCallFunc:
				what = "a function is called"
			case v.Op.Info().MayLeave:
				what = "the packet is read, which may end the program,"
			}
			if what != "" {
				lw.r.Errorf(diag.LockHeld, lw.span(v.Pos), "%s between spin_lock and spin_unlock: the kernel allows nothing there but reading and writing memory", what)
				return true
			}
		}
		s = lockBehind(v, s)
	}
	if s == lockHeld && b.Kind == ir.BlockRet {
		lw.r.Errorf(diag.LockHeld, lw.span(b.Pos), "the lock is still held where the program ends: call bpf.helper.spin_unlock first")
		return true
	}
	return false
}

func isCallOf(v *ir.Value, helper string) bool {
	return v.Op == ir.OpCall && v.Aux.(*kernel.Helper).Name == helper
}

func usesHelper(f *ir.Func, helper string) bool {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if isCallOf(v, helper) {
				return true
			}
		}
	}
	return false
}
