package btf

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// EventField is a member of a structure that a decoder makes a text of.
type EventField struct {
	Name         string
	Offset, Size uint32 // bytes
	Signed, Bool bool
	Hex          bool // a pointer, or tagged ipft:fmt:hex
}

// EventFields returns the members of a structure of integers and pointers, which is
// what ipftrace2 makes texts of.
func EventFields(t Type) ([]EventField, error) {
	s, ok := btf.UnderlyingType(t).(*btf.Struct)
	if !ok {
		return nil, fmt.Errorf("it is no structure")
	}
	var out []EventField
	for _, m := range s.Members {
		f := EventField{Name: m.Name, Offset: m.Offset.Bytes(), Hex: slices.Contains(m.Tags, "ipft:fmt:hex")}
		switch u := btf.UnderlyingType(m.Type).(type) {
		case *btf.Int:
			f.Size, f.Signed, f.Bool = u.Size, u.Encoding == btf.Signed, u.Encoding == btf.Bool
		case *btf.Pointer:
			f.Size, f.Hex = 8, true
		default:
			return nil, fmt.Errorf("member '%s' is no number", m.Name)
		}
		if m.BitfieldSize != 0 || m.Offset%8 != 0 {
			return nil, fmt.Errorf("member '%s' is a bit-field", m.Name)
		}
		out = append(out, f)
	}
	return out, nil
}
