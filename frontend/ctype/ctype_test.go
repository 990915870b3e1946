package ctype

import (
	"bytes"
	"testing"
)

func TestScalars(t *testing.T) {
	for _, c := range []struct {
		decl   string
		size   int
		signed bool
		be     bool
		bool   bool
	}{
		{"char", 1, true, false, false},
		{"unsigned char", 1, false, false, false},
		{"const volatile unsigned int", 4, false, false, false},
		{"unsigned", 4, false, false, false},
		{"long unsigned int", 8, false, false, false},
		{"int long long unsigned", 8, false, false, false},
		{"long long", 8, true, false, false},
		{"short int", 2, true, false, false},
		{"uint8_t", 1, false, false, false},
		{"int64_t", 8, true, false, false},
		{"__u16", 2, false, false, false},
		{"s32", 4, true, false, false},
		{"size_t", 8, false, false, false},
		{"pid_t", 4, true, false, false},
		{"bool", 1, false, false, true},
		{"__be16", 2, false, true, false},
		{"__be32", 4, false, true, false},
		{"__be64", 8, false, true, false},
		{"__sum16", 2, false, true, false},
	} {
		ty, err := NewScope(false).Type(c.decl)
		if err != nil {
			t.Errorf("%s: %v", c.decl, err)
			continue
		}
		if Size(ty) != c.size || Signed(ty) != c.signed || BigEndian(ty) != c.be || IsBool(ty) != c.bool || !IsScalar(ty) {
			t.Errorf("%s: size %d signed %v be %v bool %v", c.decl, Size(ty), Signed(ty), BigEndian(ty), IsBool(ty))
		}
	}
	for _, bad := range []string{"", "const", "uint32", "unsigned float", "int int", "struct x [2]", "short long", "char [", "int x"} {
		if ty, err := NewScope(false).Type(bad); err == nil {
			t.Errorf("%q is read as %s", bad, Name(ty))
		}
	}
}

// TestNames checks that every name suggested to a person can be used.
func TestNames(t *testing.T) {
	for _, n := range Names() {
		ty, err := NewScope(false).Type(n)
		if known, ok := Scalar(n); err != nil || Name(ty) != n || !ok || known != ty {
			t.Errorf("%s: %v, %v", n, ty, err)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		decl        string
		bits        uint64
		little, big []byte
	}{
		{"uint32_t", 0x01020304, []byte{4, 3, 2, 1}, []byte{1, 2, 3, 4}},
		{"__be32", 0x01020304, []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}},
		{"int16_t", ^uint64(0), []byte{255, 255}, []byte{255, 255}},
		{"uint8_t", 0x1ff, []byte{255}, []byte{255}},
		{"bool", 7, []byte{1}, []byte{1}},
	} {
		ty, ok := Scalar(c.decl)
		if !ok {
			t.Fatal(c.decl)
		}
		if got := Encode(ty, c.bits, false); !bytes.Equal(got, c.little) {
			t.Errorf("%s little-endian: %v", c.decl, got)
		}
		if got := Encode(ty, c.bits, true); !bytes.Equal(got, c.big) {
			t.Errorf("%s big-endian: %v", c.decl, got)
		}
	}
}
