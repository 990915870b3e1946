package manifest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Section is the name of the section.
const Section = ".luabpfc"

// SectionType and SectionFlags are its type and flags.
const (
	SectionType  = elf.SHT_STRTAB
	SectionFlags = elf.SHF_ALLOC
)

const (
	magic   = "luabpfc"
	version = 1
)

// Kinds of records.
const (
	kindEntries = 1 + iota
	kindProgram
	kindHistogram
)

// Options of programs.
const (
	optTarget = 1 + iota
	optDirection
	optPath
	optPID
	optCPU
	optFlags
	optPerf = 16
)

// perfNames are the settings of a perf event, from option 16 on.
var perfNames = [...]string{"freq", "period", "type", "config"}

// Manifest is what the section says.
type Manifest struct {
	Maps       []Map
	Programs   []Program
	Histograms []Histogram
}

// Map is a map that does not begin empty.
type Map struct {
	Name       string
	Key, Value int // their sizes in bytes
	Entries    []Entry
}

// Entry is an entry of a map, in the target's byte order.
type Entry struct{ Key, Value []byte }

// Histogram is a map that counts values: by powers of two, or in steps.
type Histogram struct {
	Map  string
	Step int64 // 0: powers of two
}

// Program is how a program is to be attached, as far as its section does not say.
type Program struct {
	Name      string
	Target    string // an interface, a file descriptor, a function
	Direction string // of tc: "ingress" or "egress"
	Path      string // of a cgroup
	PID, CPU  *int64 // nil: any
	Flags     uint32
	Perf      map[string]int64 // freq, period, type and config of a perf event
}

// Empty reports whether the program's section says all there is to say.
func (p *Program) Empty() bool {
	return p.Target == "" && p.Direction == "" && p.Path == "" && p.PID == nil && p.CPU == nil && p.Flags == 0 && len(p.Perf) == 0
}

// Empty reports whether there is nothing to say.
func (m *Manifest) Empty() bool {
	return len(m.Maps) == 0 && len(m.Programs) == 0 && len(m.Histograms) == 0
}

// Marshal returns the contents of the section.
func (m *Manifest) Marshal() ([]byte, error) {
	var records []byte
	for i := range m.Maps {
		body, err := m.Maps[i].body()
		if err != nil {
			return nil, err
		}
		records = appendRecord(records, kindEntries, body)
	}
	for i := range m.Programs {
		body, err := m.Programs[i].body()
		if err != nil {
			return nil, err
		}
		records = appendRecord(records, kindProgram, body)
	}
	for _, h := range m.Histograms {
		records = appendRecord(records, kindHistogram, binary.AppendVarint(appendString(nil, h.Map), h.Step))
	}
	b := append([]byte(magic), version)
	b = binary.AppendUvarint(b, uint64(len(records)))
	return append(append(b, records...), 0), nil // a table of strings ends with a zero
}

