package lower

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// ffi.copy and ffi.fill.
//
// A length known when compiling gives loads and stores of words. One known at
// run time is cut to both objects, and each word is written whole, in part or
// not at all: in part by masking what is kept into what is written, so that no
// address depends on the length.

// extent returns how many bytes of a destination or source there are from where
// v points to its object's end.
func (lw *lowerer) extent(n syntax.Node, v Value) (Value, int64, bool) {
	switch v := v.(type) {
	case Ref:
		if !lw.live(n, v) {
			return nil, 0, false
		}
		if v.Pointer {
			if v.Index != nil {
				lw.errorf(n, diag.NeedsConstant, "a pointer moved by a number known at run time can't be copied from or to; copy the whole object")
				return nil, 0, false
			}
			v.Pointer = false
			return v, v.Hi - v.Off, true
		}
		if _, ok := scalarOf(v.Type); !ok {
			return v, int64(v.size()), true
		}
	case Bad:
		return nil, 0, false
	default:
		if size, ok := runLength(v); ok {
			return v, int64(size), true
		}
	}
	lw.errorf(n, diag.NotAPlace, "%s has no bytes to copy", describe(v))
	return nil, 0, false
}

// ffiCopy evaluates ffi.copy(dst, src [, len]).
func (lw *lowerer) ffiCopy(e *syntax.Call, args []Value) Value {
	dst, src := lw.resolve(args[0]), lw.resolve(args[1])
	if isNil(dst) || isNil(src) {
		return Tuple{}
	}
	dv, room, ok1 := lw.extent(argNode(e, 0), dst)
	if !ok1 {
		return Bad{}
	}
	if r, ok := src.(Ref); ok && r.view != nil {
		return lw.copyView(e, args, dv, room, r)
	}
	to, isRef := dv.(Ref)
	if !isRef {
		return lw.errorf(argNode(e, 0), diag.NotAPlace, "%s can't be written", describe(dst))
	}
	from, size, ok2 := lw.extent(argNode(e, 1), src)
	if !ok2 || !lw.writable(argNode(e, 0), to) {
		return Bad{}
	}
	if s, ok := stringConst(from); ok && len(args) < 3 {
		from, size = Const{lua.LString(s + "\x00")}, int64(len(s))+1
		if size == room+1 {
			size = room // the NUL has no room
		}
	}
	if len(args) < 3 {
		if size > room {
			return lw.errorf(argNode(e, 1), diag.OutOfRange, "%d bytes are copied to %d", size, room)
		}
		lw.copyPart(e, to, from, size, nil)
		return Tuple{}
	}
	n, ok := lw.intOf(argNode(e, 2), args[2], "a length")
	if !ok {
		return Bad{}
	}
	if c, known := n.V.IsConst(); known {
		if c < 0 || c > room || c > size {
			return lw.errorf(argNode(e, 2), diag.OutOfRange, "%d bytes can't be copied: the objects have %d and %d", c, room, size)
		}
		lw.copyPart(e, to, from, c, nil)
		return Tuple{}
	}
	lw.copyPart(e, to, from, min(room, size), n.V)
	return Tuple{}
}

// copyPart copies n bytes, or as many of them as length says.
func (lw *lowerer) copyPart(node syntax.Node, dst Ref, src Value, n int64, length *ir.Value) {
	lw.aboutToWrite(dst)
	body := func(dst Ref, src Value) Value {
		lw.writeWords(dst, n, length, func(off, end int) int { return runUnit(src, off, end) },
			func(off, size int) *ir.Value { return lw.runWord(node, src, off, size) })
		return Nil
	}
	lw.within(dst, func(dst Ref) Value {
		if r, ok := src.(Ref); ok {
			return lw.within(r, func(r Ref) Value { return body(dst, r) }, func() Value {
				lw.writeWords(dst, n, length, nil, func(int, int) *ir.Value { return lw.b.Const(0) })
				return Nil
			})
		}
		return body(dst, src)
	}, nothing)
}

