package opt

import "github.com/luabpfc/luabpfc/ir"

// Slots that belong to a loop's body.
//
// A slot travels in the frame of a loop that becomes a callback only if its
// bytes do: from the caller, to the caller, or from one trip to the next. Most
// do not. The key of a lookup, the buffer of a packet read are written before
// they are read in each trip, and nobody behind the loop looks at what the loop
// left in them. For such a slot the callback has one of its own: it costs no
// address that is kept, shares its place with others there, and the verifier,
// which remembers what is in a caller's frame as long as the callback may read
// it, forgets it with the trip.
//
// Method: the liveness of tracked bytes that dead stores are found by (dse.go).
// A slot is local to a loop if no byte of it is live where the loop's header
// begins and where control goes on behind the loop.

// liveSlots returns the liveness of f's slots.
func liveSlots(f *ir.Func) *liveness {
	l := &liveness{}
	l.analyse(f, trackSlots(f))
	return l
}

// localTo returns the slots that are local to the body of loop.
func (l *liveness) localTo(loop *ir.NaturalLoop) map[*ir.Slot]bool {
	live := append(byteSet(nil), l.in(loop.Header)...)
	for _, e := range loop.Exits {
		live.addAll(l.in(e.B.Succs[e.I].B))
	}
	if l.f.Short != nil {
		live.addAll(l.in(l.f.Short))
	}
	slots := map[*ir.Slot]bool{}
	for _, s := range l.f.Slots {
		start := l.t.start[s.ID]
		ok := start >= 0
		for i := start; ok && i < start+s.Size; i++ {
			ok = !live.has(i)
		}
		if ok {
			slots[s] = true
		}
	}
	return slots
}
