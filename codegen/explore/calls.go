package explore

import (
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// exit leaves a function.
func (w *walker) exit(s *state, e event) bool {
	if len(s.frames) == 1 {
		if w.p.Result {
			w.precise(s, bpf.R0)
		}
		return false
	}
	w.draw(s)
	f := s.frames[len(s.frames)-1]
	if f.callback {
		w.precise(s, bpf.R0)
	}
	s.frames = s.frames[:len(s.frames)-1]
	if f.callback {
		s.at = int(f.call)
		e.how = returnsToCall
		w.widen(s)
	} else {
		s.at = int(f.call) + 1
		e.how = returns
		s.top().regs[0] = f.regs[0]
	}
	s.path = append(s.path, e)
	return true
}

// widen forgets what differs in numbers from the last time that s came to the
// call of a helper that calls back, and that state is still compared with.
func (w *walker) widen(s *state) {
	old := s.parent
	for old != nil && (old.dropped || old.at() != s.at || !old.sameCalls(s)) {
		old = old.parent
	}
	if old == nil {
		return
	}
	w.ids.pairs = w.ids.pairs[:0]
	for i := len(s.frames) - 1; i >= 0; i-- {
		f, g := &s.frames[i], &old.frames[i]
		for r := range f.regs {
			if v := old.reg(g, r); v != nil && w.differs(v, &f.regs[r]) && g.precise.regs>>r&1 == 0 {
				f.regs[r] = anything()
			}
		}
		for j := range min(len(f.stack), len(g.stack)) {
			x, y := f.stack[j], &g.stack[j]
			if x.n > 0 && y.n > 0 && w.differs(&y.v, &x.v) && g.precise.words>>j&1 == 0 {
				x.v = anything()
				f.put(j, x)
			}
		}
	}
}

// differs reports whether a and b are numbers of which not the same is known.
func (w *walker) differs(a, b *value) bool {
	if a.kind != scalar || b.kind != scalar {
		return false
	}
	x := *b
	x.id = a.id
	return x != *a || !w.ids.same(a.id, b.id)
}

// call enters a function.
func (w *walker) call(s *state, e event) bool {
	if len(s.frames) >= maxFrames {
		w.over = true // the kernel refuses it
		return false
	}
	f := frame{call: e.at, use: w.called(s.top().use, e.at, int(w.target[e.at]))}
	copy(f.regs[1:6], s.top().regs[1:6])
	w.lose(s)
	s.frames = append(s.frames, f)
	s.at = int(w.target[e.at])
	e.how = calls
	s.path = append(s.path, e)
	return true
}

// helper calls a helper.
func (w *walker) helper(s *state, in *bpf.Inst, e event) {
	h := helper(in)
	if h == nil {
		w.lose(s)
		s.top().regs[0] = anything()
		return
	}
	if h.Effects&kernel.EffectCallback != 0 {
		w.callBack(s, h, e)
	}
	m := w.argument(s, h)
	sure := w.lookedUp(s, h, m)
	for i := range h.Args {
		w.through(s, h, i, m)
	}
	if h.Effects&kernel.EffectMovesPacket != 0 {
		s.each(func(v *value) bool {
			if v.kind != packet && v.kind != end {
				return false
			}
			*v = value{}
			return true
		})
	}
	if p := s.top().regs[1]; h.Releases {
		s.release(p.id)
	}
	w.lose(s)
	r := &s.top().regs[0]
	switch {
	case h.Ret == kernel.RetVoid:
	case sure:
		*r = value{kind: memory, what: w.result(m, h)}
	case h.Ret.Nullable():
		w.nextID++
		*r = value{kind: maybe, id: w.nextID, what: w.result(m, h)}
		if h.Release != "" {
			s.refs = append(s.refs, w.nextID)
		}
	case h.Ret.Address():
		*r = value{kind: memory, what: w.result(m, h)}
	case h.Name == "get_smp_processor_id" && w.p.CPUs > 0:
		*r = number(0, w.p.CPUs-1)
	default:
		*r = anything()
	}
}

// result tells apart what helpers return: values of a map, else by helper.
func (w *walker) result(m *Map, h *kernel.Helper) int32 {
	if m != nil {
		return w.what[m.Name]
	}
	return int32(h.ID) << 16
}

// release forgets what has to be released and has that id.
func (s *state) release(id int32) {
	if i := slices.Index(s.refs, id); i >= 0 {
		s.refs = slices.Delete(s.refs, i, i+1)
		s.each(func(v *value) bool {
			if (v.kind != memory && v.kind != maybe) || v.id != id {
				return false
			}
			*v = anything()
			return true
		})
	}
}

// argument returns the map that a helper is given, or nil.
func (w *walker) argument(s *state, h *kernel.Helper) *Map {
	for i, a := range h.Args {
		switch v := &s.top().regs[1+i]; {
		case a != kernel.ArgMap:
		case v.kind == constant && v.what < 0:
			return &w.p.Maps[-v.what-1]
		case v.kind == memory && v.what > 0 && int(v.what) <= len(w.p.Maps): // was looked up
			return w.p.Maps[v.what-1].Inner
		}
	}
	return nil
}

// lookedUp reports whether a lookup finds a value for sure: in an array, at an
// index that is on the stack as a number. That is precise then.
func (w *walker) lookedUp(s *state, h *kernel.Helper, m *Map) bool {
	p := s.top().regs[2]
	if m == nil || !m.Array || h.Name != "map_lookup_elem" || p.kind != stack || p.umax != 0 || p.off >= 0 {
		return false
	}
	i, first := int(-p.off-1)/8, int(-p.off-1)%8
	x := s.frames[p.frame].word(i)
	if z := uint8(0xf) << (7 - first); x.zero&z == z {
		return m.Entries > 0
	}
	if !x.isNumber() || !x.v.isConst() || int(x.n) != m.Key || first != 7 {
		return false
	}
	var want [maxFrames + 1]set
	want[p.frame].words = 1 << i
	w.mark(s, want[:])
	return x.v.umin < uint64(m.Entries)
}

// through does what a helper does to the stack through argument i.
func (w *walker) through(s *state, h *kernel.Helper, i int, m *Map) {
	r := bpf.Reg(1 + i)
	p := s.top().regs[r]
	if h.Args[i].IsSize() {
		w.precise(s, r)
	}
	if p.kind != stack {
		return
	}
	info := h.Args[i].Info()
	n := int64(8)
	switch {
	case info.Size == kernel.NextArg && i+2 < len(s.top().regs):
		n = int64(min(s.top().regs[r+1].umax, 512))
	case info.Size == kernel.KeySize && m != nil:
		n = int64(m.Key)
	case info.Size == kernel.ValueSize && m != nil:
		n = int64(m.Value)
	case info.Size == kernel.KeySize, info.Size == kernel.ValueSize:
		n = 512
	case info.Bytes > 0:
		n = int64(info.Bytes)
	case info.Size == kernel.Fixed && i < len(h.Sizes):
		n = int64(h.Sizes[i])
	}
	if h.Args[i] == kernel.ArgFrame {
		return // the callback's reads are seen there
	}
	lo, hi := p.span(0, n)
	if info.Reads {
		for b := lo &^ 7; b < hi; b += 8 {
			w.reads(s, int(p.frame), int((-b-1)/8))
		}
	}
	if info.Writes {
		s.scribble(p.frame, lo, hi, true)
	}
}

// callBack puts aside the way into the callback of a helper, if it may be called
// once more.
func (w *walker) callBack(s *state, h *kernel.Helper, e event) {
	fn, data := -1, value{}
	regs := &s.top().regs
	for i, a := range h.Args {
		switch v := regs[1+i]; {
		case a == kernel.ArgCallback && v.kind == constant:
			fn = int(v.what) - 1
		case a == kernel.ArgFrame:
			data = v
		}
	}
	if fn < 0 || len(s.frames) >= maxFrames {
		return
	}
	if h.Name == "loop" {
		w.precise(s, bpf.R1)
		if regs[1].kind == scalar && uint64(s.top().rounds) >= regs[1].umax {
			s.top().rounds = 0
			return
		}
	}
	o := w.other(s)
	o.top().rounds++
	var none [maxFrames]uint64
	s.top().use.writes(int(e.at), &none)
	f := frame{call: e.at, callback: true, use: w.called(s.top().use, e.at, fn)}
	if h.Name == "loop" {
		f.regs[1], f.regs[2] = anything(), data
	} else {
		f.regs[1], f.regs[2], f.regs[3], f.regs[4] = regs[1], address(memory), address(memory), data
		f.regs[2].what, f.regs[3].what = int32(h.ID)<<16, int32(h.ID)<<16+1
	}
	o.frames = append(o.frames, f)
	o.at = fn
	o.path = append(o.path, event{at: e.at, word: -1, how: callsBack})
	w.aside(o)
	s.top().rounds = 0
}
