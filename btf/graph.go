package btf

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// Copying a type graph
//
// The builder needs a graph of its own, since finding equal types rewires it.
// While copying we check what the kernel would refuse, and cut.
//
// A copy is made in one of three depths:
//
//	whole    a parameter, a map's key, a variable: pointers are followed
//	cut      inside a structure: a pointer to a named structure or union leads to
//	         a forward declaration, unless it is a __kptr, whose target the kernel
//	         looks up
//	mapDef   the definition of a map in .maps: its members are types spelled as
//	         pointers, so what they point to is whole
//
// The cut ends most cycles. Those that are left, through a tagged pointer or an
// anonymous structure, are ended by the table of copies. A cycle that does not go
// both through a pointer and through a structure is no type at all.

type depth uint8

const (
	whole depth = iota
	cut
	mapDef
)

// maxNesting bounds the recursion: longer chains of types than this come from
// a broken graph.
const maxNesting = 256

type copyKey struct {
	t     btf.Type
	depth depth
}

// A copier copies type graphs that share parts.
type copier struct {
	copies map[copyKey]btf.Type
	active map[copyKey]trail // types whose parts are being copied, with the way to them
	now    trail
}

// A trail counts what lies between a root and a type.
type trail struct {
	types, pointers, structures int
}

func newCopier() *copier {
	return &copier{copies: make(map[copyKey]btf.Type), active: make(map[copyKey]trail)}
}

// root copies a type that stands by itself.
func (c *copier) root(t btf.Type) (btf.Type, error) { return c.copy(t, whole) }

func (c *copier) copy(t btf.Type, d depth) (btf.Type, error) {
	if t == nil {
		return nil, fmt.Errorf("a type is missing")
	}
	key := copyKey{t, d}
	if cpy, ok := c.copies[key]; ok {
		if at, ok := c.active[key]; ok && (at.pointers == c.now.pointers || at.structures == c.now.structures) {
			return nil, fmt.Errorf("type %q contains itself", t.TypeName())
		}
		return cpy, nil
	}
	if c.now.types == maxNesting {
		return nil, fmt.Errorf("type %q is nested more than %d deep", t.TypeName(), maxNesting)
	}
	before := c.now
	c.active[key] = before
	defer func() {
		c.now = before
		delete(c.active, key)
	}()
	c.now.types++
	switch t.(type) {
	case *btf.Pointer:
		c.now.pointers++
	case *btf.Struct, *btf.Union:
		c.now.structures++
	}
	switch t := t.(type) {
	case *btf.Void:
		return t, nil
	case *btf.Int:
		return c.int(t)
	case *btf.Float:
		return c.keep(t, d, &btf.Float{Name: t.Name, Size: t.Size}), nil
	case *btf.Fwd:
		return c.keep(t, d, &btf.Fwd{Name: t.Name, Kind: t.Kind}), nil
	case *btf.Enum:
		return c.enum(t, d)
	case *btf.Struct:
		return c.structure(t, d)
	case *btf.Union:
		return c.union(t, d)
	case *btf.Func:
		return c.function(t, d)
	case *btf.FuncProto:
		return c.proto(t, d)
	case *btf.Var:
		return c.variable(t, d)
	case *btf.Datasec:
		return c.datasec(t, d)
	}
	return c.modifier(t, d)
}

// keep notes the copy before its parts are copied, for cycles.
func (c *copier) keep(t btf.Type, d depth, cpy btf.Type) btf.Type {
	c.copies[copyKey{t, d}] = cpy
	return cpy
}

// into copies the type in *t in its place.
func (c *copier) into(t *btf.Type, d depth) (err error) {
	*t, err = c.copy(*t, d)
	return err
}

