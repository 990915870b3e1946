package lower

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Quantities of the running kernel's types.

// coreOf returns a quantity of the field that r is.
func (lw *lowerer) coreOf(r Ref, kind ir.CoreKind) *ir.Value {
	v := r.view
	return lw.coreField(kind, v.root, v.steps, v.words)
}

// coreField returns a quantity of the field that steps lead to from root.
func (lw *lowerer) coreField(kind ir.CoreKind, root ctype.Type, steps []int, words string) *ir.Value {
	at, bits, t := fieldAt(root, steps)
	size := ctype.Size(t)
	var local int64
	switch kind {
	case ir.CoreByteOffset:
		local = int64(at / 8)
		if bits > 0 {
			local, _, _ = coreUnit(at, bits, size)
		}
	case ir.CoreByteSize:
		local = int64(size)
		if bits > 0 {
			_, local, _ = coreUnit(at, bits, size)
		}
	case ir.CoreExists:
		local = 1
	case ir.CoreSigned:
		local = boolInt(ctype.Signed(t))
	case ir.CoreLShift, ir.CoreRShift:
		local = lw.coreShift(kind, at, bits, size)
	}
	return lw.core(&ir.Core{Kind: kind, Root: ctype.Name(root), Path: words, Field: int32(size), Type: root, Index: append([]int{0}, steps...)}, local)
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// core returns a quantity. Equal ones are one, so that passes see it.
func (lw *lowerer) core(c *ir.Core, local int64) *ir.Value {
	key := fmt.Sprintf("%d %p %v", c.Kind, c.Type, c.Index)
	if lw.cores == nil {
		lw.cores = map[string]*ir.Core{}
	}
	if known := lw.cores[key]; known != nil {
		c = known
	} else {
		if t, ok := c.Type.(ctype.Type); ok {
			c.Known = lw.stage.Types().FromKernel(t)
		}
		lw.cores[key] = c
	}
	return lw.b.Core(c, local)
}

// fieldAt returns where a field is, in bits, how wide it is if it is a bit-field,
// and its type.
func fieldAt(root ctype.Type, steps []int) (at, bits int, t ctype.Type) {
	t = root
	for _, n := range steps {
		bits = 0
		if list, ok := membersOf(t); ok {
			at += int(list[n].Offset)
			bits, t = int(list[n].BitfieldSize), list[n].Type
		} else if a, ok := underlying(t).(*btf.Array); ok {
			at += n * 8 * ctype.Size(a.Type)
			t = a.Type
		}
	}
	return at, bits, t
}

// coreUnit is the integer in memory that the loaders read a bit-field from: of
// its type's size, or as much wider as it takes, aligned to itself.
func coreUnit(at, bits, size int) (off, bytes int64, ok bool) {
	for n := max(size, 1); n <= 8; n *= 2 {
		start := at / (8 * n) * n
		if at+bits <= 8*(start+n) {
			return int64(start), int64(n), true
		}
	}
	return int64(at / 8), 8, false
}

// coreShift is how far the unit of a field is shifted left, to have its highest bit
// on top, and then right.
func (lw *lowerer) coreShift(kind ir.CoreKind, at, bits, size int) int64 {
	if bits == 0 {
		bits = 8 * size
	}
	off, bytes, _ := coreUnit(at, bits, size)
	switch {
	case kind == ir.CoreRShift:
		return int64(64 - bits)
	case lw.mod.BigEndian:
		return (8-bytes)*8 + int64(at) - off*8
	}
	return 64 - (int64(at+bits) - off*8)
}

// loadCoreField reads a bit-field, which is there: as many bytes as the running
// kernel's integer has, shifted by its numbers.
func (lw *lowerer) loadCoreField(n syntax.Node, t scalarType, r Ref) Value {
	u64, _ := ctype.Scalar("uint64_t")
	buf, ok := lw.newObject(n, u64, "bit-field")
	if !ok {
		return Bad{}
	}
	size := lw.coreOf(r, ir.CoreByteSize)
	if lw.helper(n, max(r.view.by, byKernel).helper(false), ir.I64, lw.addrOf(buf), size, lw.viewNumber(r)) == nil {
		return Bad{}
	}
	p, off := lw.address(buf)
	x := lw.b.Load(ir.I64, p, ir.Mem{Region: buf.Region, Off: int32(off), Size: 8})
	if lw.mod.BigEndian { // the bytes are the highest ones
		x = lw.b.Op(ir.OpLShr, x, lw.b.Op(ir.OpSub, lw.b.Const(64), lw.b.Op(ir.OpMul, size, lw.b.Const(8))))
	}
	x = lw.b.Op(ir.OpShl, x, lw.coreOf(r, ir.CoreLShift))
	op := ir.OpLShr
	if t.signed && !t.bool {
		op = ir.OpAShr
	}
	return lw.widened(t, r.Bits, lw.b.Op(op, x, lw.coreOf(r, ir.CoreRShift)))
}
