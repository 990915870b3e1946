package tables

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
)

func TestTables(t *testing.T) {
	var objs tablesObjects
	if err := loadTablesObjects(&objs, nil); err != nil {
		t.Fatal(err)
	}
	defer objs.Close()
	var n uint32
	if err := objs.Ports.Lookup(uint16(443), &n); err != nil || n != 2 {
		t.Errorf("ports[443] is %d, %v", n, err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	each := make([]uint64, cpus)
	if err := objs.Slots.Lookup(uint32(2), &each); err != nil {
		t.Fatal(err)
	}
	for i, n := range each {
		if n != 40 {
			t.Errorf("slots[2] of CPU %d is %d", i, n)
		}
	}

	lengths, err := newTablesLengthsReader(objs.Lengths)
	if err != nil {
		t.Fatal(err)
	}
	defer lengths.Close()
	samples, err := newTablesSamplePerfReader(objs.Samples, os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	defer samples.Close()
	for _, p := range []*ebpf.Program{objs.Socket, objs.Mark} {
		if _, _, err := p.Test(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := lengths.Read(); err != nil || n != 64-14 {
		t.Errorf("a length of %d, %v", n, err)
	}
	if s, err := samples.Read(); err != nil || s.Length != 64 || s.Mark != 77 || samples.Lost() != 0 {
		t.Errorf("%+v, %v, %d lost", s, err, samples.Lost())
	}
	if err := objs.Slots.Lookup(uint32(2), &each); err != nil {
		t.Fatal(err)
	}
	if each[samples.CPU()] != 42 {
		t.Errorf("slots[2] of CPU %d is %d", samples.CPU(), each[samples.CPU()])
	}
}
