package explore

import (
	"math"
	"math/bits"
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// reg returns what r holds: where that is, or spare for the frame's address.
func (s *state) reg(r bpf.Reg, spare *value) *value {
	if r == bpf.FP {
		*spare = value{kind: stack, frame: int8(len(s.frames) - 1)}
		return spare
	}
	return &s.top().regs[r]
}

// operand returns the second operand of in: where it is, or spare for what is not
// in a register.
func (s *state) operand(in *bpf.Inst, spare *value) *value {
	if in.K {
		*spare = exactly(uint64(in.Imm))
		return spare
	}
	return s.reg(in.Src, spare)
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
	var x, y value
	a, b := s.reg(in.Dst, &x), s.operand(in, &y)
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
	case a.kind == packet && b.kind == end || a.kind == end && b.kind == packet:
		if t := outside(in.Op, a, b); t >= 0 {
			if t == 1 {
				s.at = int(w.target[w.now])
			}
			return
		}
	}
	var linked []place
	first, second := a.number(), b.number()
	if !in.K {
		linked = w.copies(s, second, linked)
	}
	linked = w.copies(s, first, linked)
	if len(linked) > 1 {
		e.links = int32(len(w.links))
		w.links = append(w.links, linked)
		w.note(s)
	}
	o := w.other(s)
	o.at = int(w.target[w.now])
	o.path = append(o.path, *e)
	w.narrow(o, in, in.Op, linked)
	w.aside(o)
	w.narrow(s, in, inverse[in.Op], linked)
}

