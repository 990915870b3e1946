package codegen

import (
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Words of the stack that are written in parts.
//
// A number of known bounds that is stored at the beginning of one of the stack's
// words of eight bytes is a spilled register to the verifier: of eight bytes on all
// kernels, of fewer from 5.16 on, and a constant other than 0 too. Until 6.12, where
// it was not mended later, it takes each for a pointer where the program is loaded
// without CAP_PERFMON, and refuses whatever writes part of such a word before all of
// it is written at once: "attempt to corrupt spilled pointer on stack". What a helper
// fills counts as written byte by byte.
//
//	k.saddr = a; k.daddr = b         -- two halves of a word
//	k.port = 1 ... k.port = 2        -- the same half, again
//
// Four things keep programs clear of that, the cheapest first.
//
//   - Objects of at most four bytes lie in the upper half of a word, where nothing
//     that is stored is a register.
//   - Objects do not share words where one stores what another writes in part. It
//     costs stack: where they would take much, they share (apartMost), and where the
//     stack overflows (Options.TightStack).
//   - The store to the beginning of a word goes behind those to the rest of it.
//   - What is left is hidden: a number without bounds is bytes, no register. A copy is
//     converted to the byte order that it has, of which those verifiers do not know
//     what comes out; the machine has no instruction for that.
//
// Method: which words are written in part before they are written whole, on some
// way, is liveness turned round: a backward problem over the words of the frame. What
// a function does to the frame of its callers is told from offsets behind its
// parameters, in no order; functions are looked at behind those that call them, which
// say what they will write in part.
//
// Pointers cannot be hidden. An object that holds one shares its bytes with none
// (findEscapes).

// apartMost is how many bytes the objects of a function may take that do not share
// words: a quarter of the stack, so that spills, and functions that are called, have
// the rest.
const apartMost = 128

// frameWord is a word of eight bytes behind a parameter that is an address in the
// frame of a caller.
type frameWord struct {
	param int
	word  int32
}

// calleeWords is what functions do with their callers' frames.
type calleeWords struct {
	written map[*ir.Func]map[frameWord]bool // in part, by the function or what it calls
	later   map[*ir.Func]map[frameWord]bool // in part, by a caller, behind a call
}

// loadsStrictly reports whether f may be loaded without CAP_PERFMON.
func loadsStrictly(f *ir.Func) bool {
	k := f.Prog()
	return k == nil || !k.Type.NeedsPerfmon()
}

// callersFirst returns the indices of the module's functions, each behind those that
// call it.
func callersFirst(m *ir.Module) []int {
	index := make(map[*ir.Func]int, len(m.Funcs))
	for i, f := range m.Funcs {
		index[f] = i
	}
	seen := make([]bool, len(m.Funcs))
	var order []int
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, b := range m.Funcs[i].Blocks {
			for _, v := range b.Values {
				if f, ok := v.Aux.(*ir.Func); ok {
					if k, ok := index[f]; ok {
						visit(k)
					}
				}
			}
		}
		order = append(order, i)
	}
	for i := len(m.Funcs) - 1; i >= 0; i-- {
		visit(i)
	}
	slices.Reverse(order)
	return order
}

// findCalleeWords looks through all functions that are called with addresses.
func findCalleeWords(m *ir.Module) calleeWords {
	c := calleeWords{map[*ir.Func]map[frameWord]bool{}, map[*ir.Func]map[frameWord]bool{}}
	order := callersFirst(m)
	slices.Reverse(order)
	for _, i := range order {
		f := m.Funcs[i]
		if f.Kind != nil || !loadsStrictly(f) {
			continue
		}
		words := map[frameWord]bool{}
		c.written[f], c.later[f] = words, map[frameWord]bool{}
		for _, b := range f.Blocks {
			for _, v := range b.Values {
				switch {
				case v.Op.IsAccess() && v.Op.Info().Writes && v.Mem().Region == ir.RegionStack && v.Mem().Size < 8:
					noteParts(words, v.Args[0], v.Mem().Off, int32(v.Mem().Size))
				case v.Op == ir.OpCall:
					h := v.Aux.(*kernel.Helper)
					for i, a := range v.Args {
						x, ok := h.Access(i)
						if cb := callbackOf(v); ok && cb != nil && h.Args[i] == kernel.ArgFrame {
							c.pass(words, a, cb, cb.Callback.Frame)
						} else if ok && x.Writes && a.Type == ir.Ptr {
							noteParts(words, a, 0, int32(filledSize(v, h, i)))
						}
					}
				case v.Op == ir.OpCallFunc:
					for i, a := range v.Args {
						c.pass(words, a, v.Aux.(*ir.Func), i)
					}
				}
			}
		}
	}
	return c
}

// callbackOf returns the function that the helper called by v calls back, nil if it is
// none that has a frame.
func callbackOf(v *ir.Value) *ir.Func {
	for _, a := range v.Args {
		for a.Op == ir.OpCopy {
			a = a.Args[0]
		}
		if f, ok := a.Aux.(*ir.Func); ok && a.Op == ir.OpFuncRef && f.Callback != nil {
			return f
		}
	}
	return nil
}

