package loader

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Value is what bytes of a map mean by their type, as a tree of what JSON has:
// json.Number, string, bool, []Value, Members.
type Value any

// Members are those of a struct or union, in the order of their declaration.
type Members []Member

// Member is one of them.
type Member struct {
	Name  string
	Value Value
}

// MarshalJSON writes an object with the members in order.
func (m Members) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, x := range m {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), v...)
	}
	return append(b, '}'), nil
}

// Plain writes a value for people: members as name=value, lists in brackets.
func Plain(v Value) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case []Value:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Plain(e)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case Members:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = m.Name + "=" + Plain(m.Value)
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}

// maxDepth is how deep types may be nested.
const maxDepth = 32

// DecodeValue reads b by its type, nil if that is not known: then it is a number if
// it is as long as one, and hexadecimal digits if not.
func DecodeValue(t btf.Type, b []byte) Value { return decodeAs(t, b, 0) }

func decodeAs(t btf.Type, b []byte, depth int) Value {
	if t == nil || depth > maxDepth {
		return untyped(b)
	}
	big := false
	for td, ok := btf.As[*btf.Typedef](t); ok; td, ok = btf.As[*btf.Typedef](t) {
		big = big || strings.HasPrefix(td.Name, "__be") || td.Name == "__sum16"
		t = td.Type
	}
	t = btf.UnderlyingType(t)
	if size, err := btf.Sizeof(t); err != nil || size > len(b) {
		return untyped(b)
	} else if size > 0 {
		b = b[:size]
	}
	switch t := t.(type) {
	case *btf.Int:
		return decodeInt(t, b, big)
	case *btf.Enum:
		return decodeEnum(t, b)
	case *btf.Pointer:
		n, _ := decode(b)
		return fmt.Sprintf("%#x", n)
	case *btf.Float:
		return decodeFloat(b)
	case *btf.Array:
		return decodeArray(t, b, depth)
	case *btf.Struct:
		return decodeMembers(t.Members, b, depth)
	case *btf.Union:
		return decodeMembers(t.Members, b, depth)
	}
	return untyped(b)
}

func untyped(b []byte) Value {
	if n, err := decode(b); err == nil {
		return json.Number(strconv.FormatUint(n, 10))
	}
	return hex.EncodeToString(b)
}

func decodeInt(t *btf.Int, b []byte, big bool) Value {
	if big {
		b = append([]byte(nil), b...)
		for i, j := 0, len(b)-1; i < j && !nativeBigEndian(); i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
	n, err := decode(b)
	switch {
	case err != nil:
		return hex.EncodeToString(b)
	case t.Encoding == btf.Bool:
		return n != 0
	case t.Encoding == btf.Signed:
		shift := 64 - 8*len(b)
		return json.Number(strconv.FormatInt(int64(n<<shift)>>shift, 10))
	}
	return json.Number(strconv.FormatUint(n, 10))
}

func nativeBigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

func decodeEnum(t *btf.Enum, b []byte) Value {
	n, err := decode(b)
	if err != nil {
		return untyped(b)
	}
	shift := 64 - 8*len(b)
	for _, v := range t.Values {
		if v.Value<<shift == n<<shift {
			return v.Name
		}
	}
	return json.Number(strconv.FormatUint(n, 10))
}

func decodeFloat(b []byte) Value {
	n, err := decode(b)
	var f float64
	switch {
	case err == nil && len(b) == 4:
		f = float64(math.Float32frombits(uint32(n)))
	case err == nil && len(b) == 8:
		f = math.Float64frombits(n)
	default:
		return untyped(b)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Sprint(f)
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// decodeArray reads an array, one of char as text up to its first zero.
func decodeArray(t *btf.Array, b []byte, depth int) Value {
	if i, ok := btf.UnderlyingType(t.Type).(*btf.Int); ok && i.Size == 1 && (i.Name == "char" || i.Encoding == btf.Char) {
		s, _, _ := strings.Cut(string(b), "\x00")
		return strings.ToValidUTF8(s, "?")
	}
	size, err := btf.Sizeof(t.Type)
	if err != nil || size == 0 || uint64(size)*uint64(t.Nelems) > uint64(len(b)) {
		return untyped(b)
	}
	list := make([]Value, t.Nelems)
	for i := range list {
		list[i] = decodeAs(t.Type, b[i*size:], depth+1)
	}
	return list
}

func decodeMembers(members []btf.Member, b []byte, depth int) Value {
	all := Members{}
	for _, m := range members {
		var v Value
		off := int(m.Offset.Bytes())
		switch {
		case m.BitfieldSize > 0:
			v = decodeBits(m, b)
		case off <= len(b):
			v = decodeAs(m.Type, b[off:], depth+1)
		default:
			continue
		}
		if inner, ok := v.(Members); ok && m.Name == "" {
			all = append(all, inner...)
			continue
		}
		all = append(all, Member{m.Name, v})
	}
	return all
}

// decodeBits reads a bit-field.
func decodeBits(m btf.Member, b []byte) Value {
	var n uint64
	for i := range uint32(m.BitfieldSize) {
		at := uint32(m.Offset) + i
		if int(at/8) >= len(b) || i >= 64 {
			break
		}
		if nativeBigEndian() {
			n = n<<1 | uint64(b[at/8]>>(7-at%8)&1)
		} else {
			n |= uint64(b[at/8]>>(at%8)&1) << i
		}
	}
	if t, ok := btf.UnderlyingType(m.Type).(*btf.Int); ok && t.Encoding == btf.Signed {
		shift := 64 - uint32(m.BitfieldSize)
		return json.Number(strconv.FormatInt(int64(n<<shift)>>shift, 10))
	}
	return json.Number(strconv.FormatUint(n, 10))
}