// ffiFill evaluates ffi.fill(dst, len [, byte]).
func (lw *lowerer) ffiFill(e *syntax.Call, args []Value) Value {
	dst := lw.resolve(args[0])
	if isNil(dst) {
		return Tuple{}
	}
	dv, room, ok := lw.extent(argNode(e, 0), dst)
	if !ok {
		return Bad{}
	}
	to, isRef := dv.(Ref)
	if !isRef {
		return lw.errorf(argNode(e, 0), diag.NotAPlace, "%s can't be written", describe(dst))
	}
	n, ok := lw.intOf(argNode(e, 1), args[1], "a length")
	c := Int{V: lw.b.Const(0)}
	if ok && len(args) > 2 {
		c, ok = lw.intOf(argNode(e, 2), args[2], "a byte")
	}
	if !ok || !lw.writable(argNode(e, 0), to) {
		return Bad{}
	}
	length, known := n.V.IsConst()
	var runtime *ir.Value
	if !known {
		length, runtime = room, n.V
	} else if length < 0 || length > room {
		return lw.errorf(argNode(e, 1), diag.OutOfRange, "%d bytes can't be filled: the object has %d", length, room)
	}
	word := lw.b.Op(ir.OpMul, lw.b.OpBits(ir.OpZext, 8, c.V), lw.b.Const(0x0101010101010101))
	lw.aboutToWrite(to)
	lw.within(to, func(to Ref) Value {
		lw.writeWords(to, length, runtime, nil, func(int, int) *ir.Value { return word })
		return Nil
	}, nothing)
	return Tuple{}
}

// writeWords writes n bytes of dst, which is there, in words that word returns;
// unit limits their size. With a length, only the bytes before it are written.
func (lw *lowerer) writeWords(dst Ref, n int64, length *ir.Value, unit func(off, end int) int, word func(off, size int) *ir.Value) {
	p, at := lw.address(dst)
	next := func(off int) int {
		size := dst.unit(int64(off), n)
		if unit != nil {
			size = min(size, unit(off, int(n)))
		}
		return size
	}
	if length == nil {
		for off := 0; off < int(n); {
			size := next(off)
			lw.storeMem(p, word(off, size), ir.Mem{Region: dst.Region, Off: int32(at) + int32(off), Size: int32(size)})
			off += size
		}
		return
	}
	mark := lw.mark()
	var ends []edge
	for off := 0; off < int(n); {
		size := next(off)
		mem := ir.Mem{Region: dst.Region, Off: int32(at) + int32(off), Size: int32(size)}
		// A negative length copies nothing.
		some, none := lw.branch(lw.b.Op(ir.OpSLt, lw.b.Const(int64(off)), length), mark)
		if none.block != nil {
			lw.open(none)
			ends = append(ends, lw.leave(mark))
		}
		lw.open(some)
		if size > 1 {
			all, part := lw.branch(lw.b.Op(ir.OpSLe, lw.b.Const(int64(off+size)), length), mark)
			if part.block != nil {
				lw.open(part)
				lw.storePart(p, mem, length, off, word(off, size))
				ends = append(ends, lw.leave(mark))
			}
			lw.open(all)
		}
		lw.b.Store(p, word(off, size), mem)
		off += size
	}
	ends = append(ends, lw.leave(mark))
	lw.join(ends)
}

// storePart writes the first bytes of a word: those before length, of which the
// word starts at off.
func (lw *lowerer) storePart(p *ir.Value, mem ir.Mem, length *ir.Value, off int, word *ir.Value) {
	bits := lw.b.Op(ir.OpMul, lw.b.Op(ir.OpSub, length, lw.b.Const(int64(off))), lw.b.Const(8))
	// mask has the bits that are kept.
	var mask *ir.Value
	if lw.mod.BigEndian {
		full := uint64(math.MaxUint64) >> (64 - 8*mem.Size)
		mask = lw.b.Op(ir.OpLShr, lw.b.Const(int64(full)), bits)
	} else {
		mask = lw.b.Op(ir.OpShl, lw.b.Const(-1), bits)
	}
	old := lw.b.Op(ir.OpAnd, lw.b.Load(ir.I64, p, mem), mask)
	keep := lw.b.Op(ir.OpXor, mask, lw.b.Const(-1))
	lw.b.Store(p, lw.b.Op(ir.OpOr, old, lw.b.Op(ir.OpAnd, word, keep)), mem)
}
