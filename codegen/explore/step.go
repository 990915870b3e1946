package explore

import (
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
	w.steps++
	w.at[at]++
	e := event{at: int32(at), word: -1}
	s.at++
	switch {
	case in.Op.IsCond() && in.Op != bpf.MayGoto:
		w.jumps++
		w.branch(s, in, at)
	case in.Op == bpf.MayGoto:
		w.jumps++
	case in.Op == bpf.Ja || in.Op == bpf.Gotol:
		w.jumps++
		s.at = int(w.target[at])
	case in.Op == bpf.OpExit:
		w.jumps++
		return w.exit(s, e)
	case in.Op == bpf.CallFunc && w.target[at] >= 0:
		w.jumps++
		w.call(s, e)
		return true
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
		for r := range s.top().regs {
			if in.Defs().Has(bpf.Reg(r)) {
				s.top().regs[r] = bytes(int(in.Size))
			}
		}
		if p := s.reg(in.Dst); p.kind == stack {
			w.scribble(s, p, int64(in.Off), int64(in.Size))
		}
	case in.Op == bpf.LdFunc:
		s.top().regs[in.Dst] = value{kind: constant, off: w.target[at]}
	case in.Op == bpf.LdImm64 && in.Sym == "":
		s.top().regs[in.Dst] = exactly(uint64(in.Imm))
	case in.Op.IsLdImm64():
		s.top().regs[in.Dst] = address(memory) // a variable; as a map's address no less
	default: // LdAbs, LdInd
		w.lose(s)
		s.top().regs[0] = bytes(int(in.Size))
	}
	s.path = append(s.path, e)
	return s.at < len(w.code)
}

// lose forgets the registers that calls overwrite.
func (w *walker) lose(s *state) {
	for r := range 6 {
		s.top().regs[r] = value{}
	}
}

// branch takes one way of a conditional jump and puts the other aside.
func (w *walker) branch(s *state, in *bpf.Inst, at int) {
	a, b := s.reg(in.Dst), s.operand(in)
	switch {
	case a.kind == scalar && b.kind == scalar:
		if t := compare(in.Op, in.Size, a, b); t >= 0 {
			regs := []bpf.Reg{in.Dst}
			if !in.K {
				regs = append(regs, in.Src)
			}
			w.precise(s, regs...)
			if t == 1 {
				s.at = int(w.target[at])
			}
			return
		}
	case a.kind >= ctx && a.kind != maybe && b.isConst() && b.umin == 0 && (in.Op == bpf.JEq || in.Op == bpf.JNe):
		if in.Op == bpf.JNe {
			s.at = int(w.target[at])
		}
		return
	}
	o := s.copy()
	o.at = int(w.target[at])
	o.path = append(o.path, event{at: int32(at), word: -1})
	w.narrow(o, in, in.Op)
	w.aside(o)
	if op, ok := inverse[in.Op]; ok {
		w.narrow(s, in, op)
	}
}

// narrow applies that the comparison op of in's operands holds.
func (w *walker) narrow(s *state, in *bpf.Inst, op bpf.Op) {
	a, b := s.reg(in.Dst), s.operand(in)
	switch {
	case a.kind == maybe && b.isConst() && b.umin == 0 && (op == bpf.JEq || op == bpf.JNe):
		s.each(func(v *value) bool {
			if v.kind != maybe || v.id != a.id {
				return false
			}
			if op == bpf.JEq {
				*v = exactly(0)
			} else {
				v.kind, v.id = memory, 0
			}
			return true
		})
	case a.kind == packet && b.kind == end:
		w.reach(s, a, op == bpf.JLt || op == bpf.JLe, op == bpf.JLt)
	case a.kind == end && b.kind == packet:
		w.reach(s, b, op == bpf.JGt || op == bpf.JGe, op == bpf.JGt)
	case a.kind == scalar && b.kind == scalar:
		refine(op, in.Size, &a, &b)
		s.top().regs[in.Dst] = a
		if !in.K {
			s.top().regs[in.Src] = b
		}
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
		return false
	}
	f := s.frames[len(s.frames)-1]
	if f.callback {
		w.precise(s, bpf.R0)
	}
	s.frames = s.frames[:len(s.frames)-1]
	s.at = f.ret
	if f.callback {
		s.top().rounds++
		e.how = returnsToCall
		w.widen(s)
	} else {
		e.how = returns
		w.lose(s)
		s.top().regs[0] = f.regs[0]
	}
	s.path = append(s.path, e)
	return true
}

// widen forgets what differs in numbers from the last time that s came to the
// call of a helper that calls back.
func (w *walker) widen(s *state) {
	old := s.parent
	for old != nil && (old.at != s.at || len(old.frames) != len(s.frames)) {
		old = old.parent
	}
	if old == nil {
		return
	}
	for i := range s.frames {
		f, g, pr := &s.frames[i], &old.frames[i], old.precise[i]
		for r := range f.regs {
			if f.regs[r].kind == scalar && g.regs[r].kind == scalar && pr.regs>>r&1 == 0 && f.regs[r] != g.regs[r] {
				f.regs[r] = anything()
			}
		}
		for j := range f.stack {
			if x := g.word(j); f.stack[j].kind == scalar && x.kind == scalar && pr.words>>j&1 == 0 && x != f.stack[j] {
				f.put(j, anything())
			}
		}
	}
}

// call enters a function.
func (w *walker) call(s *state, e event) {
	t := int(w.target[e.at])
	if t < 0 || len(s.frames) > maxFrames-1 {
		w.lose(s)
		s.top().regs[0] = anything()
		s.path = append(s.path, e)
		return
	}
	f := frame{fn: t, ret: s.at}
	copy(f.regs[1:6], s.top().regs[1:6])
	w.lose(s)
	s.frames = append(s.frames, f)
	s.at = t
	e.how = calls
	s.path = append(s.path, e)
}

