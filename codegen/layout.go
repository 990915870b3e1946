package codegen

import (
	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// Order of blocks.
//
// After clean-up (empty blocks, joined lines, equal endings), blocks are put in
// reverse postorder. The search goes to the successor that runs more rarely
// first, so that a loop's blocks stay together and what leaves it comes behind.
// Then loops are turned: where the last block of a loop jumps back to a header
// that tests, the header is moved behind it, and a copy of it stays for control
// that comes from outside. So the test is at the bottom and the back edge is the
// taken side of a conditional jump, which the kernel's verifier follows last: it
// keeps one pending state for the loop instead of one for each trip.

// layout cleans the control flow up and orders the blocks.
func (m *mfunc) layout() {
	m.cleanUp()
	m.peephole()
	for range maxMerges {
		if !m.mergeEndings() {
			break
		}
		m.cleanUp()
	}
	m.blocks = m.closeGaps(m.rotate(reversePostorder(m.blocks[0], m.nblock)))
}

// cleanUp takes out of the control flow what does nothing.
func (m *mfunc) cleanUp() {
	m.threadJumps()
	m.dropUnreachable()
	m.joinLines()
}

// threadJumps leads jumps to empty blocks on to where these go, and makes
// branches with one target jumps.
func (m *mfunc) threadJumps() {
	final := func(b *mblock) *mblock {
		for steps := 0; b.kind == endJump && len(b.insts) == 0 && b.to[0] != b && steps < m.nblock; steps++ {
			b = b.to[0]
		}
		return b
	}
	for _, b := range m.blocks {
		for i, s := range b.succs() {
			b.to[i] = final(s)
		}
		if b.kind == endIf && b.to[0] == b.to[1] {
			b.kind = endJump
			b.insts = b.insts[:len(b.insts)-1]
		}
	}
	// The entry stays first, but may be empty.
	if e := m.blocks[0]; e.kind == endJump && len(e.insts) == 0 {
		to := final(e)
		if to != e && !jumpedTo(m.blocks, to) {
			for i, b := range m.blocks {
				if b == to {
					m.blocks[0], m.blocks[i] = to, e
				}
			}
		}
	}
}

// jumpedTo reports whether a block other than the first goes to b.
func jumpedTo(blocks []*mblock, b *mblock) bool {
	for _, p := range blocks[1:] {
		for _, s := range p.succs() {
			if s == b {
				return true
			}
		}
	}
	return false
}

func (m *mfunc) dropUnreachable() {
	m.blocks = reversePostorder(m.blocks[0], m.nblock)
}

// joinLines appends a block to its only predecessor if that just jumps there.
func (m *mfunc) joinLines() {
	preds := make([]int, m.nblock)
	for _, b := range m.blocks {
		for _, s := range b.succs() {
			preds[s.id]++
		}
	}
	gone := make([]bool, m.nblock)
	for _, b := range m.blocks {
		if gone[b.id] {
			continue
		}
		for b.kind == endJump && b.to[0] != b && b.to[0] != m.blocks[0] && preds[b.to[0].id] == 1 {
			s := b.to[0]
			b.insts = append(b.insts, s.insts...)
			b.kind, b.to, b.pos = s.kind, s.to, s.pos
			gone[s.id] = true
		}
	}
	kept := m.blocks[:0]
	for _, b := range m.blocks {
		if !gone[b.id] {
			kept = append(kept, b)
		}
	}
	m.blocks = kept
}

// reversePostorder orders the blocks that entry reaches.
func reversePostorder(entry *mblock, n int) []*mblock {
	type visit struct {
		b    *mblock
		next int // how many successors were gone to
	}
	seen := make([]bool, n)
	order, stack := make([]*mblock, n), make([]visit, 0, 64)
	free := n // what is done is put in front of order[free:]
	seen[entry.id] = true
	stack = append(stack, visit{b: entry})
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.b.succs()) {
			free--
			order[free] = top.b
			stack = stack[:len(stack)-1]
			continue
		}
		s := top.b.rarer(top.next)
		top.next++
		if !seen[s.id] {
			seen[s.id] = true
			stack = append(stack, visit{b: s})
		}
	}
	return order[free:]
}

