package flows

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
)

func load(t *testing.T) *FlowsObjects {
	t.Helper()
	spec, err := LoadFlows()
	if err != nil {
		t.Fatal(err)
	}
	specs := FlowsSpecs{}
	if err := spec.Assign(&specs); err != nil {
		t.Fatal(err)
	}
	if err := specs.Limit.Set(uint32(50)); err != nil { // set before loading
		t.Fatal(err)
	}
	objs := &FlowsObjects{}
	if err := spec.LoadAndAssign(objs, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { objs.Close() })
	return objs
}

// packet is an UDP packet from 10.0.0.1:1000 to 10.0.0.2:53.
func packet(length int) []byte {
	p := make([]byte, length)
	p[12], p[13], p[14] = 8, 0, 0x45
	binary.BigEndian.PutUint16(p[16:], uint16(length-14))
	p[22], p[23] = 64, 17
	copy(p[26:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(p[34:], 1000)
	binary.BigEndian.PutUint16(p[36:], 53)
	return p
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

func TestFlows(t *testing.T) {
	objs := load(t)
	if err := objs.Config.Set(FlowsConfig{Minimum: 5, Enabled: true}); err != nil {
		t.Fatal(err)
	}
	r, err := NewFlowsEventReader(objs.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, n := range []int{60, 80, 48} { // the last one is shorter than the limit
		verdict, _, err := objs.Count.Test(packet(n))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "verdict", verdict, 1)
	}

	var total uint64
	if err := objs.Total.Get(&total); err != nil {
		t.Fatal(err)
	}
	equal(t, "total", total, 3)

	key := FlowsFlow{From: FlowsAddr{Ip: FlowsToBe32(0x0a000001), Port: FlowsToBe16(1000)}, To: FlowsAddr{Ip: FlowsToBe32(0x0a000002), Port: FlowsToBe16(53)}, Proto: 17}
	var s FlowsState
	if err := objs.Flows.Lookup(key, &s); err != nil {
		t.Fatal(err)
	}
	equal(t, "packets", s.Packets, 3)
	equal(t, "bytes", s.Bytes, 188)
	equal(t, "syn", s.Syn(), 1)
	equal(t, "level", s.Level(), 21)
	equal(t, "delta", s.Delta(), -3)
	equal(t, "sizes", s.Sizes, [3]uint16{1, 2, 48})
	equal(t, "extra.half", s.Extra.Half(), FlowsExtraHalf{Low: 7, High: 9})
	equal(t, "tag", s.Tag(), 0x01020304)
	equal(t, "verdict", s.Verdict, FlowsVerdictVERDICT_DROP)
	equal(t, "last", s.Last, true)

	// Its own bit-fields and union, written and read by the map.
	s.SetLevel(9)
	s.SetDelta(-64)
	s.SetSyn(0)
	s.Extra.SetWhole(1 << 40)
	if err := objs.Flows.Put(key, &s); err != nil {
		t.Fatal(err)
	}
	var again FlowsState
	it := objs.Flows.Iterate()
	var k FlowsFlow
	for it.Next(&k, &again) {
		equal(t, "key", k, key)
	}
	equal(t, "level", again.Level(), 9)
	equal(t, "delta", again.Delta(), -64)
	equal(t, "syn", again.Syn(), 0)
	equal(t, "sizes", again.Sizes, s.Sizes)
	equal(t, "extra.whole", again.Extra.Whole(), 1<<40)

	for _, want := range []uint32{60, 80} {
		e, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "what", e.What, 3)
		equal(t, "length", e.Length(), want)
		equal(t, "port", e.Port().Host(), 53)
		equal(t, "name", e.NameString(), "abc")
		equal(t, "from.port", e.From.Port.Host(), 258)
	}
	r.SetDeadline(time.Now().Add(time.Millisecond))
	if _, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading an empty buffer: %v", err)
	}
}

// TestDisabled runs the program with the variable that stops it.
func TestDisabled(t *testing.T) {
	objs := load(t)
	verdict, _, err := objs.Count.Test(packet(60))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "verdict", verdict, 2)
	var s FlowsState
	if err := objs.Flows.Lookup(FlowsFlow{}, &s); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("lookup of what is not there: %v", err)
	}
}

// TestLayout holds offsets that padding decides.
func TestLayout(t *testing.T) {
	equal(t, "state.bytes", unsafe.Offsetof(FlowsState{}.Bytes), 8)
	equal(t, "state.extra", unsafe.Offsetof(FlowsState{}.Extra), 32)
	equal(t, "state.verdict", unsafe.Offsetof(FlowsState{}.Verdict), 44)
	equal(t, "event", unsafe.Sizeof(FlowsEvent{}), 20)
}