// helper calls a helper.
func (w *walker) helper(s *state, in *bpf.Inst, e event) {
	h := helper(in)
	if h == nil {
		w.lose(s)
		s.top().regs[0] = anything()
		return
	}
	regs := s.top().regs
	if h.Effects&kernel.EffectCallback != 0 {
		w.callBack(s, h, e)
	}
	for i, a := range h.Args {
		r := bpf.Reg(1 + i)
		switch p := regs[r]; a {
		case kernel.ArgSize, kernel.ArgSizeOrZero:
			w.precise(s, r)
		case kernel.ArgOut, kernel.ArgOutOrNull, kernel.ArgInOut:
			if p.kind == stack && i+2 < len(regs) {
				w.scribble(s, p, 0, int64(min(regs[r+1].umax, 512)))
			}
		case kernel.ArgLongOut, kernel.ArgUintInOut, kernel.ArgValueOut, kernel.ArgValueInOut:
			if p.kind == stack {
				w.scribble(s, p, 0, 8)
			}
		}
	}
	if h.Effects&kernel.EffectMovesPacket != 0 {
		s.each(func(v *value) bool {
			if v.kind != packet && v.kind != end {
				return false
			}
			*v = anything()
			return true
		})
	}
	w.lose(s)
	r := &s.top().regs[0]
	switch {
	case h.Ret == kernel.RetVoid:
	case h.Ret.Nullable():
		w.nextID++
		*r = value{kind: maybe, id: w.nextID}
	case h.Ret.Address():
		*r = address(memory)
	default:
		*r = anything()
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
			fn = int(v.off)
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
	f := frame{fn: fn, ret: int(e.at), callback: true}
	if h.Name == "loop" {
		f.regs[1], f.regs[2] = anything(), data
	} else {
		f.regs[1], f.regs[2], f.regs[3], f.regs[4] = address(memory), address(memory), address(memory), data
	}
	o.frames = append(o.frames, f)
	o.at = fn
	o.path = append(o.path, event{at: e.at, word: -1, how: callsBack})
	w.aside(o)
}

// arith executes arithmetic and moves.
func (w *walker) arith(s *state, in *bpf.Inst) {
	d := &s.top().regs[in.Dst]
	a, b := *d, s.operand(in)
	switch {
	case in.Op == bpf.Mov && in.Size == bpf.B64:
		*d = b
	case in.Op == bpf.Mov:
		*d = b.low()
	case in.Op == bpf.Neg && a.kind == scalar:
		*d = arith(bpf.Sub, in.Size, exactly(0), a)
	case in.Op >= bpf.MovSX8 && in.Op <= bpf.MovSX32:
		*d = bytes(int(in.Size))
	case in.Op == bpf.ToLE || in.Op == bpf.ToBE || in.Op == bpf.Bswap:
		*d = bytes(int(in.Size))
	case a.kind == scalar && b.kind == scalar:
		*d = arith(in.Op, in.Size, a, b)
	case in.Size == bpf.B64 && (in.Op == bpf.Add || in.Op == bpf.Sub) && a.kind >= ctx && b.kind == scalar:
		if !in.K {
			w.precise(s, in.Src)
		}
		*d = w.displace(in.Op, a, b)
	case in.Size == bpf.B64 && in.Op == bpf.Add && a.kind == scalar && b.kind >= ctx:
		w.precise(s, in.Dst)
		*d = w.displace(in.Op, b, a)
	default:
		*d = anything()
	}
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

// load executes a load.
func (w *walker) load(s *state, in *bpf.Inst, e *event) {
	p := s.reg(in.Src)
	v := bytes(int(in.Size))
	if in.Op == bpf.LoadSX {
		v = anything()
	}
	switch off := int(p.off) + int(in.Off); p.kind {
	case ctx:
		v = w.member(off, v)
	case stack:
		if off >= 0 || off < -8*words || p.umax != 0 {
			break
		}
		i := (-off - 1) / 8
		x := s.frames[p.frame].word(i)
		switch whole := in.Size == bpf.B64 && off%8 == 0; {
		case whole && x.kind != misc && x.kind != nothing:
			v, e.word, e.frame = x, int8(i), p.frame
		case x.isConst() && in.Op == bpf.Load:
			k := x.umin >> (8 * uint(off&7)) & (1<<in.Size.Bits() - 1)
			v, e.word, e.frame = exactly(k), int8(i), p.frame
		}
	}
	s.top().regs[in.Dst] = v
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

// write executes a store.
func (w *walker) write(s *state, in *bpf.Inst, e *event) {
	p := s.reg(in.Dst)
	off := int(p.off) + int(in.Off)
	if p.kind != stack || off >= 0 || off < -8*words || p.umax != 0 {
		if p.kind == stack {
			w.scribble(s, p, 0, 512)
		}
		return
	}
	i := (-off - 1) / 8
	v := s.operand(in)
	f := &s.frames[p.frame]
	switch {
	case in.Size == bpf.B64 && off%8 == 0:
		f.put(i, v)
		e.word, e.frame = int8(i), p.frame
	case f.word(i).isConst() && v.isConst() && f.word(i).umin == 0 && v.umin == 0: // stays 0
	default:
		f.put(i, value{kind: misc})
	}
}

// scribble makes n bytes at p+off bytes of any value.
func (w *walker) scribble(s *state, p value, off, n int64) {
	lo := int64(p.off) + off
	if p.umax != 0 {
		lo, n = -8*words, 8*words
	}
	for b := lo &^ 7; b < min(lo+n, 0); b += 8 {
		if i := int((-b - 1) / 8); i >= 0 && i < words {
			s.frames[p.frame].put(i, value{kind: misc})
		}
	}
}
