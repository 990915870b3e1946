package ctype

import "github.com/cilium/ebpf/btf"

// Layout of structs and unions is that of the System V ABI as clang implements
// it for the bpf target:
//
//   - a member lies at the next multiple of its alignment; in a packed record,
//     or when it is itself packed, at the next byte; aligned(n) raises that;
//   - a bit-field follows the one before it, bit by bit; when it would cross a
//     boundary of its type's size it moves to the next multiple of its type's
//     alignment, in packed records it stays;
//   - a bit-field of no bits moves what follows to its type's next boundary;
//   - a record is as aligned as its most aligned named member, and as long as a
//     multiple of that.
//
// Bits are counted in the order of declaration. On a little-endian target bit 0
// of a byte is its least significant one, on a big-endian target its most
// significant one; offsets are the same.

// field is a member as it was declared.
type field struct {
	name  string
	at    int
	typ   Type
	bits  int // of a bit-field, otherwise -1
	attrs attributes
}

// layout places the members of a record one by one. Positions are in bits.
type layout struct {
	sc            *Scope
	union, packed bool
	members       []btf.Member
	size          uint64 // the end so far, in bits
	align         uint64 // in bytes
	last          uint64 // offset of the last member
	bitfields     bool
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) / align * align }

// add places a member; false if the record gets too large.
func (l *layout) add(f field) bool {
	align := uint64(l.sc.Alignof(f.typ))
	packed := l.packed || f.attrs.packed
	if packed && f.bits != 0 {
		align = 1
	}
	given := uint64(f.attrs.align)
	align = max(align, given)
	at, n := uint64(0), 8*uint64(Size(f.typ))
	switch {
	case f.bits < 0:
		if !l.union {
			at = alignUp(alignUp(l.size, 8), 8*align)
		}
	default:
		if !l.union {
			at = l.size
		}
		unit := n
		n = uint64(f.bits)
		// A packed bit-field is aligned to a bit, any other to its type.
		bits := 8 * align
		if packed && n != 0 {
			bits = max(1, 8*given)
		}
		switch {
		case n == 0 || at&(bits-1)+n > unit:
			at = alignUp(at, bits)
		case given != 0:
			at = alignUp(at, 8*given)
		}
		if f.name == "" {
			align = 1
		}
	}
	l.align = max(l.align, align)
	if l.union {
		l.size = max(l.size, alignUp(n, 8))
	} else {
		l.size = at + n
	}
	if l.size > 8*maxSize {
		return false
	}
	if f.name == "" && f.bits >= 0 {
		return true
	}
	m := btf.Member{Name: f.name, Type: f.typ, Offset: btf.Bits(at), Tags: f.attrs.tags}
	if f.bits >= 0 {
		m.BitfieldSize, l.bitfields = btf.Bits(f.bits), true
	}
	l.last = max(l.last, at)
	l.members = append(l.members, m)
	return true
}

// finish returns the record's size and alignment, which is at least align.
func (l *layout) finish(align uint32) (size uint32, alignment uint64, ok bool) {
	l.align = max(l.align, uint64(align))
	n := alignUp(alignUp(l.size, 8)/8, l.align)
	return uint32(n), l.align, n <= maxSize
}
