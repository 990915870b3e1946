package luabpfc_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/ir"
)

// loadScript compiles and loads a script.
func loadScript(t *testing.T, text string) *ebpf.Collection {
	t.Helper()
	needKernel(t)
	obj := compileAs(t, "test.lua", text, luabpfc.DefaultOptions())
	coll, err := loadCollection(obj.ELF)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	return coll
}

// TestScratchRefused takes all slots of scratch memory away: a run ends with the
// kind's verdict and is counted. Given back one slot, it runs, and frees it.
func TestScratchRefused(t *testing.T) {
	coll := loadScript(t, `
local filter = bpf.xdp(function()
	local b = ffi.new('uint8_t [1000]', 3)
	return b[pkt[0]]
end)`)
	m := coll.Maps["filter_scratch"]
	size := int((m.ValueSize() + 7) &^ 7)
	cpus := ebpf.MustPossibleCPU()
	set := func(slot uint32, busy uint64) {
		t.Helper()
		values := make([][]byte, cpus)
		for i := range values {
			values[i] = make([]byte, size)
			binary.NativeEndian.PutUint64(values[i], busy)
		}
		if err := m.Put(slot, values); err != nil {
			t.Fatal(err)
		}
	}
	sum := func(slot uint32, at int) (n uint64) {
		t.Helper()
		var values [][]byte
		if err := m.Lookup(slot, &values); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			n += binary.NativeEndian.Uint64(v[at:])
		}
		return n
	}
	run := func(want uint32) {
		t.Helper()
		if ret, _, err := coll.Programs["filter"].Test(make([]byte, 64)); err != nil || ret != want {
			t.Fatalf("result %d, %v; want %d", ret, err, want)
		}
	}
	for i := range uint32(ir.ScratchSlots) {
		set(i, 1)
	}
	for range 3 {
		run(2)
	}
	if n := sum(0, ir.ScratchRefused); n != 3 {
		t.Errorf("%d runs were refused, want 3", n)
	}
	set(ir.ScratchSlots-1, 0)
	for range 3 {
		run(3)
	}
	if busy, runs := sum(ir.ScratchSlots-1, ir.ScratchBusy), sum(ir.ScratchSlots-1, ir.ScratchRuns); busy != 0 || runs != 3 {
		t.Errorf("the slot is busy %d times after %d runs", busy, runs)
	}
}

// TestScratchNested runs a program inside of itself: it sends a copy of its packet
// to the loopback device, whose packets go through it too, and must find in its
// memory what it had there before.
func TestScratchNested(t *testing.T) {
	coll := loadScript(t, `
local nested = bpf.global('uint32_t')
local filter = bpf.tc(function(skb)
	local b = ffi.new('uint32_t [500]')
	b[7] = skb.mark + 100
	if skb.mark == 5001 then
		skb.mark = 5002
		bpf.helper.clone_redirect(1, 0)
		return bpf.volatile(b[7])
	end
	if skb.mark == 5002 then nested[0] = b[7] end
	return TC_ACT_OK
end)`)
	loopback, err := link.AttachTCX(link.TCXOptions{Interface: 1, Program: coll.Programs["filter"], Attach: ebpf.AttachTCXEgress})
	if errors.Is(err, ebpf.ErrNotSupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	ctx := make([]byte, 192) // struct __sk_buff
	binary.NativeEndian.PutUint32(ctx[8:], 5001)
	ret, err := coll.Programs["filter"].Run(&ebpf.RunOptions{Data: make([]byte, 64), Context: ctx})
	if err != nil || ret != 5101 {
		t.Errorf("result %d, %v; want 5101", ret, err)
	}
	var nested uint32
	if err := coll.Variables["nested"].Get(&nested); err != nil || nested != 5102 {
		t.Errorf("the run inside found %d, %v; want 5102", nested, err)
	}
}