func appendRecord(b []byte, kind uint64, body []byte) []byte {
	return appendBytes(binary.AppendUvarint(b, kind), body)
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendString(b []byte, s string) []byte { return appendBytes(b, []byte(s)) }

func (m *Map) body() ([]byte, error) {
	b := appendString(nil, m.Name)
	b = binary.AppendUvarint(b, uint64(m.Key))
	b = binary.AppendUvarint(b, uint64(m.Value))
	b = slices.Grow(b, len(m.Entries)*(m.Key+m.Value))
	for _, e := range m.Entries {
		if len(e.Key) != m.Key || len(e.Value) != m.Value {
			return nil, fmt.Errorf("an entry of map '%s' has %d and %d bytes, not %d and %d", m.Name, len(e.Key), len(e.Value), m.Key, m.Value)
		}
		b = append(append(b, e.Key...), e.Value...)
	}
	return b, nil
}

func (p *Program) body() ([]byte, error) {
	b := appendString(nil, p.Name)
	text := func(option uint64, s string) {
		if s != "" {
			b = appendString(binary.AppendUvarint(b, option), s)
		}
	}
	number := func(option uint64, n int64) {
		b = appendBytes(binary.AppendUvarint(b, option), binary.AppendVarint(nil, n))
	}
	text(optTarget, p.Target)
	text(optDirection, p.Direction)
	text(optPath, p.Path)
	if p.PID != nil {
		number(optPID, *p.PID)
	}
	if p.CPU != nil {
		number(optCPU, *p.CPU)
	}
	if p.Flags != 0 {
		number(optFlags, int64(p.Flags))
	}
	known := 0
	for i, name := range perfNames {
		if n, ok := p.Perf[name]; ok {
			number(optPerf+uint64(i), n)
			known++
		}
	}
	if known != len(p.Perf) {
		return nil, fmt.Errorf("program '%s' has a setting of a perf event that is none of %q", p.Name, perfNames)
	}
	return b, nil
}

// ErrNewer says that a newer luabpfc wrote the section.
var ErrNewer = errors.New("a newer luabpfc made the object")

// Parse reads the contents of the section. Keys, values and strings are parts of b or
// copies of them, so that what it returns is not much larger than b.
func Parse(b []byte) (*Manifest, error) {
	m := &Manifest{}
	for b = bytes.TrimLeft(b, "\x00"); len(b) > 0; b = bytes.TrimLeft(b, "\x00") {
		rest, ok := bytes.CutPrefix(b, []byte(magic))
		if !ok || len(rest) == 0 {
			return nil, errBroken
		}
		if rest[0] != version {
			return nil, fmt.Errorf("%w: version %d of its section %s is not %d", ErrNewer, rest[0], Section, version)
		}
		r := reader{b: rest[1:]}
		part := reader{b: r.bytes()}
		for !r.bad && len(part.b) > 0 {
			kind := part.uvarint()
			body := reader{b: part.bytes()}
			if part.bad || !m.record(kind, &body) {
				return nil, errBroken
			}
		}
		if r.bad {
			return nil, errBroken
		}
		b = r.b
	}
	return m, nil
}

var errBroken = errors.New("section " + Section + " is broken")

// record takes one record in and reports whether it is well formed.
func (m *Manifest) record(kind uint64, r *reader) bool {
	switch kind {
	case kindEntries:
		e := Map{Name: r.string(), Key: r.size(), Value: r.size()}
		n := e.Key + e.Value
		if r.bad || n == 0 || len(r.b)%n != 0 {
			return false
		}
		e.Entries = make([]Entry, 0, len(r.b)/n)
		for b := r.b; len(b) > 0; b = b[n:] {
			e.Entries = append(e.Entries, Entry{b[:e.Key:e.Key], b[e.Key:n:n]})
		}
		m.Maps = append(m.Maps, e)
	case kindProgram:
		p := Program{Name: r.string()}
		for !r.bad && len(r.b) > 0 {
			option := r.uvarint()
			p.option(option, &reader{b: r.bytes()}, r)
		}
		m.Programs = append(m.Programs, p)
	case kindHistogram:
		m.Histograms = append(m.Histograms, Histogram{r.string(), r.varint()})
	}
	return !r.bad
}

// option takes an option in; outer notes what is broken.
func (p *Program) option(option uint64, v, outer *reader) {
	number := func() *int64 {
		n := v.varint()
		outer.bad = outer.bad || v.bad || len(v.b) > 0
		return &n
	}
	switch {
	case option == optTarget:
		p.Target = string(v.b)
	case option == optDirection:
		p.Direction = string(v.b)
	case option == optPath:
		p.Path = string(v.b)
	case option == optPID:
		p.PID = number()
	case option == optCPU:
		p.CPU = number()
	case option == optFlags:
		p.Flags = uint32(*number())
	case option >= optPerf && option-optPerf < uint64(len(perfNames)):
		if p.Perf == nil {
			p.Perf = map[string]int64{}
		}
		p.Perf[perfNames[option-optPerf]] = *number()
	}
}

// reader takes values from the front of b, and notes what is not there.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

// take reads a number by binary.Uvarint or Varint.
func take[T uint64 | int64](r *reader, read func([]byte) (T, int)) T {
	n, size := read(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) uvarint() uint64 { return take(r, binary.Uvarint) }

func (r *reader) varint() int64 { return take(r, binary.Varint) }

// maxSize is the most that a key or value has.
const maxSize = 1 << 30

func (r *reader) size() int {
	n := r.uvarint()
	if n > maxSize {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) string() string { return string(r.bytes()) }
