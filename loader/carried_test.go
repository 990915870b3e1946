package loader_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader"
)

// carrying makes an object that carries contents of a map and a target.
const carrying = "m = bpf.map('hash', 9) m[1] = 2 m[3] = 4 bpf.xdp('eth0', function() return m[1] or 0 end)"

// TestOpenManifest changes what an object carries: it is an error that says what is
// wrong, and no other one.
func TestOpenManifest(t *testing.T) {
	obj, err := luabpfc.Compile(luabpfc.Source{Name: "c.lua", Text: carrying}, luabpfc.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(obj.ELF, []byte("luabpfc\x01"))
	for _, tc := range []struct {
		off  int
		new  byte
		want string
	}{
		{0, 'L', "section .luabpfc is broken"},
		{7, 9, "a newer luabpfc made the object"},
		{8, 200, "section .luabpfc is broken"},
		{12, 'n', "entries of map 'n' that don't fit it"},
		{13, 2, "section .luabpfc is broken"},
	} {
		b := bytes.Clone(obj.ELF)
		b[at+tc.off] = tc.new
		if _, err := loader.Open(b); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("byte %d = %d: %v, want %s", tc.off, tc.new, err, tc.want)
		}
	}
}
