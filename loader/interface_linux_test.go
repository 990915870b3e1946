package loader

import (
	"net"
	"testing"
)

// TestInterfaces compares our list of interfaces with package net's.
func TestInterfaces(t *testing.T) {
	want, err := net.Interfaces()
	if err != nil || len(want) == 0 {
		t.Skipf("no interfaces: %v", err)
	}
	got, err := Interfaces()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v; want %v", got, err, want)
	}
	for i, w := range want {
		if got[i].Index != w.Index || got[i].Name != w.Name {
			t.Errorf("%v, want %d %s", got[i], w.Index, w.Name)
		}
		if one, err := InterfaceByName(w.Name); err != nil || *one != got[i] {
			t.Errorf("%s is %v, %v", w.Name, one, err)
		}
	}
	if one, err := InterfaceByName("nosuch0"); err == nil {
		t.Errorf("nosuch0 is %v", one)
	}
}
