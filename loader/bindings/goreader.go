package bindings

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// readers writes a reader for each type of records. It is called as the type, or if
// that has no name as the map.
func (f *goFile) readers() error {
	done := map[string]bool{}
	for _, m := range f.o.Maps {
		if m.Record == nil {
			continue
		}
		size, err := btf.Sizeof(m.Record)
		if err != nil {
			return fmt.Errorf("records of map '%s': %w", m.Name, err)
		}
		typ, err := f.types.typeOf(m.Record, m.Name+recordSuffix)
		if err != nil {
			return fmt.Errorf("records of map '%s': %w", m.Name, err)
		}
		name := typ
		if !strings.HasPrefix(typ, f.opts.Name) {
			name = f.opts.Name + exported(m.Name)
		}
		text := ringReader
		if name += "Reader"; m.Type == ebpf.PerfEventArray {
			name, text = strings.TrimSuffix(name, "Reader")+"PerfReader", perfReader
		}
		if done[name] {
			continue
		}
		done[name] = true
		f.types.used[name] = true
		create := "New" + name
		if f.export("x", "") != "X"+f.opts.Name {
			create = "new" + upperFirst(name)
		}
		fmt.Fprintf(f, text, name, typ, create, size)
	}
	return nil
}

// The readers: name of the reader, type of a record, constructor, size.
const (
	ringReader = `// %[1]s reads the records of a ring buffer. It is for one goroutine at a time.
type %[1]s struct {
	r      *ringbuf.Reader
	record ringbuf.Record
}

// %[3]s starts to read a map's records, which has one reader.
func %[3]s(m *ebpf.Map) (*%[1]s, error) {
	r, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, err
	}
	return &%[1]s{r: r}, nil
}

// Read waits for the next record. After Close the error is ringbuf.ErrClosed, after
// the deadline os.ErrDeadlineExceeded.
func (r *%[1]s) Read() (v %[2]s, err error) {
	err = r.ReadInto(&v)
	return v, err
}

// ReadInto is like Read.
func (r *%[1]s) ReadInto(v *%[2]s) error {
	if err := r.r.ReadInto(&r.record); err != nil {
		return err
	}
	if n := len(r.record.RawSample); n < %[4]d {
		return fmt.Errorf("a record of %%d bytes, not of %[4]d", n)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), %[4]d), r.record.RawSample)
	return nil
}

// SetDeadline sets how long Read waits; the zero time is for ever.
func (r *%[1]s) SetDeadline(t time.Time) { r.r.SetDeadline(t) }

// Close ends the reading.
func (r *%[1]s) Close() error { return r.r.Close() }

`
	perfReader = `// %[1]s reads the records of a perf buffer. It is for one goroutine at a time.
type %[1]s struct {
	r      *perf.Reader
	record perf.Record
	lost   uint64
}

// %[3]s starts to read a map's records, with a buffer of so many bytes for each CPU.
func %[3]s(m *ebpf.Map, perCPUBuffer int) (*%[1]s, error) {
	r, err := perf.NewReader(m, perCPUBuffer)
	if err != nil {
		return nil, err
	}
	return &%[1]s{r: r}, nil
}

// Read waits for the next record. After Close the error is perf.ErrClosed, after the
// deadline os.ErrDeadlineExceeded.
func (r *%[1]s) Read() (v %[2]s, err error) {
	err = r.ReadInto(&v)
	return v, err
}

// ReadInto is like Read.
func (r *%[1]s) ReadInto(v *%[2]s) error {
	for {
		if err := r.r.ReadInto(&r.record); err != nil {
			return err
		}
		r.lost += r.record.LostSamples
		if r.record.LostSamples == 0 {
			break
		}
	}
	if n := len(r.record.RawSample); n < %[4]d {
		return fmt.Errorf("a record of %%d bytes, not of %[4]d", n)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), %[4]d), r.record.RawSample)
	return nil
}

// Lost returns how many records have found no room so far.
func (r *%[1]s) Lost() uint64 { return r.lost }

// CPU returns where the record last read comes from.
func (r *%[1]s) CPU() int { return r.record.CPU }

// SetDeadline sets how long Read waits; the zero time is for ever.
func (r *%[1]s) SetDeadline(t time.Time) { r.r.SetDeadline(t) }

// Close ends the reading.
func (r *%[1]s) Close() error { return r.r.Close() }

`
)