// rarer returns successor i of b in the order of how often they run.
func (b *mblock) rarer(i int) *mblock {
	if b.kind == endIf && b.to[1].weight < b.to[0].weight {
		i = 1 - i
	}
	return b.to[i]
}

// rotate moves headers that test behind the block that jumps back to them.
func (m *mfunc) rotate(order []*mblock) []*mblock {
	var index []int
	number := func() {
		index = append(index, make([]int, m.nblock-len(index))...)
		for i, b := range order {
			index[b.id] = i
		}
	}
	number()
	// Inner loops end before outer ones, so going down the order meets them
	// first.
	for i := 0; i < len(order); i++ {
		last := order[i]
		if last.kind != endJump {
			continue
		}
		header := last.to[0]
		j := index[header.id]
		if j == 0 || j >= i || header.kind != endIf || !turns(order[j:i+1], header, index, j, i) {
			continue
		}
		loop := append([]*mblock(nil), order[j:i+1]...)
		copy(order[j:i], order[j+1:i+1])
		order[i] = header
		if len(header.insts) <= maxCopied {
			if first := m.copyFor(header, loop, order); first != nil {
				order = append(order[:j], append([]*mblock{first}, order[j:]...)...)
				i++
			}
		}
		number()
	}
	return order
}

// maxCopied is how long a header may be to be copied; control from outside
// jumps to a longer one.
const maxCopied = 6

// copyFor makes a copy of a loop's header and leads the blocks outside the loop
// there; nil if there are none.
func (m *mfunc) copyFor(header *mblock, loop, order []*mblock) *mblock {
	inLoop := map[*mblock]bool{}
	for _, b := range loop {
		inLoop[b] = true
	}
	first := &mblock{id: m.nblock, kind: header.kind, pos: header.pos,
		insts: append([]minst(nil), header.insts...), to: header.to}
	for _, b := range order {
		for k, s := range b.succs() {
			if s == header && !inLoop[b] {
				b.to[k] = first
				first.weight = max(first.weight, b.weight)
			}
		}
	}
	if first.weight == 0 && m.blocks[0] == header {
		return nil
	}
	m.nblock++
	return first
}

// turns reports whether the loop order[j..i] may be turned: one side of its
// header goes on in it, the other leaves, and nothing in it runs more rarely
// than the header.
func turns(loop []*mblock, header *mblock, index []int, j, i int) bool {
	inside := 0
	for _, s := range header.succs() {
		if k := index[s.id]; k >= j && k <= i {
			inside++
		}
	}
	if inside != 1 {
		return false
	}
	for _, b := range loop {
		if b.weight < header.weight {
			return false
		}
	}
	return true
}

// closeGaps moves what a block has to jump to behind it, with all that control
// falls into from there, where nothing else falls into that.
func (m *mfunc) closeGaps(order []*mblock) []*mblock {
	index := make([]int, m.nblock)
	for i, b := range order {
		index[b.id] = i
	}
	for i := 0; i+1 < len(order); i++ {
		b := order[i]
		if b.kind == endRet || fallsTo(b, order[i+1]) {
			continue
		}
		to := b.to[0]
		if b.kind == endIf && index[b.to[1].id] > i {
			to = b.to[1]
		}
		j := index[to.id]
		if j <= i+1 || fallsTo(order[j-1], to) || to.weight < b.weight && order[i+1].weight >= b.weight {
			continue
		}
		end := j + 1
		for end < len(order) && fallsTo(order[end-1], order[end]) {
			end++
		}
		run := append([]*mblock(nil), order[j:end]...)
		copy(order[i+1+len(run):end], order[i+1:j])
		copy(order[i+1:], run)
		for k := i + 1; k < end; k++ {
			index[order[k].id] = k
		}
	}
	return order
}

// fallsTo reports whether b needs no jump to go on to next.
func fallsTo(b, next *mblock) bool {
	for _, s := range b.succs() {
		if s == next {
			return true
		}
	}
	return false
}

// canJump reports whether the level has the comparison.
func canJump(op bpf.Op, cpu bpf.CPU) bool {
	in := bpf.Inst{Op: op, Size: bpf.B64}
	return in.CPU() <= cpu
}
