package loader

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func TestDecodeValue(t *testing.T) {
	u8 := &btf.Int{Name: "unsigned char", Size: 1}
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	u16 := &btf.Int{Name: "unsigned short", Size: 2}
	s32 := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	self := &btf.Struct{Name: "self", Size: 4}
	self.Members = []btf.Member{{Name: "s", Type: self}}
	native := binary.NativeEndian
	for _, tc := range []struct {
		typ   btf.Type
		bytes []byte
		plain string
		json  string
	}{
		{nil, native.AppendUint32(nil, 7), "7", `7`},
		{nil, []byte{1, 2, 3}, "010203", `"010203"`},
		{s32, native.AppendUint32(nil, 0xfffffffe), "-2", `-2`},
		{&btf.Typedef{Name: "__be16", Type: &btf.Typedef{Name: "__u16", Type: u16}}, []byte{0, 80}, "80", `80`},
		{&btf.Const{Type: &btf.Volatile{Type: u8}}, []byte{9}, "9", `9`},
		{&btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}, []byte{1}, "true", `true`},
		{&btf.Array{Type: char, Nelems: 4}, []byte("ab\x00c"), "ab", `"ab"`},
		{&btf.Array{Type: u8, Nelems: 2}, []byte{1, 2}, "[1 2]", `[1,2]`},
		{&btf.Array{Type: u8, Nelems: 1 << 30}, []byte{1, 2}, "513", `513`},
		{&btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 1}}}, native.AppendUint32(nil, 1), "A", `"A"`},
		{&btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 1}}}, native.AppendUint32(nil, 2), "2", `2`},
		{&btf.Pointer{Target: s32}, native.AppendUint64(nil, 0xff), "0xff", `"0xff"`},
		{&btf.Struct{Size: 4, Members: []btf.Member{{Name: "b", Type: u8}, {Name: "", Type: &btf.Union{Size: 1, Members: []btf.Member{{Name: "a", Type: u8}}}, Offset: 8}}},
			[]byte{1, 2, 0, 0}, "b=1 a=2", `{"b":1,"a":2}`},
		{s32, []byte{1}, "1", `1`},
	} {
		if tc.typ != nil && native.Uint16([]byte{0, 1}) == 1 && tc.plain == "513" {
			continue
		}
		v := DecodeValue(tc.typ, tc.bytes)
		if got := Plain(v); got != tc.plain {
			t.Errorf("%v: %s, want %s", tc.typ, got, tc.plain)
		}
		if got, err := json.Marshal(v); err != nil || string(got) != tc.json {
			t.Errorf("%v: %s, want %s: %v", tc.typ, got, tc.json, err)
		}
	}
	DecodeValue(self, []byte{1, 2, 3, 4}) // ends
}

// TestExamine holds the findings to what the command promises.
func TestExamine(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Examine() {
		if f.Name == "" || seen[f.Name] || f.State == Missing && f.Effect == "" || f.State != OK && f.State != Note && f.State != Missing {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
	if len(seen) == 0 {
		t.Error("there are no findings")
	}
}
