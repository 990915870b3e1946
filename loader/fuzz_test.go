package loader

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
)

// sample is an object of the compiler's.
func sample(t testing.TB) []byte {
	b, err := os.ReadFile("../examples/protocount/protocount.o")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOpenTruncated opens every prefix of an object: an error, or what is left of
// it, and no panic.
func TestOpenTruncated(t *testing.T) {
	b := sample(t)
	opened := 0
	for n := 0; n <= len(b); n += 7 {
		if _, err := Open(b[:n]); err == nil {
			opened++
		}
	}
	if _, err := Open(b); err != nil || opened > 20 {
		t.Errorf("%v; %d prefixes open", err, opened)
	}
}

// TestOpenChanged opens objects in which a few bytes are others.
func TestOpenChanged(t *testing.T) {
	b := sample(t)
	r := rand.New(rand.NewPCG(1, 2))
	opened := 0
	for range 2000 {
		c := bytes.Clone(b)
		for range 1 + r.IntN(4) {
			c[r.IntN(len(c))] = byte(r.Uint32())
		}
		if o, err := Open(c); err == nil {
			opened++
			o.Programs()
			o.Maps()
		}
	}
	if opened == 0 || opened == 2000 {
		t.Errorf("%d of 2000 open", opened)
	}
}

// FuzzOpen opens what may come from anywhere.
func FuzzOpen(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Open(b)
		if err != nil {
			return
		}
		o.Programs()
		o.Maps()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
}