// pass notes what the callee does to what a caller's parameter points to.
func (c calleeWords) pass(words map[frameWord]bool, a *ir.Value, callee *ir.Func, i int) {
	if param, off, ok := paramPlace(a); ok && a.Type == ir.Ptr {
		for w := range c.written[callee] {
			if w.param == i {
				words[frameWord{param, w.word + off>>3}] = true
			}
		}
	}
}

// noteParts notes a write of size bytes if it goes through a parameter.
func noteParts(words map[frameWord]bool, p *ir.Value, off, size int32) {
	param, at, ok := paramPlace(p)
	if !ok {
		return
	}
	for w := (at + off) >> 3; w <= (at+off+size-1)>>3; w++ {
		words[frameWord{param, w}] = true
	}
}

// filledSize is how many bytes h writes through argument i, one at least.
func filledSize(v *ir.Value, h *kernel.Helper, i int) int {
	size := h.Size(i)
	if h.Args[i].Info().Size == kernel.NextArg && i+1 < len(v.Args) {
		if c, ok := v.Args[i+1].IsConst(); ok {
			size = int(c)
		}
	}
	return max(size, 1)
}

// paramPlace takes apart the address of a fixed place behind a parameter.
func paramPlace(p *ir.Value) (param int, off int32, ok bool) {
	for {
		switch p.Op {
		case ir.OpArg:
			return int(p.AuxInt), off, true
		case ir.OpCopy, ir.OpNonNull:
		case ir.OpPtrAdd:
			c, ok := p.Args[1].IsConst()
			if !ok {
				return 0, 0, false
			}
			off += int32(c)
		default:
			return 0, 0, false
		}
		p = p.Args[0]
	}
}

// parts is how an object is written.
type parts struct {
	kept   bool // a number may be stored at the beginning of a word
	narrow bool // less than a word is written
}

// shares reports whether objects that are written so may have bytes of the same word.
func (p parts) shares(q parts) bool { return !(p.kept && q.narrow || q.kept && p.narrow) }

// findParts returns how each object is written.
func (m *mfunc) findParts() []parts {
	all := make([]parts, len(m.objs))
	for _, b := range m.blocks {
		for i := range b.insts {
			in := &b.insts[i]
			switch {
			case in.call != nil:
				for _, u := range in.call.mem {
					p := &all[u.obj]
					p.narrow = p.narrow || u.write
					p.kept = p.kept || u.write && u.callee != nil
				}
			case in.obj != 0 && (in.op == bpf.Store || in.op.IsAtomic()):
				p, o := &all[in.obj], &m.objs[in.obj]
				p.narrow = p.narrow || in.size < bpf.B64
				p.kept = p.kept || in.keeps() && !o.small()
			}
		}
	}
	return all
}

// keeps reports whether the instruction stores what the verifier may take for a
// register that is spilled, if it is at the beginning of a word.
func (in *minst) keeps() bool { return in.op == bpf.Store && (!in.k || in.imm != 0) }

// words are the words of the frame from first down to last that an access has part of,
// numbered from the frame pointer down.
func (m *mfunc) words(u use) (first, last int32) {
	hi := -(int32(m.objs[u.obj].off) + u.off)
	return (hi - 1) / 8, (hi - u.size) / 8
}

// aligned reports whether the instruction stores to the beginning of a word.
func (m *mfunc) aligned(in *minst) bool { return (int32(m.objs[in.obj].off)+in.off)%8 == 0 }

// storeWord is the word that a store to an object has part of.
func (m *mfunc) storeWord(in *minst) int32 {
	w, _ := m.words(use{obj: in.obj, off: in.off, size: int32(in.size)})
	return w
}

// sinkStores moves stores to the beginning of a word behind stores of the same block
// to the rest of it, where nothing is in between that says no. The slots have their
// places.
func (m *mfunc) sinkStores() {
	for _, b := range m.blocks {
		for j := len(b.insts) - 1; j >= 0; j-- {
			in := b.insts[j]
			if in.obj == 0 || !in.keeps() || !m.aligned(&in) || in.size == bpf.B64 {
				continue
			}
			if to := m.sinkTo(b.insts[j:]); to > 0 {
				copy(b.insts[j:], b.insts[j+1:j+to+1])
				b.insts[j+to] = in
			}
		}
	}
}

