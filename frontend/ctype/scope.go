package ctype

import (
	"slices"

	"github.com/cilium/ebpf/btf"

	kbtf "github.com/luabpfc/luabpfc/btf"
	"github.com/luabpfc/luabpfc/ir/diag"
)

// Scope holds the tags, typedefs and constants that a script has declared. The
// names that C programs for the kernel take for granted are there already.
type Scope struct {
	// Constant looks up a constant that no C declaration has made, for sizes of
	// arrays and the like. It may be nil.
	Constant func(name string) (int64, bool)
	// Kernel returns the kernel's types, asked when something is declared nowhere
	// else; nil: there are none. KernelError is what it, or reading a type,
	// failed with.
	Kernel      func() (*kbtf.Kernel, error)
	KernelError error

	big     bool
	tags    map[string]Type // struct, union and enum share one space of names
	names   map[string]Type // typedefs
	values  map[string]Enumerator
	objects map[string]Type // functions and variables
	extra   map[Type]*extra
	loading bool // declarations are our own
}

// extra is what btf.Type has no room for.
type extra struct {
	align      uint32
	depth      int // levels of types by value, of a record
	incomplete bool
	own        bool // from our table: a script may declare it anew
	preserve   bool
	kernel     bool // from BTF
	variable   bool // an array of [?] or []
}

// Enumerator is a constant made by an enum, or by static const.
type Enumerator struct {
	Name     string
	Bits     uint64 // extended to 64 bits
	Unsigned bool   // of 64 bits, beyond int64_t
	Enum     Type
	num      number
}

// NewScope returns a scope for a target of that byte order.
func NewScope(bigEndian bool) *Scope {
	return &Scope{big: bigEndian, tags: map[string]Type{}, names: map[string]Type{}, values: map[string]Enumerator{},
		objects: map[string]Type{}, extra: map[Type]*extra{}}
}

// BigEndian reports the byte order of the scope's target.
func (sc *Scope) BigEndian() bool { return sc.big }

// Declare takes the declarations in text, as ffi.cdef. Declaring the same again
// is fine, declaring a name differently an error. The error is an *Error.
func (sc *Scope) Declare(text string) error {
	p := newParser(sc, text)
	for p.tok.kind != tokEOF {
		p.declaration()
	}
	if e := p.err(); e != nil {
		return e
	}
	return nil
}

// Type returns the type that decl names: 'uint32_t', 'struct key', 'char [40]',
// 'struct { int a; } *'. The error is an *Error.
func (sc *Scope) Type(decl string) (Type, error) {
	p := newParser(sc, decl)
	p.open = true
	t := p.typeName()
	if p.tok.kind != tokEOF {
		p.unexpected("the end of the type")
	}
	if e := p.err(); e != nil {
		return nil, e
	}
	return t, nil
}

// Object returns the type of a function or variable that was declared.
func (sc *Scope) Object(name string) (Type, bool) {
	t, ok := sc.objects[name]
	return t, ok
}

// Enumerator returns the constant of that name.
func (sc *Scope) Enumerator(name string) (Enumerator, bool) {
	e, ok := sc.values[name]
	if !ok && name != "" && name[0] >= 'A' && name[0] <= 'Z' {
		if t, _, bits, found := sc.KernelEnumerator(name); found {
			e, ok = Enumerator{Name: name, Bits: bits, Unsigned: t.Size == 8 && !t.Signed && bits >= 1<<63, Enum: t}, true
		}
	}
	return e, ok
}

// Tag returns the struct, union or enum of that tag; false if there is none or
// it is not complete.
func (sc *Scope) Tag(kind, name string) (Type, bool) {
	t := sc.tag(name)
	if t == nil {
		t = sc.kernelTag(kind, name)
	}
	if t == nil || tagKind(t) != kind || sc.Incomplete(t) {
		return nil, false
	}
	return t, true
}

// Incomplete reports whether t is void or a struct, union or enum whose members
// are not declared.
func (sc *Scope) Incomplete(t Type) bool {
	switch u := Underlying(t).(type) {
	case *btf.Void, *btf.Fwd:
		return true
	case *btf.Array:
		return sc.Incomplete(u.Type)
	case *btf.Struct, *btf.Union, *btf.Enum:
		return sc.bare(u) && !sc.completeTag(u)
	}
	return false
}

// bare reports whether no declaration has given t members.
func (sc *Scope) bare(t Type) bool {
	x := sc.extra[t]
	return x != nil && x.incomplete
}

