package codegen

import (
	"slices"

	"github.com/luabpfc/luabpfc/codegen/bpf"
	"github.com/luabpfc/luabpfc/codegen/regalloc"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Merging of endings ("cross jumping").
//
// Two blocks that go to the same places, or return, and end in the same
// instructions share these: one of them jumps there. When endings have become
// one, the blocks that lead to them may be next, so it is done until nothing
// more is found.
//
// The kernel's verifier wants each access to memory to be through one kind of
// pointer, whatever way control came, so accesses must be to the same region;
// and a call of a map helper with two maps is not inlined any more, so the map
// must be named in what is shared. Arithmetic on pointers is left apart: without
// privileges it may not serve two kinds of pointer either.
//
// Limits: blocks are compared with one other that has the same last
// instructions, not with all. In loops a jump more counts, and only long endings
// are merged.

const (
	maxMerges  = 8 // rounds
	loopEnding = 4 // instructions that an ending in a loop has at least
)

// ending is what blocks must have in common to be compared.
type ending struct {
	kind         blockKind
	yes, no      *mblock
	last, before instKey
}

// instKey is what instructions have in common that may be the same.
type instKey struct {
	op       bpf.Op
	size     bpf.Size
	k        bool
	dst, src reg
	off      int32
	imm      int64
	sym      string
	obj      int32
	core     *ir.Core
}

func (in *minst) key() instKey {
	return instKey{in.op, in.size, in.k, in.dst, in.src, in.off, in.imm, in.sym, in.obj, in.core}
}

// mergeEndings makes equal endings one and reports whether there were any.
func (m *mfunc) mergeEndings() bool {
	merged := false
	known := make(map[uint64]*mblock, len(m.blocks)) // by a number of what they end in
	for i := 0; i < len(m.blocks); i++ {
		b := m.blocks[i]
		least := b.leastEnding()
		if len(b.insts) < least {
			continue
		}
		k := b.ending()
		at := k.number()
		rep := known[at]
		for rep != nil && rep.ending() != k {
			at++
			rep = known[at]
		}
		if rep == nil {
			known[at] = b
			continue
		}
		if max(b.weight, rep.weight) > 1 {
			least = max(least, loopEnding)
		}
		if tail := m.mergePair(rep, b, least); tail != nil {
			known[at], merged = tail, true
		}
	}
	return merged
}

// leastEnding is how many instructions an ending of b has at least: it is as long
// as what takes its place.
func (b *mblock) leastEnding() int {
	if b.kind == endJump {
		return 1
	}
	return 2
}

// ending returns b's, which is of leastEnding instructions.
func (b *mblock) ending() ending {
	n := len(b.insts)
	k := ending{kind: b.kind, last: b.insts[n-1].key()}
	if b.leastEnding() == 2 {
		k.before = b.insts[n-2].key()
	}
	switch b.kind {
	case endJump:
		k.yes = b.to[0]
	case endIf:
		k.yes, k.no = b.to[0], b.to[1]
	}
	return k
}

// number is the same for endings that are.
func (k *ending) number() uint64 {
	n := uint64(k.kind)
	for _, b := range [2]*mblock{k.yes, k.no} {
		n *= mixer
		if b != nil {
			n += uint64(b.id) + 1
		}
	}
	for _, in := range [2]*instKey{&k.last, &k.before} {
		n = (n*mixer+uint64(in.op))*mixer + uint64(in.imm)
		n = (n*mixer+uint64(in.dst)<<32+uint64(in.src))*mixer + uint64(in.off)
	}
	return n ^ n>>32
}

// mixer spreads what it multiplies: 2 to the 64th divided by the golden ratio.
const mixer = 0x9e3779b97f4a7c15

// mergePair gives two blocks a common ending and returns it; nil if they have
// not so much in common.
func (m *mfunc) mergePair(a, b *mblock, least int) *mblock {
	n := commonEnding(a, b)
	if n < least {
		return nil
	}
	tail := a
	if n < len(a.insts) {
		tail = b
	}
	if n < len(tail.insts) || tail == m.blocks[0] {
		tail = m.newBlock(a.kind, a.pos, max(a.weight, b.weight))
		tail.to = a.to
		tail.insts = append(tail.insts, a.insts[len(a.insts)-n:]...)
	}
	for _, x := range [2]*mblock{a, b} {
		if x != tail {
			x.insts = x.insts[:len(x.insts)-n]
			x.kind, x.to[0] = endJump, tail
		}
	}
	return tail
}

// commonEnding returns how many instructions at the end of both blocks may be
// shared.
func commonEnding(a, b *mblock) int {
	n := 0
	for n < len(a.insts) && n < len(b.insts) {
		x, y := &a.insts[len(a.insts)-1-n], &b.insts[len(b.insts)-1-n]
		if !mergeable(x, a.kind) || !sameInst(x, y) {
			break
		}
		n++
	}
	// A map helper's map must come before it.
	named := false
	for i := len(a.insts) - n; i < len(a.insts); i++ {
		in := &a.insts[i]
		if in.op.IsLdImm64() && in.sym != "" {
			named = true
		}
		if in.op == bpf.Call && !named && takesMap(int(in.imm)) {
			n = len(a.insts) - 1 - i
		}
	}
	return n
}

func takesMap(helper int) bool {
	h := kernel.HelperByID(helper)
	if h == nil {
		return true
	}
	for _, k := range h.Args {
		if k == kernel.ArgMap {
			return true
		}
	}
	return false
}

// mergeable reports whether an instruction may serve two ways.
func mergeable(in *minst, end blockKind) bool {
	switch {
	case in.op == bpf.Sub && in.size == bpf.B64:
		return false
	case in.op == bpf.Add && in.size == bpf.B64:
		return end == endRet && in.dst == 0 // a result is a number
	case in.op == bpf.Load, in.op == bpf.LoadSX, in.op == bpf.Store, in.op.IsAtomic():
		return in.obj != 0 || in.region != ir.RegionNone && in.region != ir.RegionKernel
	case in.op.IsCond():
		return true
	}
	return in.op == opLea || in.op == bpf.OpExit || in.op.IsALU() || in.op.IsLdImm64() || in.op.IsCall()
}

// sameInst compares all but places in the source.
func sameInst(a, b *minst) bool {
	if a.op != b.op || a.size != b.size || a.k != b.k || a.off != b.off || a.imm != b.imm || a.sym != b.sym ||
		a.core != b.core || a.obj != b.obj || a.region != b.region {
		return false
	}
	var ua, da, ub, db []regalloc.Reg
	ua, da, _ = a.operands(nil, nil)
	ub, db, _ = b.operands(nil, nil)
	return slices.Equal(ua, ub) && slices.Equal(da, db)
}
