package regalloc

// code is the function being allocated. Rounds rewrite it.
type code struct {
	blocks [][]Inst
	succs  [][]int
	preds  [][]int32
	weight []float64
	nreg   Reg // one more than the highest register

	// Of each register: how often it has been split, and whether its range
	// matters.
	level  []uint8
	ranged []bool
}

// newCode makes the caller's function code. The instructions are the same ones.
func newCode(f *Func) *code {
	c := &code{
		blocks: make([][]Inst, len(f.Blocks)),
		succs:  make([][]int, len(f.Blocks)),
		preds:  make([][]int32, len(f.Blocks)),
		weight: make([]float64, len(f.Blocks)),
		nreg:   f.maxReg(),
	}
	for b := range f.Blocks {
		fb := &f.Blocks[b]
		c.blocks[b], c.succs[b] = fb.Insts, fb.Succs
		c.weight[b] = float64(max(fb.Weight, 1))
		for _, s := range fb.Succs {
			c.preds[s] = append(c.preds[s], int32(b))
		}
		for i := range fb.Insts {
			fb.Insts[i].Block, fb.Insts[i].Index = int32(b), int32(i)
		}
	}
	c.level, c.ranged = make([]uint8, c.nreg), make([]bool, c.nreg)
	for r := range f.Ranged {
		if r < c.nreg {
			c.ranged[r] = true
		}
	}
	return c
}

// newReg returns a new virtual register.
func (c *code) newReg(level uint8, ranged bool) Reg {
	c.level, c.ranged = append(c.level, level), append(c.ranged, ranged)
	c.nreg++
	return c.nreg - 1
}

// liveness finds the virtual registers live into and out of each block. From each use
// that no definition of its block precedes, it walks up the predecessors to the
// definitions; so its cost is the size of its answer.
func liveness(c *code) (liveIn, liveOut [][]Reg) {
	n := len(c.blocks)
	liveIn, liveOut = make([][]Reg, n), make([][]Reg, n)
	// lastDef[r] and lastUse[r] hold one more than the last block seen.
	defBlocks := make([][]int32, c.nreg)
	exposed := make([][]int32, c.nreg)
	lastDef := make([]int32, c.nreg)
	lastUse := make([]int32, c.nreg)
	for b := range c.blocks {
		for i := range c.blocks[b] {
			in := &c.blocks[b][i]
			if in.Kind == Elided {
				continue
			}
			for _, r := range in.Uses {
				if r.Virtual() && lastDef[r] != int32(b+1) && lastUse[r] != int32(b+1) {
					lastUse[r] = int32(b + 1)
					exposed[r] = append(exposed[r], int32(b))
				}
			}
			for _, r := range in.Defs {
				if r.Virtual() && lastDef[r] != int32(b+1) {
					lastDef[r] = int32(b + 1)
					defBlocks[r] = append(defBlocks[r], int32(b))
				}
			}
		}
	}
	in, out, def := make([]Reg, n), make([]Reg, n), make([]Reg, n)
	var stack []int32
	for r := FirstVirtual; r < c.nreg; r++ {
		for _, b := range defBlocks[r] {
			def[b] = r
		}
		for _, b := range exposed[r] {
			if in[b] != r {
				in[b] = r
				liveIn[b] = append(liveIn[b], r)
				stack = append(stack, b)
			}
		}
		for len(stack) > 0 {
			b := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, p := range c.preds[b] {
				if out[p] == r {
					continue
				}
				out[p] = r
				liveOut[p] = append(liveOut[p], r)
				if def[p] != r && in[p] != r {
					in[p] = r
					liveIn[p] = append(liveIn[p], r)
					stack = append(stack, p)
				}
			}
		}
	}
	return liveIn, liveOut
}

// sparse is a set of registers with constant-time operations and iteration in
// the order of insertion (but for removals).
type sparse struct {
	dense []Reg
	index []int32
}

func newSparse(n Reg) *sparse { return &sparse{index: make([]int32, n)} }

func (s *sparse) has(r Reg) bool {
	i := s.index[r]
	return int(i) < len(s.dense) && s.dense[i] == r
}

func (s *sparse) add(r Reg) {
	if !s.has(r) {
		s.index[r] = int32(len(s.dense))
		s.dense = append(s.dense, r)
	}
}

func (s *sparse) remove(r Reg) {
	if !s.has(r) {
		return
	}
	i := s.index[r]
	last := s.dense[len(s.dense)-1]
	s.dense[i], s.index[last] = last, i
	s.dense = s.dense[:len(s.dense)-1]
}

func (s *sparse) clear() { s.dense = s.dense[:0] }
