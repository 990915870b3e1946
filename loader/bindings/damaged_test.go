package bindings_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/luabpfc/luabpfc/loader"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// TestDamaged changes bytes of an object: what comes of it is bindings that are Go, or
// an error. loader.Open has looked at it before, as in the command.
func TestDamaged(t *testing.T) {
	whole := read(t, "testdata/drive/flows/flows.lua", false).ELF
	rng := rand.New(rand.NewPCG(1, 2))
	opened, written := 0, 0
	for range 600 {
		elf := append([]byte(nil), whole...)
		for range 1 + rng.IntN(3) {
			elf[rng.IntN(len(elf))] ^= byte(1 << rng.IntN(8))
		}
		if _, err := loader.Open(elf); err != nil {
			continue
		}
		o, err := bindings.Read(elf)
		if err != nil {
			continue
		}
		opened++
		// Formatting fails on what is no Go: that is a bug.
		switch _, err := o.Go(bindings.Options{Package: "p", Name: "P", Object: "p.o", Command: "a test"}); {
		case err == nil:
			written++
		case strings.HasPrefix(err.Error(), "formatting"):
			t.Error(err)
		}
		o.Header("p", "a test")
	}
	t.Logf("%d opened, %d written", opened, written)
	if opened < 100 || written < 100 {
		t.Error("hardly any object was read")
	}
}
