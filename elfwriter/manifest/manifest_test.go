package manifest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func number(n int64) *int64 { return &n }

func whole() *Manifest {
	return &Manifest{
		Maps: []Map{
			{Name: "m", Key: 2, Value: 3, Entries: []Entry{{[]byte("ab"), []byte("cde")}, {[]byte("fg"), []byte("hij")}}},
			{Name: "none", Key: 4, Value: 0, Entries: []Entry{}},
		},
		Programs: []Program{
			{Name: "p", Target: "eth0", Direction: "egress", Path: "/a b", PID: number(-1), CPU: number(1 << 40), Flags: 1<<32 - 1,
				Perf: map[string]int64{"freq": 99, "config": -5}},
			{Name: "q"},
		},
		Histograms: []Histogram{{"h", 10}, {"log", 0}},
	}
}

func TestRoundTrip(t *testing.T) {
	b, err := whole().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// Parts follow each other where a linker has put sections together.
	for n, in := range map[int][]byte{1: b, 2: append(bytes.Clone(b), b...), 0: {0, 0}} {
		want := &Manifest{}
		for range n {
			w := whole()
			want.Maps, want.Programs, want.Histograms = append(want.Maps, w.Maps...), append(want.Programs, w.Programs...), append(want.Histograms, w.Histograms...)
		}
		got, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d parts: -want +got\n%s", n, d)
		}
	}
}

func TestMarshalRejects(t *testing.T) {
	for _, m := range []*Manifest{
		{Maps: []Map{{Name: "m", Key: 1, Value: 1, Entries: []Entry{{[]byte("ab"), []byte("c")}}}}},
		{Maps: []Map{{Name: "m", Key: 1, Value: 1, Entries: []Entry{{[]byte("a"), nil}}}}},
		{Programs: []Program{{Name: "p", Perf: map[string]int64{"speed": 1}}}},
	} {
		if b, err := m.Marshal(); err == nil {
			t.Errorf("%v became %q", m, b)
		}
	}
}

func TestParseRejects(t *testing.T) {
	part := func(records string) string { return magic + "\x01" + string(rune(len(records))) + records }
	for _, in := range []string{
		"x", "luabpfc", "luabpf\x01\x00", magic + "\x01", magic + "\x01\x05", magic + "\x01\x80",
		part("\x01"), part("\x01\x05"), part("\x01\x00"), part("\x01\x03\x01m\x01"), part("\x01\x04\x01m\x00\x00"),
		part("\x01\x05\x01m\x01\x01a"), part("\x01\x04\x05m\x00\x01"), part("\x01\x08\x01m\xff\xff\xff\xff\x0f\x01"),
		part("\x02\x03\x01p\x01"), part("\x02\x04\x01p\x04\x00"), part("\x02\x06\x01p\x04\x02\x00\x00"), part("\x02\x05\x01p\x10\x01\x80"),
		part("\x03\x02\x01h"), part("\x03\x00"), part("\x80"),
	} {
		if m, err := Parse([]byte(in)); !errors.Is(err, errBroken) {
			t.Errorf("%q: %v, %v", in, m, err)
		}
	}
	if _, err := Parse([]byte(magic + "\x02anything")); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer version: %v", err)
	}
	// What a later luabpfc adds is passed over.
	m, err := Parse([]byte(part("\x63\x01x") + part("\x02\x05\x01p\x64\x01y")))
	if d := cmp.Diff(&Manifest{Programs: []Program{{Name: "p"}}}, m); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
}

// TestEmpty holds Empty to all members.
func TestEmpty(t *testing.T) {
	w := whole()
	for i, m := range []*Manifest{{Maps: w.Maps}, {Programs: w.Programs}, {Histograms: w.Histograms}} {
		if m.Empty() {
			t.Errorf("%d is empty", i)
		}
	}
	for i, p := range []Program{{Target: "x"}, {Direction: "x"}, {Path: "x"}, {PID: number(0)}, {CPU: number(0)}, {Flags: 1}, {Perf: map[string]int64{"freq": 0}}} {
		if p.Empty() {
			t.Errorf("%d is empty", i)
		}
	}
	if !(&Manifest{}).Empty() || !(&Program{Name: "p"}).Empty() {
		t.Error("nothing is not empty")
	}
}

// FuzzParse reads anything: what is read can be written and read again, and is no
// larger than what was read.
func FuzzParse(f *testing.F) {
	b, err := whole().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, b...))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parse(in)
		if err != nil {
			return
		}
		out, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
		n := 0
		for _, e := range m.Maps {
			n += len(e.Entries)
		}
		if n > len(in) {
			t.Errorf("%d entries from %d bytes", n, len(in))
		}
	})
}
