package lower

import (
	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
)

// Addresses that a program keeps: in a map, in a member of its own structures.
// Where the type says what they are addresses of, such a number is a pointer
// again when it is read. The verifier knows nothing of it any more, so what is
// there is read by helpers: of the kernel, or of the process in a probe of one.

// keptPointer is what a number of type t points to; ok is false if t is no
// pointer to a structure or to text.
func (lw *lowerer) keptPointer(t ctype.Type, v Value) (Value, bool) {
	p, ok := underlying(t).(*btf.Pointer)
	if !ok {
		return nil, false
	}
	switch target := underlying(p.Target).(type) {
	case *btf.Struct, *btf.Union, *btf.Fwd:
	case *btf.Int:
		if target.Size != 1 {
			return nil, false
		}
	default:
		return nil, false
	}
	n, ok := addressNumber(lw, v)
	if !ok {
		return nil, false
	}
	return lw.viewOf(lw.numPtr(n.V), p.Target, max(lw.memoryOf(), pointerReader(byKernel, p.Target))), true
}

// addressNumber is the number that v is, 0 where it is nil.
func addressNumber(lw *lowerer, v Value) (Int, bool) {
	switch v := v.(type) {
	case *Entry:
		return lw.readEntry(v), true
	case Opt:
		n, ok := v.Val.(Int)
		return n, ok
	case Int:
		return v, true
	}
	return Int{}, false
}