// modifier copies the types that consist of one other type.
func (c *copier) modifier(t btf.Type, d depth) (btf.Type, error) {
	switch t := t.(type) {
	case *btf.Pointer:
		return c.pointer(t, d)
	case *btf.Array:
		cpy := &btf.Array{Index: t.Index, Type: t.Type, Nelems: t.Nelems}
		c.keep(t, d, cpy)
		if err := c.into(&cpy.Index, d); err != nil {
			return nil, err
		}
		if err := c.into(&cpy.Type, d); err != nil {
			return nil, err
		}
		if _, err := btf.Sizeof(cpy.Type); err != nil || isVoid(cpy.Type) {
			return nil, fmt.Errorf("an array's element has no size")
		}
		return cpy, nil
	case *btf.Typedef:
		if err := checkName("typedef", t.Name); err != nil {
			return nil, err
		}
		cpy := &btf.Typedef{Name: t.Name, Type: t.Type, Tags: t.Tags}
		c.keep(t, d, cpy)
		return cpy, c.into(&cpy.Type, d)
	case *btf.Const:
		cpy := &btf.Const{Type: t.Type}
		c.keep(t, d, cpy)
		return cpy, c.into(&cpy.Type, d)
	case *btf.Volatile:
		cpy := &btf.Volatile{Type: t.Type}
		c.keep(t, d, cpy)
		return cpy, c.into(&cpy.Type, d)
	case *btf.Restrict:
		cpy := &btf.Restrict{Type: t.Type}
		c.keep(t, d, cpy)
		return cpy, c.into(&cpy.Type, d)
	case *btf.TypeTag:
		cpy := &btf.TypeTag{Type: t.Type, Value: t.Value}
		c.keep(t, d, cpy)
		return cpy, c.into(&cpy.Type, d)
	}
	return nil, fmt.Errorf("a type of kind %T can't be written", t)
}

func (c *copier) pointer(t *btf.Pointer, d depth) (btf.Type, error) {
	cpy := &btf.Pointer{Target: t.Target}
	c.keep(t, d, cpy)
	switch d {
	case mapDef:
		// A key or a value is whole; an inner map's definition, which has no
		// name, is one itself.
		if s, ok := t.Target.(*btf.Struct); !ok || s.Name != "" {
			d = whole
		}
	case cut:
		if fwd := forward(t.Target); fwd != nil {
			cpy.Target = fwd
			return cpy, nil
		}
	}
	return cpy, c.into(&cpy.Target, d)
}

// forward returns the type with a forward declaration in place of the named
// structure or union that it is, or nil if it is none. Typedefs and qualifiers go:
// nobody looks behind the pointer.
func forward(t btf.Type) btf.Type {
	if tag, ok := btf.As[*btf.TypeTag](t); ok && isKernelPointer(tag.Value) {
		return nil
	}
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		if u.Name != "" {
			return &btf.Fwd{Name: u.Name, Kind: btf.FwdStruct}
		}
	case *btf.Union:
		if u.Name != "" {
			return &btf.Fwd{Name: u.Name, Kind: btf.FwdUnion}
		}
	}
	return nil
}

// isKernelPointer tells the tags of pointers in map values that the kernel looks
// behind. Others, as rcu and user, are notes on the kernel's own types.
func isKernelPointer(tag string) bool {
	switch tag {
	case "kptr", "kptr_untrusted", "percpu_kptr", "uptr":
		return true
	}
	return false
}

func (c *copier) int(t *btf.Int) (btf.Type, error) {
	switch t.Size {
	case 1, 2, 4, 8, 16:
	default:
		return nil, fmt.Errorf("integer %q: size %d", t.Name, t.Size)
	}
	if t.Name == "" {
		return nil, fmt.Errorf("an integer of %d bytes has no name", t.Size)
	}
	return c.keep(t, whole, &btf.Int{Name: t.Name, Size: t.Size, Encoding: t.Encoding}), nil
}

func (c *copier) enum(t *btf.Enum, d depth) (btf.Type, error) {
	switch t.Size {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("enum %q: size %d", t.Name, t.Size)
	}
	cpy := &btf.Enum{Name: t.Name, Size: t.Size, Signed: t.Signed, Values: append([]btf.EnumValue(nil), t.Values...)}
	for _, v := range cpy.Values {
		if err := checkName("enumerator", v.Name); err != nil {
			return nil, err
		}
	}
	return c.keep(t, d, cpy), nil
}