// sinkTo returns how far the store insts[0] is to move down.
func (m *mfunc) sinkTo(insts []minst) (to int) {
	st := &insts[0]
	w := m.storeWord(st)
	const far = 32
	var regs [2][maxOperands]reg
	for k := 1; k < len(insts) && k <= far; k++ {
		in := &insts[k]
		if in.call != nil || in.op.IsCond() || in.op == bpf.OpExit || in.op == bpf.LdAbs || in.op == bpf.LdInd ||
			in.op.IsAtomic() || in.region == ir.RegionStack && in.obj == 0 {
			break
		}
		if !st.k {
			if _, defs, _ := in.operands(regs[0][:0], regs[1][:0]); slices.Contains(defs, st.src) {
				break
			}
		}
		if in.obj == 0 || in.op == opLea || m.storeWord(in) != w {
			continue
		}
		if in.op != bpf.Store || in.size == bpf.B64 || m.aligned(in) || in.obj == st.obj && in.off < st.off+int32(st.size) {
			break
		}
		to = k
	}
	return to
}

// hideParts hides the numbers stored into words that are written in part later.
// The slots have their places.
func (m *mfunc) hideParts(bottom int, callees calleeWords) {
	p := &partFinder{m: m, callees: callees, out: newBitsets(len(m.blocks), bottom/8+1)}
	p.solve()
	for i, b := range m.blocks {
		later := p.out.at(i)
		var hidden []int
		for j := len(b.insts) - 1; j >= 0; j-- {
			in := &b.insts[j]
			if p.spills(in, later) {
				hidden = append(hidden, j)
			}
			p.tell(in, later)
			p.step(in, later)
		}
		if len(hidden) > 0 {
			b.insts = m.hide(b.insts, hidden)
		}
	}
}

// hide puts copies in the place of what the stores at the places at, the last one
// first, store.
func (m *mfunc) hide(insts []minst, at []int) []minst {
	same := m.sameOrder()
	out := make([]minst, 0, len(insts)+2*len(at))
	for j := range insts {
		in := insts[j]
		if n := len(at); n > 0 && at[n-1] == j {
			at = at[:n-1]
			r := m.newReg()
			out = append(out, minst{op: bpf.Mov, size: bpf.B64, k: in.k, imm: in.imm, dst: r, src: in.src, pos: in.pos},
				minst{op: same, size: bpf.B64, dst: r, pos: in.pos})
			in.k, in.imm, in.src = false, 0, r
		}
		out = append(out, in)
	}
	return out
}

// sameOrder is the conversion to the byte order that a number has.
func (m *mfunc) sameOrder() bpf.Op {
	if m.fn.Module.BigEndian {
		return bpf.ToBE
	}
	return bpf.ToLE
}

// partFinder is the work of finding the stores.
type partFinder struct {
	m       *mfunc
	callees calleeWords
	out     bitsets // of each block: words that are written in part behind it before they are written whole
}

func (p *partFinder) solve() {
	m := p.m
	index := make([]int, m.nblock)
	for i, b := range m.blocks {
		index[b.id] = i
	}
	later := make(bitset, p.out.words)
	for changed := true; changed; {
		changed = false
		for i := len(m.blocks) - 1; i >= 0; i-- {
			for _, s := range m.blocks[i].succs() {
				later.copyFrom(p.out.at(index[s.id]))
				for j := len(s.insts) - 1; j >= 0; j-- {
					p.step(&s.insts[j], later)
				}
				if p.out.at(i).or(later) {
					changed = true
				}
			}
		}
	}
}

// step goes backwards over an instruction.
func (p *partFinder) step(in *minst, later bitset) {
	switch {
	case in.call != nil:
		for _, u := range in.call.mem {
			p.call(u, later)
		}
	case in.obj == 0 || in.op != bpf.Store && !in.op.IsAtomic():
	case in.size < bpf.B64:
		later.add(p.m.storeWord(in))
	default:
		later.remove(p.m.storeWord(in))
	}
}

// call is step for an argument of a call.
func (p *partFinder) call(u use, later bitset) {
	first, last := p.m.words(u)
	switch {
	case u.callee != nil:
		for w := range p.callees.written[u.callee] {
			if w.param == u.param && first-w.word >= last {
				later.add(first - w.word)
			}
		}
	case u.write && u.size > 0:
		for w := last; w <= first; w++ {
			later.add(w)
		}
	}
}

// tell notes for the functions that are called which words are written in part later.
func (p *partFinder) tell(in *minst, later bitset) {
	if in.call == nil {
		return
	}
	for _, u := range in.call.mem {
		words := p.callees.later[u.callee]
		if words == nil {
			continue
		}
		first, last := p.m.words(u)
		for w := last; w <= first; w++ {
			if later.has(w) {
				words[frameWord{u.param, first - w}] = true
			}
		}
	}
}

// spills reports whether the instruction stores a number that is to be hidden.
func (p *partFinder) spills(in *minst, later bitset) bool {
	if !in.keeps() || !in.k && !in.number {
		return false
	}
	if in.obj != 0 {
		return p.m.aligned(in) && later.has(p.m.storeWord(in))
	}
	if in.param == 0 || in.off%8 != 0 {
		return false
	}
	w := frameWord{int(in.param) - 1, in.off >> 3}
	return p.callees.written[p.m.fn][w] || p.callees.later[p.m.fn][w]
}
