package explore

import (
	"math"
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// reg returns what r holds.
func (s *state) reg(r bpf.Reg) value {
	if r == bpf.FP {
		return value{kind: stack, frame: int8(len(s.frames) - 1)}
	}
	return s.top().regs[r]
}

// operand returns the second operand of in.
func (s *state) operand(in *bpf.Inst) value {
	if in.K {
		return exactly(uint64(in.Imm))
	}
	return s.reg(in.Src)
}

// precise marks the numbers that registers of the current frame hold.
func (w *walker) precise(s *state, regs ...bpf.Reg) {
	var want [maxFrames + 1]set
	m := &want[len(s.frames)-1]
	for _, r := range regs {
		if r < bpf.FP && s.top().regs[r].kind == scalar {
			m.regs |= 1 << r
		}
	}
	if m.regs != 0 {
		w.mark(s, want[:])
	}
}

// step executes the instruction that s is at; it reports whether the path goes
// on.
func (w *walker) step(s *state) bool {
	at := s.at
	in := &w.code[at]
	w.now, w.noted = at, false
	if w.jump[at] {
		w.note(s)
	}
	e := event{at: int32(at), word: -1}
	s.at++
	switch {
	case in.Op.IsCond():
		w.jumps++
		w.branch(s, in, &e)
	case in.Op == bpf.Ja || in.Op == bpf.Gotol:
		w.jumps++
		s.at = int(w.target[at])
	case in.Op == bpf.OpExit:
		w.jumps++
		return w.exit(s, e)
	case in.Op == bpf.CallFunc && w.target[at] >= 0:
		w.jumps++
		return w.call(s, e)
	case in.Op.IsCall(): // a function of the kernel is a helper of which nothing is known
		w.jumps++
		w.helper(s, in, e)
	case in.Op.IsALU():
		w.arith(s, in)
	case in.Op == bpf.Load || in.Op == bpf.LoadSX:
		w.load(s, in, &e)
	case in.Op == bpf.Store:
		w.write(s, in, &e)
	case in.Op.IsAtomic():
		w.atomic(s, in)
	case in.Op == bpf.LdFunc:
		s.top().regs[in.Dst] = value{kind: constant, what: w.target[at] + 1}
	case in.Op == bpf.LdImm64 && in.Sym == "":
		s.top().regs[in.Dst] = exactly(uint64(in.Imm))
	case in.Op.IsLdImm64():
		s.top().regs[in.Dst] = w.named(in)
	default: // LdAbs, LdInd
		w.lose(s)
		s.top().regs[0] = anything()
	}
	s.path = append(s.path, e)
	return s.at < len(w.code)
}

// note counts that the verifier writes down the instruction at hand.
func (w *walker) note(s *state) {
	if !w.noted {
		w.noted = true
		s.notes++
	}
}

// named is the address of a map, or of a variable.
func (w *walker) named(in *bpf.Inst) value {
	k := memory
	id, ok := w.what[in.Sym]
	if ok && int(id) <= len(w.p.Maps) {
		k = constant
	} else if !ok {
		id = int32(len(w.what) + 1)
		w.what[in.Sym] = id
	}
	v := value{kind: k, what: id}
	if k == memory {
		v.off = int32(in.Imm)
	} else {
		v.what = -id
	}
	return v
}

// lose forgets the registers that calls overwrite.
func (w *walker) lose(s *state) {
	for r := range 6 {
		s.top().regs[r] = value{}
	}
}

// branch takes one way of a conditional jump and puts the other aside.
func (w *walker) branch(s *state, in *bpf.Inst, e *event) {
	a, b := s.reg(in.Dst), s.operand(in)
	switch {
	case a.kind == scalar && b.kind == scalar:
		if t := compare(in.Op, in.Size, a, b); t >= 0 {
			w.precise(s, in.Dst)
			if !in.K {
				w.precise(s, in.Src)
			}
			if t == 1 {
				s.at = int(w.target[w.now])
			}
			return
		}
	case a.kind >= ctx && a.kind != maybe && b.isConst() && b.umin == 0 && (in.Op == bpf.JEq || in.Op == bpf.JNe):
		if in.Op == bpf.JNe {
			s.at = int(w.target[w.now])
		}
		return
	}
	var linked []place
	if !in.K {
		linked = w.copies(s, b, linked)
	}
	linked = w.copies(s, a, linked)
	if len(linked) > 1 {
		e.links = int32(len(w.links))
		w.links = append(w.links, linked)
		w.note(s)
	}
	o := s.copy()
	o.at = int(w.target[w.now])
	o.path = append(o.path, *e)
	w.narrow(o, in, in.Op, linked)
	w.aside(o)
	if op, ok := inverse[in.Op]; ok {
		w.narrow(s, in, op, linked)
	}
}

// narrow applies that the comparison op of in's operands holds, of which linked
// are copies.
func (w *walker) narrow(s *state, in *bpf.Inst, op bpf.Op, linked []place) {
	a, b := s.reg(in.Dst), s.operand(in)
	switch {
	case a.kind == maybe && b.isConst() && b.umin == 0 && (op == bpf.JEq || op == bpf.JNe):
		s.decide(a.id, op == bpf.JEq)
	case a.kind == packet && b.kind == end:
		w.reach(s, a, op == bpf.JLt || op == bpf.JLe, op == bpf.JLt)
	case a.kind == end && b.kind == packet:
		w.reach(s, b, op == bpf.JGt || op == bpf.JGe, op == bpf.JGt)
	case a.kind == scalar && b.kind == scalar:
		if !in.K && in.Src == in.Dst {
			return
		}
		refine(op, in.Size, &a, &b)
		s.top().regs[in.Dst] = a
		if !in.K {
			s.top().regs[in.Src] = b
			s.spread(b, linked)
		}
		s.spread(s.top().regs[in.Dst], linked)
	}
}

// decide makes what may be null and has that id null, or not.
func (s *state) decide(id int32, null bool) {
	held := slices.Index(s.refs, id)
	s.each(func(v *value) bool {
		if v.kind != maybe || v.id != id {
			return false
		}
		if null {
			*v = exactly(0)
			return true
		}
		v.kind = memory
		if held < 0 {
			v.id = 0
		}
		return true
	})
	if null && held >= 0 {
		s.refs = slices.Delete(s.refs, held, held+1)
	}
}

// reach notes that the packet goes up to address a.
func (w *walker) reach(s *state, a value, holds, beyond bool) {
	if !holds {
		return
	}
	n := int16(a.off)
	if beyond {
		n++
	}
	s.each(func(v *value) bool {
		if v.kind != packet || v.id != a.id || v.there >= n {
			return false
		}
		v.there = n
		return true
	})
}

// exit leaves a function.
func (w *walker) exit(s *state, e event) bool {
	if len(s.frames) == 1 {
		if w.p.Result {
			w.precise(s, bpf.R0)
		}
		return false
	}
	f := s.frames[len(s.frames)-1]
	if f.callback {
		w.precise(s, bpf.R0)
	}
	s.frames = s.frames[:len(s.frames)-1]
	if f.callback {
		s.at = f.call
		e.how = returnsToCall
		w.widen(s)
	} else {
		s.at = f.call + 1
		e.how = returns
		s.top().regs[0] = f.regs[0]
	}
	s.path = append(s.path, e)
	return true
}

// widen forgets what differs in numbers from the last time that s came to the
// call of a helper that calls back.
func (w *walker) widen(s *state) {
	old := s.parent
	for old != nil && (old.at != s.at || !old.sameCalls(s)) {
		old = old.parent
	}
	if old == nil {
		return
	}
	w.ids.pairs = w.ids.pairs[:0]
	for i := range s.frames {
		f, g, pr := &s.frames[i], &old.frames[i], old.precise[i]
		for r := range f.regs {
			if w.differs(&g.regs[r], &f.regs[r]) && pr.regs>>r&1 == 0 {
				f.regs[r] = anything()
			}
		}
		for j := range f.stack {
			x, y := f.stack[j], g.word(j)
			if x.n > 0 && y.n > 0 && w.differs(&y.v, &x.v) && pr.words>>j&1 == 0 {
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
	f := frame{fn: w.function(int(w.target[e.at])), call: int(e.at)}
	copy(f.regs[1:6], s.top().regs[1:6])
	w.lose(s)
	s.frames = append(s.frames, f)
	s.at = int(w.target[e.at])
	e.how = calls
	s.path = append(s.path, e)
	return true
}

// function returns which function begins at instruction at.
func (w *walker) function(at int) int {
	i, _ := slices.BinarySearch(w.start, at)
	return i
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
	case h.Name == "get_smp_processor_id":
		*r = number(0, 1) // more processors are less to follow
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
		if v := s.top().regs[1+i]; a == kernel.ArgMap && v.kind == constant && v.what < 0 {
			return &w.p.Maps[-v.what-1]
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
	o := s.copy()
	o.top().rounds++
	f := frame{fn: w.function(fn), call: int(e.at), callback: true}
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

// arith executes arithmetic and moves.
func (w *walker) arith(s *state, in *bpf.Inst) {
	d := &s.top().regs[in.Dst]
	if in.Op == bpf.Mov && !in.K && in.Src < bpf.FP && (in.Size == bpf.B64 || s.reg(in.Src).umax <= math.MaxUint32) {
		w.copied(&s.top().regs[in.Src])
	}
	a, b := *d, s.operand(in)
	switch {
	case in.Op == bpf.Mov && in.Size == bpf.B64:
		*d = b
		return
	case in.Op == bpf.Mov:
		*d = b.low()
		if b.kind == scalar && b.umax <= math.MaxUint32 {
			return
		}
	case in.Op == bpf.Neg && a.kind == scalar:
		*d = arith(bpf.Sub, in.Size, exactly(0), a)
	case in.Op >= bpf.MovSX8 && in.Op <= bpf.MovSX32:
		*d = extended(in, b)
	case in.Op == bpf.ToLE || in.Op == bpf.ToBE || in.Op == bpf.Bswap:
		*d = swapped(in, a)
	case a.kind == scalar && b.kind == scalar:
		r := arith(in.Op, in.Size, a, b)
		r.alone()
		*d = plus(in, a, b, r)
		return
	case in.Size == bpf.B64 && (in.Op == bpf.Add || in.Op == bpf.Sub) && a.kind >= ctx && b.kind == scalar:
		if !in.K {
			w.precise(s, in.Src)
		}
		*d = w.displace(in.Op, a, b)
		return
	case in.Size == bpf.B64 && in.Op == bpf.Add && a.kind == scalar && b.kind >= ctx:
		w.precise(s, in.Dst)
		*d = w.displace(in.Op, b, a)
		return
	default:
		*d = anything()
	}
	d.alone()
}

// extended is v with the sign of its lower part.
func extended(in *bpf.Inst, v value) value {
	n := 8 << (in.Op - bpf.MovSX8)
	r := anything()
	if v.isConst() {
		k := int64(v.umin<<(64-n)) >> (64 - n)
		r = exactly(uint64(k))
	} else {
		r.smin, r.smax = -1<<(n-1), 1<<(n-1)-1
		r = r.sync()
	}
	if in.Size == bpf.B32 {
		return r.low()
	}
	return r
}

// swapped is v in other order of bytes, or without its upper bytes.
func swapped(in *bpf.Inst, v value) value {
	if v.isConst() && v.umin == 0 {
		return v
	}
	return bytes(int(in.Size))
}

// displace adds a number to an address.
func (w *walker) displace(op bpf.Op, p, n value) value {
	if n.isConst() {
		if op == bpf.Sub {
			p.off -= int32(n.umin)
		} else {
			p.off += int32(n.umin)
		}
		return p
	}
	x := value{kind: scalar, umin: p.umin, umax: p.umax, smin: p.smin, smax: p.smax, bits: p.bits}
	x = arith(op, bpf.B64, x, n)
	p.umin, p.umax, p.smin, p.smax, p.bits = x.umin, x.umax, x.smin, x.smax, x.bits
	if p.kind == packet {
		w.nextID++
		p.id, p.there = w.nextID, 0
	}
	return p
}

// member is the member of the context at off, v if a plain number.
func (w *walker) member(off int, v value) value {
	if w.p.Ctx == nil {
		return v
	}
	for i := range w.p.Ctx.Fields {
		f := &w.p.Ctx.Fields[i]
		if int(f.Off) != off {
			continue
		}
		switch f.Kind {
		case kernel.PacketStart:
			return address(packet)
		case kernel.PacketEnd:
			return address(end)
		case kernel.KernelPointer:
			return address(memory)
		}
	}
	return v
}