func (c *copier) structure(t *btf.Struct, d depth) (btf.Type, error) {
	cpy := &btf.Struct{Name: t.Name, Size: t.Size, Tags: t.Tags}
	c.keep(t, d, cpy)
	var err error
	cpy.Members, err = c.members(t.Members, t.Size, d)
	if err != nil {
		return nil, fmt.Errorf("struct %s: %w", t.Name, err)
	}
	return cpy, nil
}

func (c *copier) union(t *btf.Union, d depth) (btf.Type, error) {
	cpy := &btf.Union{Name: t.Name, Size: t.Size, Tags: t.Tags}
	c.keep(t, d, cpy)
	var err error
	cpy.Members, err = c.members(t.Members, t.Size, d)
	if err != nil {
		return nil, fmt.Errorf("union %s: %w", t.Name, err)
	}
	return cpy, nil
}

// members copies a structure's members. Empty ones are allowed, the kernel's own
// structures have some, but not ones without a size.
func (c *copier) members(list []btf.Member, size uint32, d depth) ([]btf.Member, error) {
	if d != mapDef {
		d = cut
	}
	out := append([]btf.Member(nil), list...)
	for i := range out {
		m := &out[i]
		if err := c.into(&m.Type, d); err != nil {
			return nil, fmt.Errorf("member %q: %w", m.Name, err)
		}
		n, err := btf.Sizeof(m.Type)
		if err != nil || isVoid(m.Type) {
			return nil, fmt.Errorf("member %q has no size", m.Name)
		}
		bits := uint64(n) * 8
		if m.BitfieldSize != 0 {
			bits = uint64(m.BitfieldSize)
		}
		if uint64(m.Offset)+bits > uint64(size)*8 {
			return nil, fmt.Errorf("member %q ends behind the %d bytes", m.Name, size)
		}
	}
	return out, nil
}

// isVoid reports whether the type is void, whatever its names and qualifiers.
func isVoid(t btf.Type) bool {
	_, ok := btf.UnderlyingType(t).(*btf.Void)
	return ok
}

func (c *copier) function(t *btf.Func, d depth) (btf.Type, error) {
	if err := checkFunc(t); err != nil {
		return nil, err
	}
	cpy := &btf.Func{Name: t.Name, Type: t.Type, Linkage: t.Linkage, Tags: t.Tags, ParamTags: t.ParamTags}
	c.keep(t, d, cpy)
	if err := c.into(&cpy.Type, whole); err != nil {
		return nil, fmt.Errorf("function %s: %w", t.Name, err)
	}
	return cpy, nil
}

func (c *copier) proto(t *btf.FuncProto, d depth) (btf.Type, error) {
	cpy := &btf.FuncProto{Return: t.Return, Params: append([]btf.FuncParam(nil), t.Params...)}
	c.keep(t, d, cpy)
	if err := c.into(&cpy.Return, d); err != nil {
		return nil, err
	}
	for i := range cpy.Params {
		if err := c.into(&cpy.Params[i].Type, d); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return cpy, nil
}

func (c *copier) variable(t *btf.Var, d depth) (btf.Type, error) {
	if err := checkName("variable", t.Name); err != nil {
		return nil, err
	}
	cpy := &btf.Var{Name: t.Name, Type: t.Type, Linkage: t.Linkage, Tags: t.Tags}
	c.keep(t, d, cpy)
	if err := c.into(&cpy.Type, d); err != nil {
		return nil, fmt.Errorf("variable %s: %w", t.Name, err)
	}
	return cpy, nil
}

func (c *copier) datasec(t *btf.Datasec, d depth) (btf.Type, error) {
	if t.Name == mapsSection {
		d = mapDef
	}
	cpy := &btf.Datasec{Name: t.Name, Size: t.Size, Vars: append([]btf.VarSecinfo(nil), t.Vars...)}
	for i := range cpy.Vars {
		if err := c.into(&cpy.Vars[i].Type, d); err != nil {
			return nil, err
		}
	}
	return c.keep(t, d, cpy), nil
}
