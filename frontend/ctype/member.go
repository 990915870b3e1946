package ctype

import "github.com/cilium/ebpf/btf"

// Member is a member of a struct or union as it is found from outside.
type Member struct {
	Name      string
	Type      Type
	Offset    int // in bytes; of a bit-field, of the byte its first bit is in
	BitOffset int // in bits, in the order of declaration
	Bits      int // width of a bit-field, 0 for any other member
	Path      []int
}

// Fields returns the members of a struct or union as they were declared;
// nil for any other type.
func Fields(t Type) []btf.Member {
	switch t := Underlying(t).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

// IsRecord reports whether t is a struct or union.
func IsRecord(t Type) bool {
	switch Underlying(t).(type) {
	case *btf.Struct, *btf.Union:
		return true
	}
	return false
}

// FindMember returns the member of t of that name. Members of anonymous members
// are members of t. Path leads to it, an index for each level.
func FindMember(t Type, name string) (Member, bool) {
	if name == "" {
		return Member{}, false
	}
	return find(t, name, 0, nil)
}

func find(t Type, name string, base int, path []int) (Member, bool) {
	fields := Fields(t)
	for i, f := range fields {
		if f.Name == name {
			at := base + int(f.Offset)
			return Member{name, f.Type, at / 8, at, int(f.BitfieldSize), append(path, i)}, true
		}
	}
	for i, f := range fields {
		if f.Name != "" || !IsRecord(f.Type) {
			continue
		}
		if m, ok := find(f.Type, name, base+int(f.Offset), append(path[:len(path):len(path)], i)); ok {
			return m, true
		}
	}
	return Member{}, false
}

// MemberNames returns the names that FindMember finds in t, in the order of
// declaration.
func MemberNames(t Type) []string {
	var out []string
	for _, f := range Fields(t) {
		if f.Name != "" {
			out = append(out, f.Name)
		} else {
			out = append(out, MemberNames(f.Type)...)
		}
	}
	return out
}

// AllMembers returns the members that FindMember finds in t, in the order of
// declaration, without their paths.
func AllMembers(t Type) []Member { return appendMembers(nil, t, 0, false) }

// InitMembers returns the members that values given in order go to: all of a
// struct's, the first of a union's.
func InitMembers(t Type) []Member { return appendMembers(nil, t, 0, true) }

func appendMembers(out []Member, t Type, base int, init bool) []Member {
	n := len(out)
	for _, f := range Fields(t) {
		at := base + int(f.Offset)
		if f.Name != "" {
			out = append(out, Member{Name: f.Name, Type: f.Type, Offset: at / 8, BitOffset: at, Bits: int(f.BitfieldSize)})
		} else {
			out = appendMembers(out, f.Type, at, init)
		}
		if init && IsUnion(t) && len(out) > n {
			break
		}
	}
	return out
}

// Unit is a piece of a bit-field: an aligned integer in memory that holds some
// of its bits.
type Unit struct {
	Offset int // in bytes, from the start of the record
	Size   int // in bytes: 1, 2, 4 or 8
	Shift  int // of the piece's lowest bit in the integer
	Bits   int // of the piece
	Place  int // of the piece's lowest bit in the bit-field's value
}

// Units returns where the bits of a bit-field lie: in a single unit unless it
// crosses one, as it may in packed structs. No unit reaches beyond size, the
// size of the record around it. Units are integers of the target's byte order.
func (m Member) Units(size int, bigEndian bool) []Unit {
	first, last := m.BitOffset/8, (m.BitOffset+m.Bits-1)/8
	for n := 1; n <= 8; n *= 2 {
		at := first / n * n
		if last < at+n && at+n <= size {
			return []Unit{m.unit(at, n, m.BitOffset, m.BitOffset+m.Bits, bigEndian)}
		}
	}
	var out []Unit
	for at := first; at <= last; at++ {
		from, to := max(m.BitOffset, 8*at), min(m.BitOffset+m.Bits, 8*at+8)
		out = append(out, m.unit(at, 1, from, to, bigEndian))
	}
	return out
}

// unit is the piece of bits [from, to) in the n bytes at offset at.
func (m Member) unit(at, n, from, to int, bigEndian bool) Unit {
	u := Unit{Offset: at, Size: n, Bits: to - from, Shift: from - 8*at, Place: from - m.BitOffset}
	if bigEndian {
		u.Shift, u.Place = 8*(at+n)-to, m.BitOffset+m.Bits-to
	}
	return u
}
