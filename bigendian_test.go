package luabpfc_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
)

// TestBigEndian compiles every case for a big-endian target: the interpreter
// must see before and after the passes what the case expects, and cilium/ebpf
// must read the objects. The kernel that runs them is a cell of bench/matrix.
func TestBigEndian(t *testing.T) {
	for _, c := range loadCases(t) {
		if c.hasDiag || len(c.steps) == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			turned := *c
			turned.opts.BigEndian, turned.opts.Check = true, true
			obj, err := luabpfc.Compile(turned.source(), turned.opts)
			if err != nil {
				t.Fatal(err)
			}
			spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(obj.ELF))
			if err != nil {
				t.Fatal(err)
			}
			if spec.ByteOrder != binary.ByteOrder(binary.BigEndian) {
				t.Errorf("the object's byte order is %v", spec.ByteOrder)
			}
			differs := false
			for _, way := range ways(t, &turned, obj, turned.opts) {
				seen, err := follow(&turned, obj, way)
				way.close()
				if err != nil {
					t.Errorf("%s: %v", way.name, err)
					continue
				}
				for i, s := range c.steps {
					if err := s.check(seen[i]); err != nil {
						if differs = true; memoryOrder[c.name] {
							continue
						}
						t.Errorf("%s: %s: %v", place(c, i), way.name, err)
					}
				}
			}
			if memoryOrder[c.name] && !differs {
				t.Error("the case does not depend on the order of memory")
			}
		})
	}
}

// memoryOrder are the cases whose expectations are about how a little-endian
// machine sees what is stored in network order, swaps it by hand, or has several
// members in one number.
var memoryOrder = map[string]bool{
	"arith:bswap": true, "arith:bswap4": true, "helpers:byteorder": true, "lang_builtins:byte_order": true, "lang_maps:big_endian_types": true,
	"packet:key": true, "seeds_wrong:ntoh_width": true, "types:be": true, "types:bekey": true, "xdp:addr": true,
	"packet_audit:bit_fields": true, "lang_carried:entry_last": true, "lang_carried:entry_most": true,
}