// narrow applies that the comparison op of in's operands holds, of which linked
// are copies.
func (w *walker) narrow(s *state, in *bpf.Inst, op bpf.Op, linked []place) {
	var x, y value
	a, b := s.reg(in.Dst, &x), s.operand(in, &y)
	switch {
	case a.kind == maybe && b.isConst() && b.umin == 0 && (op == bpf.JEq || op == bpf.JNe):
		s.decide(a.id, op == bpf.JEq)
	case a.kind == packet && b.kind == end:
		w.reach(s, a, op)
	case a.kind == end && b.kind == packet:
		w.reach(s, b, mirrored[op])
	case a.kind == scalar && b.kind == scalar:
		refine(op, in.Size, a, b) // which are one if the registers are: the verifier does not look
		if !in.K {
			s.spread(*b, linked)
		}
		s.spread(*a, linked)
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

const (
	atEnd     = -1 // the packet ends before address 0 of it, or there
	beyondEnd = -2 // before
)

// mirrored is the comparison of exchanged operands.
var mirrored = [bpf.NumOps]bpf.Op{bpf.JGt: bpf.JLt, bpf.JGe: bpf.JLe, bpf.JLt: bpf.JGt, bpf.JLe: bpf.JGe}

// outside decides a comparison of an address in the packet with its end, the
// address being known not to be before that: 1, 0, or -1 if either may be.
func outside(op bpf.Op, a, b *value) int {
	if a.kind == end {
		a, op = b, mirrored[op]
	}
	switch {
	case op == bpf.JGt && a.there == beyondEnd, op == bpf.JGe && a.there < 0:
		return 1
	case op == bpf.JLe && a.there == beyondEnd, op == bpf.JLt && a.there < 0:
		return 0
	}
	return -1
}

// reach notes that address p, compared with the packet's end by op, is there, and
// so what is before it; or, for that address alone, that it is not.
func (w *walker) reach(s *state, p *value, op bpf.Op) {
	a := *p
	n := int16(a.off)
	switch op {
	case bpf.JGt:
		p.there = beyondEnd
		return
	case bpf.JGe:
		p.there = atEnd
		return
	case bpf.JLt:
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

// arith executes arithmetic and moves.
func (w *walker) arith(s *state, in *bpf.Inst) {
	d := &s.top().regs[in.Dst]
	if in.Op == bpf.Mov && !in.K && in.Src < bpf.FP && (in.Size == bpf.B64 || s.top().regs[in.Src].umax <= math.MaxUint32) {
		w.copied(&s.top().regs[in.Src])
	}
	var spare value
	b := s.operand(in, &spare)
	switch {
	case in.Op == bpf.Mov && in.Size == bpf.B64:
		*d = *b
		return
	case in.Op == bpf.Mov:
		fits := b.kind == scalar && b.umax <= math.MaxUint32
		*d = b.low()
		if fits {
			return
		}
	case in.Op == bpf.Neg && d.kind == scalar:
		spare = exactly(0)
		d.arith(bpf.Sub, in.Size, &spare, d)
	case in.Op >= bpf.MovSX8 && in.Op <= bpf.MovSX32:
		if b.kind == scalar && b.umax>>(8<<(in.Op-bpf.MovSX8)-1) == 0 { // a copy
			w.copied(b)
			*d = *b
			return
		}
		*d = extended(in, *b)
	case in.Op == bpf.ToLE || in.Op == bpf.ToBE || in.Op == bpf.Bswap:
		*d = swapped(in, *d)
	case d.kind == scalar && b.kind == scalar:
		if b.isConst() && (in.Op == bpf.And || in.Op == bpf.Or) {
			w.fork(s, in, d)
		}
		far := d.distance(in, b)
		d.arith(in.Op, in.Size, d, b)
		d.id, d.added, d.delta = far.id, far.added, far.delta
		return
	case in.Size == bpf.B64 && (in.Op == bpf.Add || in.Op == bpf.Sub) && d.kind >= ctx && b.kind == scalar:
		if !in.K {
			w.precise(s, in.Src)
		}
		*d = w.displace(in.Op, *d, b)
		return
	case in.Size == bpf.B64 && in.Op == bpf.Add && d.kind == scalar && b.kind >= ctx:
		w.precise(s, in.Dst)
		*d = w.displace(in.Op, *b, d)
		return
	default:
		*d = anything()
	}
	d.alone()
}

// fork takes number v that is 0 or -1 to be -1, and puts aside the way on which it
// is 0, from the same instruction.
func (w *walker) fork(s *state, in *bpf.Inst, v *value) {
	none, all := exactly(0), exactly(math.MaxUint64)
	switch {
	case v.smin == -1 && v.smax == 0:
	case v.half.smin == -1 && v.half.smax == 0:
		none, all = *v, *v
		k := exactly(0)
		none.setLower(k.lower())
		k = exactly(math.MaxUint32)
		all.setLower(k.lower())
		none.sync()
		all.sync()
	default:
		return
	}
	o := w.other(s)
	o.at = w.now
	o.top().regs[in.Dst] = none
	w.aside(o)
	*v = all
}

// extended is v with the sign of its lower part.
func extended(in *bpf.Inst, v value) value {
	r := v.signed(8 << (in.Op - bpf.MovSX8))
	if in.Size == bpf.B32 {
		return r.low()
	}
	return r
}

// signed is v's lowest n bits with their sign.
func (v *value) signed(n int) value {
	cut := func(k int64) int64 { return k << (64 - n) >> (64 - n) }
	r := anything()
	lo, hi := cut(v.smin), cut(v.smax)
	if v.kind != scalar || v.smin>>n != v.smax>>n || (lo < 0) != (hi < 0) {
		lo, hi = -1<<(n-1), 1<<(n-1)-1
	}
	r.smin, r.smax = min(lo, hi), max(lo, hi)
	r.sync()
	return r
}

// swapped is v in other order of bytes, or without its upper bytes: the bits known
// of it.
func swapped(in *bpf.Inst, v value) value {
	shift := 64 - in.Size.Bits()
	k := v.bits
	if in.Op != bpf.ToLE {
		k = known{bits.ReverseBytes64(k.val) >> shift, bits.ReverseBytes64(k.mask) >> shift}
	}
	r := bytes(int(in.Size))
	r.bits = r.bits.meet(known{k.val << shift >> shift, k.mask << shift >> shift})
	r.sync()
	return r
}

// displace adds a number to an address.
func (w *walker) displace(op bpf.Op, p value, n *value) value {
	if n.isConst() {
		if op == bpf.Sub {
			p.off -= int32(n.umin)
		} else {
			p.off += int32(n.umin)
		}
		return p
	}
	x := value{kind: scalar, umin: p.umin, umax: p.umax, smin: p.smin, smax: p.smax, half: p.half, bits: p.bits}
	x.arith(op, bpf.B64, &x, n)
	p.umin, p.umax, p.smin, p.smax, p.half, p.bits = x.umin, x.umax, x.smin, x.smax, x.half, x.bits
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
