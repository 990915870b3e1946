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

// A record is a row of a block. One of a function has the first field only.
type record struct {
	offset uint32
	fields [3]uint32
}

// A block holds the records of one kind, by section.
type block struct {
	recLen   uint32
	texts    [3]bool // the fields that are strings, by their place in a list of the writer
	sections []blockSection
}

type blockSection struct {
	name    uint32 // a string
	records []record
}

// fields are those that the records of the block have.
func (b *block) fields(r *record) []uint32 { return r.fields[:b.recLen/4-1] }

// An extWriter gathers the records and writes them.
type extWriter struct {
	order   binary.AppendByteOrder
	typeID  func(btf.Type) (btf.TypeID, error)
	blocks  [3]block
	texts   []string // those of fields, while records are gathered
	strings []string // all that the records refer to, in order of appearance, which fields count from then on
}

// collect checks the sections' records and assigns type IDs.
func (e *extWriter) collect(sections []Section) error {
	e.blocks = [3]block{
		{recLen: funcRecLen},
		{recLen: lineRecLen, texts: [3]bool{true, true, false}},
		{recLen: reloRecLen, texts: [3]bool{false, true, false}},
	}
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
				e.blocks[j].sections = append(e.blocks[j].sections, blockSection{e.text(s.Name), records})
			}
		}
	}
	e.orderStrings()
	return nil
}

// orderStrings lists the strings in the order in which the records are written.
func (e *extWriter) orderStrings() {
	e.strings = make([]string, 0, len(e.texts))
	places := make([]uint32, len(e.texts)) // in strings, plus one
	place := func(text *uint32) {
		if places[*text] == 0 {
			e.strings = append(e.strings, e.texts[*text])
			places[*text] = uint32(len(e.strings))
		}
		*text = places[*text] - 1
	}
	for i := range e.blocks {
		b := &e.blocks[i]
		for j := range b.sections {
			s := &b.sections[j]
			place(&s.name)
			for k := range s.records {
				fields := b.fields(&s.records[k])
				for l := range fields {
					if b.texts[l] {
						place(&fields[l])
					}
				}
			}
		}
	}
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

// text returns the place of a string that a record refers to.
func (e *extWriter) text(s string) uint32 {
	e.texts = append(e.texts, s)
	return uint32(len(e.texts) - 1)
}

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
		out = append(out, record{f.Offset, [3]uint32{uint32(id)}})
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
	e.texts = slices.Grow(e.texts, len(lines))
	out := make([]record, 0, len(lines))
	var last LineInfo
	var file, line uint32
	for i, l := range lines {
		if l.Line == 0 || l.Line > maxLine {
			return nil, fmt.Errorf("offset %d: line %d is not within 1 to %d", l.Offset, l.Line, maxLine)
		}
		last.Offset = l.Offset
		if i > 0 && l == last && lines[i-1].Offset != l.Offset && !starts[l.Offset] {
			continue
		}
		if l.File != last.File || len(out) == 0 {
			file = e.text(l.File)
		}
		if l.Text != last.Text || len(out) == 0 {
			line = e.text(strings.TrimSpace(l.Text))
		}
		last = l
		position := l.Line<<10 | min(l.Column, maxColumn)
		out = append(out, record{l.Offset, [3]uint32{file, line, position}})
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
		out = append(out, record{r.Offset, [3]uint32{uint32(id), e.text(strings.Join(path, ":")), uint32(r.Kind)}})
	}
	return out, nil
}

// sortedBy returns the list in order of offsets, a copy if it was not.
func sortedBy[T any](list []T, offset func(T) uint32) []T {
	byOffset := func(a, b T) int { return cmp.Compare(offset(a), offset(b)) }
	if slices.IsSortedFunc(list, byOffset) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, byOffset)
	return list
}

// bytes returns the section. Offsets are those of e.strings in the string table.
func (e *extWriter) bytes(offsets []uint32) []byte {
	var lens [3]uint32
	total := uint32(extHeaderLen)
	for i := range e.blocks {
		lens[i] = e.blocks[i].len()
		total += lens[i]
	}
	out := make([]byte, 0, total)
	out = e.order.AppendUint16(out, magic)
	out = append(out, version, 0)
	out = e.order.AppendUint32(out, extHeaderLen)
	at := uint32(0)
	for _, n := range lens {
		out = e.order.AppendUint32(out, at)
		out = e.order.AppendUint32(out, n)
		at += n
	}
	for i := range e.blocks {
		out = e.blocks[i].append(out, e.order, offsets)
	}
	return out
}

// len is the block's length in bytes.
func (b *block) len() uint32 {
	if len(b.sections) == 0 {
		return 0
	}
	n := uint32(4)
	for _, s := range b.sections {
		n += 8 + uint32(len(s.records))*b.recLen
	}
	return n
}

// append writes the block, nothing at all if it has no records.
func (b *block) append(out []byte, order binary.AppendByteOrder, offsets []uint32) []byte {
	if len(b.sections) == 0 {
		return out
	}
	out = order.AppendUint32(out, b.recLen)
	for i := range b.sections {
		s := &b.sections[i]
		out = order.AppendUint32(out, offsets[s.name])
		out = order.AppendUint32(out, uint32(len(s.records)))
		for k := range s.records {
			out = order.AppendUint32(out, s.records[k].offset)
			for l, n := range b.fields(&s.records[k]) {
				if b.texts[l] {
					n = offsets[n]
				}
				out = order.AppendUint32(out, n)
			}
		}
	}
	return out
}
