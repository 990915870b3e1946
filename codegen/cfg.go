package codegen

// The kernel walks the control flow of a program depth first before it
// verifies it (check_cfg in kernel/bpf/verifier.c), the next instruction before
// the target of a jump. Kernels before 6.12 (5.10 and 6.1 were tried) refuse an edge back to what the walk
// is still inside of ("back-edge from insn 6 to 7") unless a jump makes it. An
// instruction that control falls out of into a loop's test, entered by a jump
// to that test, is such an edge. A jump of distance 0 in between makes it
// legal, and is dropped by the kernel once the program is verified.

// retreats returns, by number, the blocks that fall into a block which the
// kernel's walk is inside of.
func (e *emitter) retreats() []bool {
	m := e.m
	out := make([]bool, m.nblock)
	const (
		unseen = iota
		inside
		done
	)
	state := make([]uint8, m.nblock)
	type visit struct {
		b    *mblock
		next int // how many successors were gone to
	}
	stack := append(make([]visit, 0, 64), visit{b: m.blocks[0]})
	state[m.blocks[0].id] = inside
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.b.succs()) {
			state[top.b.id] = done
			stack = stack[:len(stack)-1]
			continue
		}
		to := top.b.to[top.next]
		if top.b.kind == endIf {
			_, taken, other := e.sides(top.b, m.after(e.index[top.b.id]))
			to = [2]*mblock{other, taken}[top.next]
		}
		top.next++
		switch state[to.id] {
		case unseen:
			state[to.id] = inside
			stack = append(stack, visit{b: to})
		case inside:
			out[top.b.id] = top.b.kind == endJump
		}
	}
	return out
}
