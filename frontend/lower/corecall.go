package lower

import (
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/luabpfc/luabpfc/frontend/ctype"
	"github.com/luabpfc/luabpfc/frontend/syntax"
	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Questions about the running kernel's types, answered when the object is loaded:
// bpf.field_exists, bpf.type_exists, bpf.enum_value, bpf.container_of, and
// ffi.offsetof and ffi.sizeof of relocated types.

// coreRows are their rows in the table of builtins.
func coreRows() map[string]builtinRow {
	return map[string]builtinRow{
		"bpf.field_exists": {min: 2, max: 2, call: (*lowerer).fieldExists, usage: "bpf.field_exists(x, 'member')"},
		"bpf.type_exists":  {min: 1, max: 1, call: (*lowerer).typeExists, usage: "bpf.type_exists('struct x')"},
		"bpf.enum_value":   {min: 1, max: 2, call: (*lowerer).enumValue, usage: "bpf.enum_value(['enum x',] 'NAME')"},
		"bpf.container_of": {min: 3, max: 3, call: (*lowerer).containerOf, usage: "bpf.container_of(p, 'struct x', 'member')"},
	}
}

// fieldPath is a field of a relocated type, by its name or a chain of names.
type fieldPath struct {
	root  ctype.Type
	steps []int
	words string
	t     ctype.Type
}

// pathOf finds the field that a chain of names leads to from t. Where it follows
// a pointer, the field counts from there.
func (lw *lowerer) pathOf(n syntax.Node, t ctype.Type, chain string) (fieldPath, bool) {
	scope := lw.stage.Types()
	p := fieldPath{t: scope.Resolve(t)}
	for name := range strings.SplitSeq(chain, ".") {
		if ptr, ok := underlying(p.t).(*btf.Pointer); ok {
			p = fieldPath{t: scope.Resolve(ptr.Target)}
		}
		if p.root == nil {
			p.root = underlying(p.t)
		}
		if scope.Incomplete(p.t) {
			lw.errorf(n, diag.UnknownType, "what is in '%s' is not known: %s", ctype.Name(p.t), lw.noBTF())
			return p, false
		}
		m, ok := ctype.FindMember(p.t, name)
		if !ok {
			lw.noMember(n, p.t, name)
			return p, false
		}
		v := (&view{steps: p.steps, words: p.words}).step(name, m.Path...)
		p.steps, p.words, p.t = v.steps, v.words, m.Type
	}
	return p, true
}

// relocatedType is the relocated type that an argument names or is of, and the
// chain of names that another argument is.
func (lw *lowerer) relocatedType(e *syntax.Call, i int, v Value) (ctype.Type, bool) {
	t, ok := lw.typeOf(argNode(e, i), v)
	if !ok {
		return nil, false
	}
	if p, isPointer := underlying(t).(*btf.Pointer); isPointer {
		t = p.Target
	}
	scope := lw.stage.Types()
	if t = scope.Resolve(t); !scope.Incomplete(t) && !scope.Preserved(t) {
		lw.errorf(argNode(e, i), diag.UnsupportedType, "'%s' is fixed: the script declares it without preserve_access_index", ctype.Name(t))
		return nil, false
	}
	return t, true
}

func (lw *lowerer) chainArg(e *syntax.Call, i int, v Value) (string, bool) {
	s, ok := stringConst(lw.resolve(v))
	if !ok {
		lw.errorf(argNode(e, i), diag.NeedsConstant, "the name of a member must be known when compiling")
	}
	return s, ok
}

// pathArgs returns the type that argument i is and the field that argument i+1,
// a chain of names, leads to from there.
func (lw *lowerer) pathArgs(e *syntax.Call, i int, args []Value) (t ctype.Type, p fieldPath, ok bool) {
	t, ok1 := lw.relocatedType(e, i, args[i])
	chain, ok2 := lw.chainArg(e, i+1, args[i+1])
	if !ok1 || !ok2 {
		return nil, fieldPath{}, false
	}
	p, ok = lw.pathOf(argNode(e, i+1), t, chain)
	return t, p, ok
}

// fieldExists evaluates bpf.field_exists(x, path).
func (lw *lowerer) fieldExists(e *syntax.Call, args []Value) Value {
	_, p, ok := lw.pathArgs(e, 0, args)
	if !ok {
		return Bad{}
	}
	return Bool{lw.b.Op(ir.OpNe, lw.coreField(ir.CoreExists, p.root, p.steps, p.words), lw.b.Const(0))}
}

// typeExists evaluates bpf.type_exists('struct x'). A type that nothing here
// declares will do: its name is what is looked for.
func (lw *lowerer) typeExists(e *syntax.Call, args []Value) Value {
	text, ok := stringConst(lw.resolve(args[0]))
	if !ok {
		return lw.errorf(argNode(e, 0), diag.NeedsConstant, "the name of a type must be known when compiling")
	}
	kind, name, tagged := strings.Cut(strings.TrimSpace(text), " ")
	if !tagged {
		kind, name = "typedef", kind
	}
	var t ctype.Type
	switch void := (&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}); kind {
	case "struct":
		t = &btf.Struct{Name: name}
	case "union":
		t = &btf.Union{Name: name}
	case "enum":
		t = &btf.Enum{Name: name, Size: 4}
	case "typedef":
		t = &btf.Typedef{Name: name, Type: void}
	}
	if t == nil || !isIdentifier(name) {
		return lw.errorf(argNode(e, 0), diag.UnknownType, "'%s' is no type's name: 'struct x', 'union x', 'enum x' or a typedef's", text)
	}
	if known, ok := lw.stage.Types().Tag(kind, name); ok && kind != "typedef" && lw.stage.Types().Preserved(known) {
		t = underlying(known)
	}
	c := &ir.Core{Kind: ir.CoreTypeExists, Root: text, Type: t, Index: []int{0}}
	return Bool{lw.b.Op(ir.OpNe, lw.core(c, 1), lw.b.Const(0))}
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// enumValue evaluates bpf.enum_value(['enum x',] 'NAME').
func (lw *lowerer) enumValue(e *syntax.Call, args []Value) Value {
	last := len(args) - 1
	name, ok := lw.chainArg(e, last, args[last])
	if !ok {
		return Bad{}
	}
	scope := lw.stage.Types()
	var enum *btf.Enum
	at := -1
	if last == 1 {
		t, ok := lw.typeOf(argNode(e, 0), args[0])
		if !ok {
			return Bad{}
		}
		if enum, ok = underlying(t).(*btf.Enum); !ok || scope.Incomplete(t) {
			return lw.errorf(argNode(e, 0), diag.UnknownType, "'%s' is no enum that is known", ctype.Name(t))
		}
		for i, v := range enum.Values {
			if v.Name == name {
				at = i
			}
		}
	} else {
		enum, at, _, ok = scope.KernelEnumerator(name)
		if !ok {
			at = -1
		}
	}
	if at < 0 {
		return lw.errorf(argNode(e, last), diag.UndefinedName, "there is no enumerator '%s': %s", name, lw.noBTF())
	}
	v := ctype.Extend(enum, enum.Values[at].Value)
	c := &ir.Core{Kind: ir.CoreEnumValue, Root: ctype.Name(enum), Path: name, Type: enum, Index: []int{at}}
	return Int{V: lw.core(c, int64(v)), Unsigned: enum.Size == 8 && !enum.Signed}
}

// containerOf evaluates bpf.container_of(p, type, member): what has the object
// that p points to for that member.
func (lw *lowerer) containerOf(e *syntax.Call, args []Value) Value {
	v := lw.resolve(args[0])
	if isNil(v) {
		return Nil
	}
	p, isRef := v.(Ref)
	if !isRef || p.view == nil {
		if _, bad := v.(Bad); bad {
			return v
		}
		return lw.errorf(argNode(e, 0), diag.WrongArguments, "'bpf.container_of' needs a pointer into the kernel, not %s", describe(v))
	}
	t, path, ok := lw.pathArgs(e, 1, args)
	if !ok {
		return Bad{}
	}
	off := lw.coreField(ir.CoreByteOffset, path.root, path.steps, path.words)
	at := lw.reach(p, func(p Ref) Value { return Int{V: lw.b.Op(ir.OpSub, lw.viewNumber(p), off)} }, func() Value { return Int{V: lw.b.Const(0)} })
	n, ok := at.(Int)
	if !ok {
		return Bad{}
	}
	out := lw.viewOf(lw.numPtr(n.V), t, max(p.view.by, byKernel))
	if p.Present == nil {
		out.Present = nil
	}
	return out
}

// relocatedSize is the size of a relocated type in the running kernel.
func (lw *lowerer) relocatedSize(t ctype.Type) (Value, bool) {
	if scope := lw.stage.Types(); !ctype.IsRecord(t) || scope.Incomplete(t) || !scope.Preserved(t) {
		return nil, false
	}
	c := &ir.Core{Kind: ir.CoreTypeSize, Root: ctype.Name(t), Type: underlying(t), Index: []int{0}}
	return Int{V: lw.core(c, int64(ctype.Size(t)))}, true
}

// relocatedOffset is where a field of a relocated type is in the running kernel.
func (lw *lowerer) relocatedOffset(n syntax.Node, t ctype.Type, chain string) (Value, bool) {
	if scope := lw.stage.Types(); !ctype.IsRecord(t) || scope.Incomplete(t) || !scope.Preserved(t) {
		return nil, false
	}
	p, ok := lw.pathOf(n, t, chain)
	if !ok {
		return Bad{}, true
	}
	return Int{V: lw.coreField(ir.CoreByteOffset, p.root, p.steps, p.words)}, true
}