// Preserved reports whether accesses to the struct or union t are relocated to
// the running kernel's layout: preserve_access_index.
func (sc *Scope) Preserved(t Type) bool {
	x := sc.extra[Underlying(t)]
	return x != nil && x.preserve
}

// Variable reports whether t is an array whose length is still open: 'char [?]'.
func (sc *Scope) Variable(t Type) bool {
	x := sc.extra[Underlying(t)]
	return x != nil && x.variable
}

// WithLength returns the array type of n elements for an array of open length;
// false if that is too large.
func (sc *Scope) WithLength(t Type, n int) (Type, bool) {
	a, ok := Underlying(t).(*btf.Array)
	if !ok || n < 0 || n > maxSize || n*max(1, Size(a.Type)) > maxSize {
		return nil, false
	}
	return &btf.Array{Index: a.Index, Type: a.Type, Nelems: uint32(n)}, true
}

// Alignof returns the alignment of t in bytes.
func (sc *Scope) Alignof(t Type) int {
	for {
		if x := sc.extra[t]; x != nil && x.align != 0 {
			return int(x.align)
		}
		if u, ok := strip(t); ok {
			t = u
			continue
		}
		switch u := t.(type) {
		case *btf.Array:
			t = u.Type
			continue
		case *btf.Struct:
			return inferredAlign(sc, u.Members, u.Size)
		case *btf.Union:
			return inferredAlign(sc, u.Members, u.Size)
		}
		return max(1, Size(t))
	}
}

// inferredAlign is the alignment of a record that was not declared here: that
// of its members, as far as their places and the size have it.
func inferredAlign(sc *Scope, ms []btf.Member, size uint32) int {
	align := 1
	for _, m := range ms {
		if a := sc.Alignof(m.Type); a > align && (m.BitfieldSize != 0 || uint32(m.Offset)/8%uint32(a) == 0) && size%uint32(a) == 0 {
			align = a
		}
	}
	return align
}

// TypeNames returns the names of types that can be written alone, sorted, for
// suggestions.
func (sc *Scope) TypeNames() []string {
	out := Names()
	for n := range sc.names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// tagNames returns the tags of a kind, sorted.
func (sc *Scope) tagNames(kind string) []string {
	var out []string
	for n, t := range sc.tags {
		if tagKind(t) == kind && !sc.bare(t) {
			out = append(out, n)
		}
	}
	for key := range uapi {
		if k, n := uapiTag(key); k == kind {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// constantNames returns the names of the constants, sorted.
func (sc *Scope) constantNames() []string {
	var out []string
	for n := range sc.values {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// constant is the constant of that name.
func (sc *Scope) constant(name string) (number, bool) {
	if e, ok := sc.values[name]; ok {
		return e.num, true
	}
	if sc.Constant != nil {
		if v, ok := sc.Constant(name); ok {
			n := number{bits: uint64(v), size: 8}
			if v == int64(int32(v)) {
				n.size = 4
			}
			return n, true
		}
	}
	return number{}, false
}

// typedef is the type of that name, nil if it is none.
func (sc *Scope) typedef(name string) Type {
	if t, ok := sc.names[name]; ok {
		return t
	}
	if t, ok := predeclared()[name]; ok {
		return t
	}
	return nil
}

// tag is the type of that tag, nil if there is none. What our table has is
// declared when it is first asked for.
func (sc *Scope) tag(name string) Type {
	t, ok := sc.tags[name]
	if ok && !sc.bare(t) {
		return t
	}
	if sc.load(name) {
		return sc.tags[name]
	}
	return t
}

// note returns t's entry beside the graph.
func (sc *Scope) note(t Type) *extra {
	x := sc.extra[t]
	if x == nil {
		x = &extra{own: sc.loading}
		sc.extra[t] = x
	}
	return x
}

// tagKind is the keyword of a type with a tag.
func tagKind(t Type) string {
	switch t.(type) {
	case *btf.Struct:
		return "struct"
	case *btf.Union:
		return "union"
	case *btf.Enum:
		return "enum"
	}
	return ""
}

// undeclared reports a tag that nothing declares.
func (p *parser) undeclared(off int, kind, name string) {
	hint := ""
	if near := diag.Closest(name, p.sc.tagNames(kind)); near != "" && near != name {
		hint = " (did you mean '" + kind + " " + near + "'?)"
	}
	p.fail(off, diag.UnknownType, "'%s %s' is not declared%s%s", kind, name, hint, p.sc.kernelHint())
}
