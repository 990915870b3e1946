package btf

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Pruning the types of relocations
//
// A relocation names a field by a type and a way through it, and the loader looks
// for a field of the same names in the running kernel. Of the type it needs no
// more than the members on the way, so that is what the object gets: a
// task_struct with three members rather than with 260 and all that these hold.
// Offsets and sizes stay, they are the numbers that the instructions hold; the
// numbers of members become those of the pruned type.
//
// A type that stands elsewhere in the object too, as a map's value for one, is
// whole there.

// A pruner knows which parts of types the relocations of an object name.
type pruner struct {
	members map[btf.Type]map[int]bool // of structures, and enumerators of enums
	made    map[btf.Type]btf.Type
}

// pruneRelos returns the sections with relocations that refer to pruned types.
func pruneRelos(sections []Section) ([]Section, error) {
	p := &pruner{members: map[btf.Type]map[int]bool{}, made: map[btf.Type]btf.Type{}}
	for i := range sections {
		for _, r := range sections[i].Relos {
			if err := p.note(&r); err != nil {
				return nil, fmt.Errorf("section %q: offset %d: %w", sections[i].Name, r.Offset, err)
			}
		}
	}
	out := slices.Clone(sections)
	for i := range out {
		out[i].Relos = slices.Clone(out[i].Relos)
		for j := range out[i].Relos {
			p.rewrite(&out[i].Relos[j])
		}
	}
	return out, nil
}

// note notes the parts that a relocation names.
func (p *pruner) note(r *Relo) error {
	if r.Type == nil {
		return fmt.Errorf("a type is missing")
	}
	if r.Kind >= numReloKinds || len(r.Path) == 0 || slices.Min(r.Path) < 0 {
		return fmt.Errorf("invalid kind %d or path %v", r.Kind, r.Path)
	}
	t := btf.UnderlyingType(r.Type)
	if p.members[t] == nil {
		p.members[t] = map[int]bool{}
	}
	switch {
	case r.Kind == EnumValueExists || r.Kind == EnumValue:
		e, ok := t.(*btf.Enum)
		if !ok || r.Path[0] >= len(e.Values) {
			return fmt.Errorf("enumerator %d of %v", r.Path[0], t)
		}
		p.members[t][r.Path[0]] = true
		return nil
	case r.Kind > FieldRShift64:
		return nil
	}
	for _, n := range r.Path[1:] {
		switch u := t.(type) {
		case *btf.Struct, *btf.Union:
			list := membersOf(u)
			if n >= len(list) {
				return fmt.Errorf("%s has no member %d", u.TypeName(), n)
			}
			if p.members[u] == nil {
				p.members[u] = map[int]bool{}
			}
			p.members[u][n] = true
			t = btf.UnderlyingType(list[n].Type)
		case *btf.Array:
			t = btf.UnderlyingType(u.Type)
		default:
			return fmt.Errorf("the path %v leads through %v", r.Path, t)
		}
	}
	return nil
}

func membersOf(t btf.Type) []btf.Member {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

// position returns the number of part n among those kept.
func (p *pruner) position(t btf.Type, n int) int {
	at := 0
	for m := range p.members[t] {
		if m < n {
			at++
		}
	}
	return at
}

// rewrite makes a relocation refer to the pruned type.
func (p *pruner) rewrite(r *Relo) {
	t := btf.UnderlyingType(r.Type)
	if td, ok := r.Type.(*btf.Typedef); ok && r.Kind > FieldRShift64 {
		r.Type = &btf.Typedef{Name: td.Name, Type: p.prune(t)}
		return
	}
	r.Type = p.prune(t)
	if r.Kind == EnumValueExists || r.Kind == EnumValue {
		r.Path = []int{p.position(t, r.Path[0])}
		return
	}
	if r.Kind > FieldRShift64 {
		return
	}
	r.Path = slices.Clone(r.Path)
	for i, n := range r.Path[1:] {
		if list := membersOf(t); list != nil {
			r.Path[i+1] = p.position(t, n)
			t = btf.UnderlyingType(list[n].Type)
		} else if a, ok := t.(*btf.Array); ok {
			t = btf.UnderlyingType(a.Type)
		}
	}
}

// prune returns t with the parts that relocations name.
func (p *pruner) prune(t btf.Type) btf.Type {
	t = btf.UnderlyingType(t)
	if made, ok := p.made[t]; ok {
		return made
	}
	switch u := t.(type) {
	case *btf.Struct:
		out := &btf.Struct{Name: u.Name, Size: u.Size}
		p.made[t] = out
		out.Members = p.kept(t, u.Members)
		return out
	case *btf.Union:
		out := &btf.Union{Name: u.Name, Size: u.Size}
		p.made[t] = out
		out.Members = p.kept(t, u.Members)
		return out
	case *btf.Enum:
		if p.members[t] == nil {
			return t
		}
		out := &btf.Enum{Name: u.Name, Size: u.Size, Signed: u.Signed}
		for i, v := range u.Values {
			if p.members[t][i] {
				out.Values = append(out.Values, v)
			}
		}
		p.made[t] = out
		return out
	case *btf.Array:
		return &btf.Array{Index: u.Index, Type: p.prune(u.Type), Nelems: u.Nelems}
	case *btf.Pointer:
		if _, declared := btf.UnderlyingType(u.Target).(*btf.Fwd); !declared && forward(u.Target) == nil {
			return &btf.Pointer{Target: &btf.Void{}} // loaders do not look behind it
		}
	}
	return t
}

func (p *pruner) kept(t btf.Type, list []btf.Member) []btf.Member {
	var out []btf.Member
	for i, m := range list {
		if p.members[t][i] {
			m.Type, m.Tags = p.prune(m.Type), nil
			out = append(out, m)
		}
	}
	return out
}
