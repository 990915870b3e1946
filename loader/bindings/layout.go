package bindings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// member is a member of a structure as user space names it: those of anonymous
// structures and unions in it count as its own.
type member struct {
	name    string
	typ     btf.Type
	bit     uint32 // offset from the structure's start
	bits    uint32 // width of a bit-field; 0: none
	size    uint32 // in bytes, of what is no bit-field
	overlap bool   // lies in a union
}

// first and last are the bytes that hold the member.
func (m *member) first() uint32 { return m.bit / 8 }

func (m *member) end() uint32 {
	if m.bits > 0 {
		return (m.bit + m.bits + 7) / 8
	}
	return m.first() + m.size
}

var errTooDeep = errors.New("types are nested too deep")

// membersOf returns the members of a structure or union, by their offsets. What has
// no size, as an array at the end, is left out.
func membersOf(t btf.Type) ([]member, error) {
	all, err := appendMembers(nil, t, 0, false, 0)
	slices.SortStableFunc(all, func(a, b member) int { return cmp.Compare(a.bit, b.bit) })
	return all, err
}

func appendMembers(all []member, t btf.Type, at uint32, overlap bool, depth int) ([]member, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	list, size := body(t)
	_, union := t.(*btf.Union)
	for _, m := range list {
		bit := at + uint32(m.Offset)
		if _, own := body(btf.UnderlyingType(m.Type)); own > 0 && m.Name == "" {
			var err error
			if all, err = appendMembers(all, btf.UnderlyingType(m.Type), bit, overlap || union, depth+1); err != nil {
				return nil, err
			}
			continue
		}
		n, err := btf.Sizeof(m.Type)
		if err != nil {
			return nil, fmt.Errorf("member '%s': %w", m.Name, err)
		}
		if m.Name == "" || n == 0 {
			continue
		}
		x := member{name: m.Name, typ: m.Type, bit: bit, bits: uint32(m.BitfieldSize), size: uint32(n), overlap: overlap || union}
		if x.bits == 0 && x.bit%8 != 0 || x.end() > at/8+size {
			return nil, fmt.Errorf("member '%s' lies outside of its structure", m.Name)
		}
		all = append(all, x)
	}
	return all, nil
}

// body returns the members and the size of a structure or union.
func body(t btf.Type) ([]btf.Member, uint32) {
	switch u := t.(type) {
	case *btf.Struct:
		return u.Members, u.Size
	case *btf.Union:
		return u.Members, u.Size
	}
	return nil, 0
}

// part is a piece of a structure in Go: a field for a member, raw bytes that
// members are methods on, or padding.
type part struct {
	off, size uint32
	field     *member
	raw       []member
}

// layout is a structure as Go has it.
type layout struct {
	parts []part
	size  uint32
	align uint32 // Go's, on the architectures where it is greatest
}

// layouts are those of the types seen so far.
type layouts map[btf.Type]*layout

// of lays a structure or union out.
func (ls layouts) of(t btf.Type, depth int) (*layout, error) {
	if l := ls[t]; l != nil {
		return l, nil
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	members, err := membersOf(t)
	if err != nil {
		return nil, err
	}
	_, size := body(t)
	l := &layout{size: size, align: 1}
	var end uint32
	for i := range members {
		m := &members[i]
		plain, align, err := ls.plain(m, size, depth)
		if err != nil {
			return nil, fmt.Errorf("member '%s': %w", m.name, err)
		}
		last := len(l.parts) - 1
		switch {
		case plain:
			if m.first() < end {
				return nil, fmt.Errorf("member '%s' lies on another one", m.name)
			}
			l.parts = append(padded(l.parts, end, m.first()), part{off: m.first(), size: m.size, field: m})
			l.align = max(l.align, align)
		case last >= 0 && l.parts[last].raw != nil && m.first() <= end:
			p := &l.parts[last]
			p.raw = append(p.raw, *m)
			p.size = max(p.size, m.end()-p.off)
		case m.first() < end:
			return nil, fmt.Errorf("member '%s' lies on another one", m.name)
		default:
			l.parts = append(padded(l.parts, end, m.first()), part{off: m.first(), size: m.end() - m.first(), raw: []member{*m}})
		}
		end = max(end, m.end())
	}
	l.parts = padded(l.parts, end, size)
	ls[t] = l
	return l, nil
}

// padded appends the padding from one offset to another.
func padded(parts []part, from, to uint32) []part {
	if from >= to {
		return parts
	}
	return append(parts, part{off: from, size: to - from})
}

// plain reports whether a member of a structure of the given size is a field in Go,
// and with which alignment.
func (ls layouts) plain(m *member, size uint32, depth int) (ok bool, align uint32, err error) {
	if align, err = ls.align(m.typ, depth+1); err != nil {
		return false, 0, err
	}
	return m.bits == 0 && !m.overlap && m.bit/8%align == 0 && size%align == 0, align, nil
}

// align is the alignment of a type in Go.
func (ls layouts) align(t btf.Type, depth int) (uint32, error) {
	return alignOf(t, depth, func(t btf.Type, depth int) (uint32, error) {
		l, err := ls.of(t, depth)
		if err != nil {
			return 0, err
		}
		return l.align, nil
	}, scalarAlign)
}

func scalarAlign(size uint32) uint32 {
	switch size {
	case 1, 2, 4, 8:
		return size
	}
	return 1 // an array of bytes in Go
}
