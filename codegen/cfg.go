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
		b     *mblock
		succs []*mblock // in the order of the walk
		next  int
	}
	enter := func(b *mblock) visit {
		state[b.id] = inside
		v := visit{b: b, succs: b.succs}
		if b.kind == endIf {
			_, taken, other := e.sides(b, m.after(e.index[b.id]))
			v.succs = []*mblock{other, taken}
		}
		return v
	}
	stack := []visit{enter(m.blocks[0])}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.succs) {
			state[top.b.id] = done
			stack = stack[:len(stack)-1]
			continue
		}
		to := top.succs[top.next]
		top.next++
		switch state[to.id] {
		case unseen:
			stack = append(stack, enter(to))
		case inside:
			out[top.b.id] = top.b.kind == endJump
		}
	}
	return out
}
