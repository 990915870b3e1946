package luabpfc_test

import (
	"testing"

	"github.com/cilium/ebpf"
)

// TestTimer starts a timer, whose function starts it again until it has run three
// times.
func TestTimer(t *testing.T) {
	coll := loadScript(t, `
ffi.cdef 'struct entry { uint64_t n; struct bpf_timer timer; };'
local m = bpf.map('hash', 8, 'uint32_t', 'struct entry')
local fired = bpf.map('array', 4, 'uint32_t', 'uint64_t')
bpf.tc(function(skb)
  local e = m:init(pkt[0])
  if not e or bpf.helper.timer_init(e.timer, m, 1) ~= 0 then return 1 end
  bpf.helper.timer_set_callback(e.timer, function(map, key, value)
    value.n = value.n + 1
    if value.n < 3 then
      bpf.helper.timer_start(value.timer, 1000, 0)
    else
      map[key + 1] = { n = value.n }
    end
    fired[0] = key
    fired:add(1, 1)
  end)
  return bpf.helper.timer_start(e.timer, 1000, 0)
end, { name = 'start' })`)
	packet := make([]byte, 14)
	packet[0] = 5
	ret, err := coll.Programs["start"].Run(&ebpf.RunOptions{Data: packet})
	if err != nil || ret != 0 {
		t.Fatal(ret, err)
	}
	var runs uint64
	eventually(func() bool {
		if err := coll.Maps["fired"].Lookup(uint32(1), &runs); err != nil {
			t.Fatal(err)
		}
		return runs == 3
	})
	var key uint64
	if err := coll.Maps["fired"].Lookup(uint32(0), &key); err != nil || runs != 3 || key != 5 {
		t.Errorf("it ran %d times, last for %d: %v", runs, key, err)
	}
	value := make([]byte, 24)
	if err := coll.Maps["m"].Lookup(uint32(6), &value); err != nil || value[0] != 3 {
		t.Errorf("entry 6: %v, %v", value, err)
	}
}
