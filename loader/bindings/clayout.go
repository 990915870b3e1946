package bindings

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// How a C compiler lays a structure out, to find a declaration that gives the
// offsets of BTF: as it stands, with explicit padding where C would leave none, and
// if that is not enough packed. The rules are those of the System V ABIs: a bit-field
// does not cross a boundary of its type's size unless packed.

// cMember is a member as it is declared, or padding.
type cMember struct {
	m       *btf.Member // nil: padding
	bytes   uint32      // of padding
	padBits uint32      // of padding in a packed structure
}

// cRecord is a declaration of a structure or union.
type cRecord struct {
	members []cMember
	packed  bool
	align   uint32
}

// cRecords are those found so far.
type cRecords map[btf.Type]*cRecord

func (cs cRecords) of(t btf.Type, depth int) (*cRecord, error) {
	if r := cs[t]; r != nil {
		return r, nil
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	for _, packed := range []bool{false, true} {
		r, ok, err := cs.try(t, packed, depth)
		if err != nil {
			return nil, err
		}
		if ok {
			cs[t] = r
			return r, nil
		}
	}
	return nil, fmt.Errorf("its members lie as C puts none")
}

// try lays a structure out; ok is false if its members don't come where they are.
func (cs cRecords) try(t btf.Type, packed bool, depth int) (r *cRecord, ok bool, err error) {
	list, size := body(t)
	_, union := t.(*btf.Union)
	r = &cRecord{packed: packed, align: 1}
	var at, end uint32 // in bits
	for i := range list {
		m := &list[i]
		bytes, err := btf.Sizeof(m.Type)
		if err != nil {
			return nil, false, fmt.Errorf("member '%s': %w", m.Name, err)
		}
		align := uint32(1)
		if !packed {
			if align, err = cs.align(m.Type, depth+1); err != nil {
				return nil, false, fmt.Errorf("member '%s': %w", m.Name, err)
			}
		}
		if union {
			at = 0
		}
		width := uint32(bytes) * 8
		want := uint32(m.Offset)
		if gap := want - at; want > at && !(gap < align*8 && nextPlace(at, align, m, width, packed) == want) {
			if !r.pad(gap, at) {
				return nil, false, nil
			}
			at = want
		}
		if at = nextPlace(at, align, m, width, packed); at != want {
			return nil, false, nil
		}
		if m.BitfieldSize > 0 {
			width = uint32(m.BitfieldSize)
		}
		at += width
		end = max(end, at)
		r.align = max(r.align, align)
		r.members = append(r.members, cMember{m: m})
	}
	return r, r.finish(end, size, union), nil
}

// nextPlace is where C puts a member behind the bit at.
func nextPlace(at, align uint32, m *btf.Member, width uint32, packed bool) uint32 {
	switch {
	case m.BitfieldSize > 0 && (packed || width == 0 || at%width+uint32(m.BitfieldSize) <= width):
		return at
	case m.BitfieldSize > 0:
		return (at + width - 1) / width * width
	}
	unit := align * 8
	return (at + unit - 1) / unit * unit
}

// pad appends padding of so many bits behind the bit at; ok is false if only a packed
// structure can have it.
func (r *cRecord) pad(bits, at uint32) (ok bool) {
	if part := -at % 8; part > 0 {
		part = min(part, bits)
		r.members = append(r.members, cMember{padBits: part})
		bits -= part
		if !r.packed {
			return false
		}
	}
	if bits/8 > 0 {
		r.members = append(r.members, cMember{bytes: bits / 8})
	}
	if bits%8 > 0 {
		r.members = append(r.members, cMember{padBits: bits % 8})
	}
	return r.packed || bits%8 == 0
}

// finish pads a structure to its size; ok is false if C makes it longer.
func (r *cRecord) finish(end, size uint32, union bool) (ok bool) {
	unit := r.align * 8
	whole := (end + unit - 1) / unit * unit
	if whole == size*8 {
		return true
	}
	if whole > size*8 || size%r.align != 0 {
		return false
	}
	if union {
		r.members = append(r.members, cMember{bytes: size})
		return true
	}
	end = (end + 7) / 8
	r.members = append(r.members, cMember{bytes: size - end})
	return true
}

// align is the alignment of a type in C.
func (cs cRecords) align(t btf.Type, depth int) (uint32, error) {
	return alignOf(t, depth, func(t btf.Type, depth int) (uint32, error) {
		r, err := cs.of(t, depth)
		if err != nil {
			return 0, err
		}
		return r.align, nil
	}, func(size uint32) uint32 { return max(size, 1) })
}

// alignOf is the alignment of a type, if record tells that of structures and unions
// and scalar that of numbers, by their size.
func alignOf(t btf.Type, depth int, record func(btf.Type, int) (uint32, error), scalar func(uint32) uint32) (uint32, error) {
	if depth > maxDepth {
		return 0, errTooDeep
	}
	switch u := btf.UnderlyingType(t).(type) {
	case *btf.Array:
		return alignOf(u.Type, depth+1, record, scalar)
	case *btf.Struct, *btf.Union:
		return record(u, depth+1)
	case *btf.Pointer:
		return 8, nil
	case *btf.Int:
		return scalar(u.Size), nil
	case *btf.Enum:
		return scalar(u.Size), nil
	case *btf.Float:
		return scalar(u.Size), nil
	}
	return 0, fmt.Errorf("there are no values of type %s", t)
}
