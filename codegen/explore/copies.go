package explore

import (
	"math"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// maxLinked is how many copies of a number are narrowed together.
const maxLinked = 6

// copied gives v, a number that is not known, an id: it is about to have a copy.
func (w *walker) copied(v *value) {
	if v.kind != scalar {
		return
	}
	if v.added != 0 {
		v.alone()
	}
	if v.id == 0 && !v.isConst() {
		w.nextID++
		v.id = w.nextID
	}
}

// number returns the id that v shares with its copies if it is a number, else 0.
func (v *value) number() int32 {
	if v.kind != scalar {
		return 0
	}
	return v.id
}

// copies adds to l where the copies of the number with that id are, registers that
// nobody reads aside; those beyond maxLinked are copies no longer.
func (w *walker) copies(s *state, id int32, l []place) []place {
	if id == 0 {
		return l
	}
	found := func(p place) {
		if len(l) < maxLinked {
			l = append(l, p)
		} else {
			s.number(p).id = 0
		}
	}
	for i := len(s.frames) - 1; i >= 0; i-- {
		f, live := &s.frames[i], w.live[s.in(i)]
		if i == len(s.frames)-1 {
			live = w.live[w.now]
		}
		for r := range f.regs {
			if x := &f.regs[r]; live>>r&1 != 0 && x.kind == scalar && x.id == id {
				found(place{int8(i), int8(r), false})
			}
		}
		for j := range f.stack {
			if x := &f.stack[j]; x.isNumber() && x.v.id == id {
				found(place{int8(i), int8(j), true})
			}
		}
	}
	return l
}

// spread makes the copies of v that are in l as narrow as v.
func (s *state) spread(v value, l []place) {
	if v.id == 0 || len(l) < 2 {
		return
	}
	for _, p := range l {
		x := s.number(p)
		if x == nil || x.id != v.id || *x == v {
			continue
		}
		if x.added == 0 && v.added == 0 || x.delta == v.delta {
			*x = v
			continue
		}
		d := exactly(uint64(int64(x.delta) - int64(v.delta)))
		var y value
		y.arith(bpf.Add, bpf.B64, &v, &d)
		if v.added == 32 {
			y = y.low()
		}
		y.id, y.added, y.delta = x.id, x.added, x.delta
		*x = y
	}
}

// alone makes v a number without copies.
func (v *value) alone() { v.id, v.added, v.delta = 0, 0, 0 }

// far is how far a number is from one that it is a copy of, as value says.
type far struct {
	id    int32
	added uint8
	delta int32
}

// distance says, if in adds b to a or subtracts it, how far the result is from a.
func (a *value) distance(in *bpf.Inst, b *value) (d far) {
	if (in.Op != bpf.Add && in.Op != bpf.Sub) || a.id == 0 || a.added != 0 || !b.isConst() || !in.K && in.Src == in.Dst {
		return far{}
	}
	k := int64(b.umin)
	if in.Size == bpf.B32 {
		k = int64(int32(k))
	}
	if in.Op == bpf.Sub {
		k = -k
	}
	if k < math.MinInt32 || k > math.MaxInt32 {
		return far{}
	}
	return far{a.id, uint8(in.Size.Bits()), int32(k)}
}
