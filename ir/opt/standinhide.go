package opt

import (
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// Numbers stored where there is a stand-in.
//
// A number that is stored at the beginning of a word of eight bytes of the stack, but
// not in all of it, is a spilled register to verifiers until 6.8, which refuse to have
// part of the word written again (codegen/partial.go). That goes for a mispredicted
// store to a stand-in:
//
//	if v then v.c = a end ... if v then v.c = b end
//
// So what is stored first is hidden. The address is that of a map value as far as the
// code generator knows, which sees to the objects of the stack; what else may be
// written on some way behind the store is looked for here.

// hideMost is how many stores are looked at one by one; where there are more, each is
// hidden whose word is written more than once.
const hideMost = 64

// partWrite is a write to part of a word of the stand-ins.
type partWrite struct {
	v     *ir.Value
	word  int64 // -1: any
	keeps bool  // a store of a number at the beginning
}

// hideParts hides what is stored into words that are written in part again.
func (x *standInMaker) hideParts() {
	var all []partWrite
	for _, f := range x.m.Funcs {
		if x.renamed[f] != nil {
			all = x.partWrites(f, all)
		}
	}
	kept := 0
	for _, s := range all {
		if s.keeps {
			kept++
		}
	}
	for _, s := range all {
		if !s.keeps {
			continue
		}
		follows := func(t *ir.Value) bool { return s.v != t }
		if kept <= hideMost {
			follows = behind(s.v)
		}
		if slices.ContainsFunc(all, func(t partWrite) bool {
			return (s.word == t.word || s.word < 0 || t.word < 0) && follows(t.v)
		}) {
			hidden := s.v.Block.InsertValue(indexOf(s.v.Block, s.v), ir.OpHide, ir.I64, s.v.Pos, s.v.Args[1])
			s.v.SetArg(1, hidden)
		}
	}
}

// behind returns what tells whether a value may come behind s.
func behind(s *ir.Value) func(t *ir.Value) bool {
	f := s.Block.Func
	var next []*ir.Block
	for _, e := range s.Block.Succs {
		next = append(next, e.B)
	}
	_, seen := reachableFrom(f, next...)
	return func(t *ir.Value) bool {
		return t.Block.Func != f || f.Callback != nil || seen[t.Block.ID] ||
			s.Block == t.Block && indexOf(s.Block, s) < indexOf(t.Block, t)
	}
}

// partWrites appends those of f.
func (x *standInMaker) partWrites(f *ir.Func, all []partWrite) []partWrite {
	in := x.standIns(f)
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == ir.OpCall {
				h := v.Aux.(*kernel.Helper)
				for i, p := range v.Args {
					if a, ok := h.Access(i); ok && a.Writes {
						if base, _ := place(p); in[base] != nowhere {
							all = append(all, partWrite{v: v, word: -1})
						}
					}
				}
				continue
			}
			if !mayWrite(v) || v.Mem().Region != ir.RegionMap || v.Mem().Size == 8 {
				continue
			}
			base, off := place(v.Args[0])
			off += int64(v.Mem().Off)
			w := partWrite{v: v, word: off >> 3}
			if in[base] == anywhere {
				w.word, off = -1, 0
			}
			if v.Op == ir.OpStore || v.Op == ir.OpVolatileStore {
				c, known := v.Args[1].IsConst()
				w.keeps = off&7 == 0 && !(known && ir.Zext(uint64(c), int(v.Mem().Size)*8) == 0)
			}
			if in[base] != nowhere {
				all = append(all, w)
			}
		}
	}
	return all
}

// mayWrite reports whether v is an access that changes what is there.
func mayWrite(v *ir.Value) bool {
	return v.Op.IsAccess() && v.Op.Info().Writes && v.Op != ir.OpVolatileLoad
}

// where says which part of a stand-in of more than half a word an address may be.
type where uint8

const (
	nowhere where = iota
	beginning
	anywhere
)

// standIns returns which addresses of f may be stand-ins.
func (x *standInMaker) standIns(f *ir.Func) map[*ir.Value]where {
	in := map[*ir.Value]where{}
	var phis []*ir.Value
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			switch {
			case v.Op == ir.OpSlotAddr && v.Aux == x.slots[f], v.Op == ir.OpLoad && x.entered[v]:
				in[v] = beginning
			case v.Op == ir.OpPhi && v.Type == ir.Ptr:
				phis = append(phis, v)
			}
		}
	}
	for again := true; again; {
		again = false
		for _, v := range phis {
			at := in[v]
			for _, a := range v.Args {
				base, off := place(a)
				if base.Op == ir.OpSlotAddr && off > 0 && off == x.half[f] || in[base] == nowhere {
					continue
				}
				at = max(at, in[base])
				if off != 0 {
					at = anywhere
				}
			}
			again = again || at != in[v]
			in[v] = at
		}
	}
	return in
}
