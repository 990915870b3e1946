package lower

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/script"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// C data that the script has made, a struct, union or array, is a constant in
// the kernel: what is read of it is computed when compiling. Where its bytes are
// needed they are written to the stack.

// aboutTypes are the functions that want to know the type of C data only.
var aboutTypes = map[string]bool{"ffi.sizeof": true, "ffi.typeof": true, "ffi.offsetof": true, "ffi.alignof": true, "ffi.istype": true}

// scriptData returns the C data of the script that v is.
func scriptData(v Value) (*script.Ref, bool) {
	if c, ok := v.(Const); ok {
		return script.ToRef(c.V)
	}
	return nil, false
}

// dataBytes returns the bytes of C data of the script, which is no pointer.
func dataBytes(r *script.Ref) (Const, bool) {
	b := r.Bytes()
	return Const{lua.LString(b)}, b != nil && !ctype.IsPointer(r.Type)
}

// materialize returns v with C data of the script as an object on the stack.
func (lw *lowerer) materialize(n syntax.Node, v Value) Value {
	d, ok := scriptData(v)
	if !ok || lw.b.Block == nil {
		return v
	}
	text, ok := dataBytes(d)
	if !ok {
		return lw.errorf(n, diag.NotReadable, "a pointer to data of the script can't be used in the kernel; use the data itself")
	}
	r, ok := lw.rawObject(n, d.Type, "constant")
	if !ok {
		return Bad{}
	}
	lw.copyRun(n, r, text, r.size())
	r.fresh = false
	r.ReadOnly = "C data of the script is a constant in the kernel; use a map or bpf.global for what changes"
	return r
}

// dataIndex evaluates d[key] and d.key.
func (lw *lowerer) dataIndex(e *syntax.Index, obj Value, d *script.Ref, key Value) Value {
	k, known := lw.lua(key)
	if !known {
		if r, ok := lw.materialize(e.Obj, obj).(Ref); ok {
			return lw.loadOf(e, lw.refOf(e, r, key))
		}
		return Bad{}
	}
	v, err := lw.stage.Index(d, k)
	if err != nil {
		code := diag.OutOfRange
		if _, named := k.(lua.LString); named {
			code = diag.UnknownField
		}
		return lw.errorf(e, code, "%s", err)
	}
	if b, ok := v.(lua.LBool); ok { // a bit, not a boolean
		n := int64(0)
		if b {
			n = 1
		}
		return Int{V: lw.b.Const(n), Bit: true}
	}
	return lw.constant(v)
}
