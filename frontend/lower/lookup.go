package lower

import (
	"fmt"
	"math"
	mathbits "math/bits"
	"slices"

	"github.com/cilium/ebpf/btf"
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
)

// Tables of constants that are indexed at run time.
//
// A captured table whose keys are 1 to n and whose values are integers is an
// array of the smallest integers that hold all of them. Up to eight bytes of
// them are one number, from which an element is shifted out; more lie in .rodata,
// once for all tables of equal contents. An index outside gives nil.

// lookupTable is such a table.
type lookupTable struct {
	n        int
	elem     ctype.Type
	size     int
	signed   bool
	unsigned bool       // elements are uint64_t
	packed   uint64     // all elements, the first lowest, if they fit
	array    *ir.Global // else where they are; nil until used
	data     []byte
}

// smallTable is up to how many entries a table makes a loop over it be unrolled,
// so that its elements are constants.
const smallTable = 64

// lookupOf returns t as a table of integers; nil if it is none.
func (lw *lowerer) lookupOf(t *lua.LTable) *lookupTable {
	if have, ok := lw.lookups[t]; ok {
		return have
	}
	lw.lookups[t] = nil
	if meta, ok := t.Metatable.(*lua.LTable); ok && meta.RawGetString("__index") != lua.LNil {
		return nil
	}
	n := t.Len()
	count := 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		count++
	}
	if n == 0 || count != n {
		return nil
	}
	nums := make([]uint64, n)
	out := &lookupTable{n: n}
	lo, hi, high := int64(0), int64(0), uint64(0)
	for i := range nums {
		x, unsigned, ok := tableInteger(t.RawGetInt(i + 1))
		if !ok {
			return nil
		}
		nums[i] = x
		out.unsigned = out.unsigned || unsigned
		lo, hi, high = min(lo, int64(x)), max(hi, int64(x)), max(high, x)
	}
	out.fit(lo, hi, high)
	out.data = make([]byte, 0, n*out.size)
	for i, x := range nums {
		out.data = append(out.data, ctype.Encode(out.elem, x, lw.mod.BigEndian)...)
		if n*out.size <= 8 {
			out.packed |= x & (math.MaxUint64 >> (64 - 8*out.size)) << (8 * out.size * i)
		}
	}
	lw.lookups[t] = out
	return out
}

// tableInteger returns an integer of the script.
func tableInteger(v lua.LValue) (x uint64, unsigned, ok bool) {
	switch v := v.(type) {
	case lua.LNumber:
		f := float64(v)
		return uint64(int64(f)), false, f == math.Trunc(f) && math.Abs(f) <= 1<<53
	case *lua.LUserData:
		c, ok := script.ToCData(v)
		if ok && ctype.IsScalar(c.Type) && !ctype.IsPointer(c.Type) {
			return c.Bits, isUint64(c.Type), true
		}
	}
	return 0, false, false
}

// fit chooses the elements' type for values from lo to hi, or up to high if they
// are unsigned.
func (t *lookupTable) fit(lo, hi int64, high uint64) {
	var width int
	switch {
	case t.unsigned || lo == 0:
		width = mathbits.Len64(high)
	default:
		t.signed = true
		width = 1 + max(mathbits.Len64(uint64(hi)), mathbits.Len64(uint64(^lo)))
	}
	t.size = 1
	for t.size*8 < width {
		t.size *= 2
	}
	name := fmt.Sprintf("uint%d_t", t.size*8)
	if t.signed {
		name = name[1:]
	}
	t.elem, _ = ctype.Scalar(name)
}

// lookup evaluates t[key] for a key that is known only at run time; ok is false
// if t is no such table.
func (lw *lowerer) lookupConst(e *syntax.Index, t *lua.LTable, key Value) (Value, bool) {
	table := lw.lookupOf(t)
	if table == nil {
		return nil, false
	}
	k, ok := lw.intOf(e.Key, key, "an index")
	if !ok {
		return Bad{}, true
	}
	lw.at(e)
	i := lw.b.Op(ir.OpSub, k.V, lw.b.Const(1))
	if len(table.data) > 8 {
		return lw.lookupArray(e, table, i), true
	}
	present := lw.b.Op(ir.OpULt, i, lw.b.Const(int64(table.n)))
	v := lw.b.Const(int64(table.packed))
	if table.n > 1 {
		// An index outside shifts by anything; what comes out is not used.
		v = lw.b.Op(ir.OpLShr, v, lw.b.Op(ir.OpMul, i, lw.b.Const(int64(8*table.size))))
	}
	x := Int{V: v, Unsigned: table.unsigned}
	switch {
	case table.size == 8:
	case table.signed:
		x.V = lw.b.OpBits(ir.OpSext, int64(8*table.size), v)
	default:
		x.V = lw.b.OpBits(ir.OpZext, int64(8*table.size), v)
	}
	return lw.orNil(present, x), true
}

// orNil is x where present holds, else nil, which reads 0.
func (lw *lowerer) orNil(present *ir.Value, x Int) Value {
	mark := lw.mark()
	there, not := lw.branch(present, mark)
	var ends []edge
	if there.block != nil {
		lw.open(there)
		ends = append(ends, lw.leave(mark, x))
	}
	if not.block != nil {
		lw.open(not)
		zero := x
		zero.V = lw.b.Const(0)
		ends = append(ends, lw.leave(mark, zero))
	}
	return Opt{present, lw.join(ends)[0]}
}

// lookupArray reads element i of a table in .rodata.
func (lw *lowerer) lookupArray(e *syntax.Index, t *lookupTable, i *ir.Value) Value {
	index, _ := ctype.Scalar("__u32")
	array := &btf.Array{Index: index, Type: t.elem, Nelems: uint32(t.n)}
	if t.array == nil {
		t.array = lw.constants(t.data, t.size, array)
	}
	r := Ref{Global: t.array, Type: array, Region: ir.RegionConst, Hi: int64(len(t.data))}
	el := r.element(array, 0)
	el.Index = lw.indexed(nil, Int{V: i}, int64(t.size), int64(t.n))
	v, ok := lw.loadRef(e, el).(Int)
	if !ok {
		return Bad{}
	}
	v.Unsigned = t.unsigned
	if el.Index.ok == nil {
		return v
	}
	return Opt{el.Index.ok, v}
}

// constants returns a variable in .rodata that holds data, which no script can
// name: the one there is, if another table has the same contents.
func (lw *lowerer) constants(data []byte, align int, t ctype.Type) *ir.Global {
	n := 0
	for _, g := range lw.mod.Globals {
		if !g.Static {
			continue
		}
		if n++; g.Align == align && slices.Equal(g.Data, data) {
			return g
		}
	}
	g := &ir.Global{Name: fmt.Sprintf("table.%d", n+1), Const: true, Static: true, Size: len(data), Align: align, Data: data, Pos: lw.b.Pos, Type: t}
	lw.mod.Globals = append(lw.mod.Globals, g)
	return g
}
