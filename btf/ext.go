package btf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Layout of .BTF.ext: a header with the offsets and lengths of three blocks,
// counted from the header's end. A block is the length of its records, then for
// each section its name, the number of records, and the records, each of which
// starts with its offset in bytes of the section.
const (
	extHeaderLen = 32
	funcRecLen   = 8
	lineRecLen   = 16
	reloRecLen   = 16

	maxLine   = 1<<22 - 1
	maxColumn = 1<<10 - 1
)

// A record is a row of a block. Fields that are strings are kept as such until
// the string table is known.
type record struct {
	offset uint32
	fields []field
}

// A field is a number or a string.
type field struct {
	number uint32
	text   string
	isText bool
}

// A block holds the records of one kind, by section.
type block struct {
	recLen   uint32
	sections []blockSection
}

type blockSection struct {
	name    string
	records []record
}

// An extWriter gathers the records and writes them.
type extWriter struct {
	order   binary.AppendByteOrder
	typeID  func(btf.Type) (btf.TypeID, error)
	blocks  [3]block
	strings []string // all that the records refer to, in order of appearance
}

// collect checks the sections' records and assigns type IDs.
func (e *extWriter) collect(sections []Section) error {
	e.blocks = [3]block{{recLen: funcRecLen}, {recLen: lineRecLen}, {recLen: reloRecLen}}
	names := make(map[string]bool)
	for i := range sections {
		s := &sections[i]
		if s.Name == "" || names[s.Name] {
			return fmt.Errorf("section name %q is empty or taken", s.Name)
		}
		names[s.Name] = true
		steps := [3]func(*Section) ([]record, error){e.funcs, e.lines, e.relos}
		for j, step := range steps {
			records, err := step(s)
			if err != nil {
				return fmt.Errorf("section %q: %w", s.Name, err)
			}
			if err := checkOffsets(records); err != nil {
				return fmt.Errorf("section %q: %w", s.Name, err)
			}
			if len(records) > 0 {
				e.blocks[j].sections = append(e.blocks[j].sections, blockSection{s.Name, records})
			}
		}
	}
	for _, b := range e.blocks {
		for _, s := range b.sections {
			e.strings = append(e.strings, s.name)
			for _, r := range s.records {
				for _, f := range r.fields {
					if f.isText {
						e.strings = append(e.strings, f.text)
					}
				}
			}
		}
	}
	return nil
}

// checkOffsets reports records out of place: instructions are of eight bytes, and
// two records for one of them contradict each other.
func checkOffsets(records []record) error {
	for i, r := range records {
		if r.offset%8 != 0 {
			return fmt.Errorf("offset %d is not that of an instruction", r.offset)
		}
		if i > 0 && r.offset == records[i-1].offset {
			return fmt.Errorf("offset %d has two records", r.offset)
		}
	}
	return nil
}

func number(n uint32) field { return field{number: n} }
func text(s string) field   { return field{text: s, isText: true} }

func (e *extWriter) funcs(s *Section) ([]record, error) {
	var out []record
	for _, f := range sortedBy(s.Funcs, func(f FuncInfo) uint32 { return f.Offset }) {
		if f.Func == nil {
			return nil, fmt.Errorf("no function at offset %d", f.Offset)
		}
		id, err := e.typeID(f.Func)
		if err != nil {
			return nil, err
		}
		out = append(out, record{f.Offset, []field{number(uint32(id))}})
	}
	if len(out) > 0 && out[0].offset != 0 {
		return nil, fmt.Errorf("the first function starts at %d, not at 0", out[0].offset)
	}
	return out, nil
}

func (e *extWriter) lines(s *Section) ([]record, error) {
	starts := make(map[uint32]bool)
	for _, f := range s.Funcs {
		starts[f.Offset] = true
	}
	lines := sortedBy(s.Lines, func(l LineInfo) uint32 { return l.Offset })
	var out []record
	var last LineInfo
	for i, l := range lines {
		if l.Line == 0 || l.Line > maxLine {
			return nil, fmt.Errorf("offset %d: line %d is not within 1 to %d", l.Offset, l.Line, maxLine)
		}
		last.Offset = l.Offset
		if i > 0 && l == last && lines[i-1].Offset != l.Offset && !starts[l.Offset] {
			continue
		}
		last = l
		position := l.Line<<10 | min(l.Column, maxColumn)
		out = append(out, record{l.Offset, []field{text(l.File), text(strings.TrimSpace(l.Text)), number(position)}})
		delete(starts, l.Offset)
	}
	if len(lines) > 0 && len(starts) > 0 {
		missing := make([]uint32, 0, len(starts))
		for at := range starts {
			missing = append(missing, at)
		}
		return nil, fmt.Errorf("the function at offset %d has no line", slices.Min(missing))
	}
	return out, nil
}

func (e *extWriter) relos(s *Section) ([]record, error) {
	var out []record
	for _, r := range sortedBy(s.Relos, func(r Relo) uint32 { return r.Offset }) {
		if r.Kind >= numReloKinds || len(r.Path) == 0 || slices.Min(r.Path) < 0 {
			return nil, fmt.Errorf("offset %d: invalid kind %d or path %v", r.Offset, r.Kind, r.Path)
		}
		id, err := e.typeID(r.Type)
		if err != nil {
			return nil, err
		}
		path := make([]string, len(r.Path))
		for i, n := range r.Path {
			path[i] = strconv.Itoa(n)
		}
		out = append(out, record{r.Offset, []field{
			number(uint32(id)), text(strings.Join(path, ":")), number(uint32(r.Kind))}})
	}
	return out, nil
}

// sortedBy returns a copy of the list in order of offsets.
func sortedBy[T any](list []T, offset func(T) uint32) []T {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(offset(a), offset(b)) })
	return out
}

// bytes returns the section. The string table must have all of e.strings.
func (e *extWriter) bytes(offsets map[string]uint32) []byte {
	var bodies [3][]byte
	for i := range e.blocks {
		bodies[i] = e.blocks[i].bytes(e.order, offsets)
	}
	var out []byte
	out = e.order.AppendUint16(out, magic)
	out = append(out, version, 0)
	out = e.order.AppendUint32(out, extHeaderLen)
	at := uint32(0)
	for _, body := range bodies {
		out = e.order.AppendUint32(out, at)
		out = e.order.AppendUint32(out, uint32(len(body)))
		at += uint32(len(body))
	}
	for _, body := range bodies {
		out = append(out, body...)
	}
	return out
}

// bytes returns the block, nothing at all if it has no records.
func (b *block) bytes(order binary.AppendByteOrder, offsets map[string]uint32) []byte {
	if len(b.sections) == 0 {
		return nil
	}
	out := order.AppendUint32(nil, b.recLen)
	for _, s := range b.sections {
		out = order.AppendUint32(out, offsets[s.name])
		out = order.AppendUint32(out, uint32(len(s.records)))
		for _, r := range s.records {
			out = order.AppendUint32(out, r.offset)
			for _, f := range r.fields {
				if f.isText {
					f.number = offsets[f.text]
				}
				out = order.AppendUint32(out, f.number)
			}
		}
	}
	return out
}
