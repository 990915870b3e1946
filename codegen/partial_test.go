package codegen

import (
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/codegen/bpf"
)

// writtenTwice stores a key of two halves, and one of them again.
const writtenTwice = `license "GPL"
map m hash key 8 value 8 entries 16
func filter(ctx ptr) kind KIND low {
	slot s0 8 align 8 "key"
b0:
	v0 = slot s0
	v1 = const 7
	store v0, v1, stack+0 u32
	store v0, v1, stack+4 u32
	v2 = map m
	v3 = call map_delete_elem(v2, v0)
	store v0, v1, stack+4 u32
	v4 = call map_delete_elem(v2, v0)
	v5 = add v3, v4
	ret v5
}
`

// TestHiddenWhereNeeded: nothing is hidden from verifiers that nobody asks without
// CAP_PERFMON, and what hides a number changes none, in either byte order.
func TestHiddenWhereNeeded(t *testing.T) {
	for _, tt := range []struct {
		head, kind string
		want       bpf.Op
	}{
		{"", "socket", bpf.ToLE}, {"bigendian\n", "socket", bpf.ToBE}, {"", "kprobe", 0},
	} {
		out, err := Compile(parse(t, "twice", tt.head+strings.Replace(writtenTwice, "KIND", tt.kind, 1)), Options{Check: true})
		if err != nil {
			t.Fatal(err)
		}
		var got bpf.Op
		for _, in := range out.Funcs[0].Insts {
			if in.Op == bpf.ToLE || in.Op == bpf.ToBE {
				got = in.Op
			}
		}
		if got != tt.want {
			t.Errorf("%s%s: %v hides the number, want %v", tt.head, tt.kind, got, tt.want)
		}
	}
}
