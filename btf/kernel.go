package btf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// Reading a kernel's types
//
// A kernel has over a hundred thousand types and a program needs a handful, so
// types are decoded when they are asked for. Opening walks the records once to
// find where each begins. A name is looked up by finding it among the strings,
// which gives its offset, and then the record with that offset: no index is
// built, and nothing is allocated. For a kernel of 5 MB opening takes about a
// millisecond, a look-up a fraction of one.
//
// What is decoded is cut like what is written (graph.go): behind a pointer, a
// named structure or union is a forward declaration, to be looked up by its name
// when somebody goes there. A structure held by value is decoded with it. So
// one look-up decodes what the structure's own bytes consist of and no more.
//
// The file is not trusted. Offsets and identifiers are checked where they are
// used, and nesting is bounded, as a type that contains itself has no end.

// Kernel is the types of a kernel, from /sys/kernel/btf/vmlinux or a file like
// it, and of modules, if files like those next to it follow in the data. It is not safe for use from several goroutines.
type Kernel struct {
	big     bool // the byte order
	types   []byte
	strings []byte
	starts  []uint32 // of the record of type i+1, in types
	decoded map[decodeKey]btf.Type
	active  map[decodeKey]bool  // being decoded
	tagged  map[string][]string // functions by tag
	rest    []byte              // what follows: types of modules (module.go)
	modules []*Kernel
	base    *Kernel // of a module: the kernel's own
}

// decodeKey tells the two forms of a type: whole, and cut behind a pointer.
type decodeKey struct {
	id     uint32
	behind bool
}

// TypeKind is a kind of type that has a name.
type TypeKind uint8

// The kinds that can be looked up, by the numbers of the format.
const (
	TypeStruct  TypeKind = 4
	TypeUnion   TypeKind = 5
	TypeEnum    TypeKind = 6
	TypeTypedef TypeKind = 8
	TypeFunc    TypeKind = 12
)

// String returns the keyword or name of the kind.
func (k TypeKind) String() string {
	switch k {
	case TypeStruct:
		return "struct"
	case TypeUnion:
		return "union"
	case TypeEnum:
		return "enum"
	case TypeTypedef:
		return "typedef"
	}
	return "function"
}

// The kinds of the format.
const (
	kindInt      = 1
	kindPtr      = 2
	kindArray    = 3
	kindStruct   = 4
	kindUnion    = 5
	kindEnum     = 6
	kindFwd      = 7
	kindTypedef  = 8
	kindVolatile = 9
	kindConst    = 10
	kindRestrict = 11
	kindFunc     = 12
	kindProto    = 13
	kindVar      = 14
	kindDatasec  = 15
	kindFloat    = 16
	kindDeclTag  = 17
	kindTypeTag  = 18
	kindEnum64   = 19
)

// tails is how many bytes follow a record's twelve: fixed, and for each part.
var tails = [...]struct{ fixed, each uint32 }{
	kindInt: {4, 0}, kindPtr: {}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8},
	kindProto: {0, 8}, kindVar: {4, 0}, kindDatasec: {0, 12}, kindDeclTag: {4, 0}, kindEnum64: {0, 12},
}

// maxKernel is the size beyond which a file is not looked at.
const maxKernel = 1 << 28

// errEnds is what is wrong with a file that was cut.
var errEnds = errors.New("it ends too early")

// LazyKernel returns a function that reads and opens the kernel's types when it is
// first called; nil if there are none.
func LazyKernel(read func() ([]byte, error)) func() (*Kernel, error) {
	if read == nil {
		return nil
	}
	return sync.OnceValues(func() (*Kernel, error) {
		data, err := read()
		if err != nil {
			return nil, err
		}
		return OpenKernel(data)
	})
}

// OpenKernel reads the index of a kernel's types. The data must not be changed
// afterwards.
func OpenKernel(data []byte) (*Kernel, error) {
	k := newKernel(nil)
	if err := k.open(data); err != nil {
		return nil, fmt.Errorf("not the BTF of a kernel: %w", err)
	}
	return k, nil
}

func newKernel(base *Kernel) *Kernel {
	return &Kernel{base: base, decoded: map[decodeKey]btf.Type{}, active: map[decodeKey]bool{}}
}

func (k *Kernel) open(data []byte) error {
	if len(data) < headerLen || len(data) > maxKernel {
		return fmt.Errorf("it has %d bytes", len(data))
	}
	switch {
	case binary.LittleEndian.Uint16(data) == magic:
	case binary.BigEndian.Uint16(data) == magic:
		k.big = true
	default:
		return errors.New("it does not begin with 0xeb9f")
	}
	if data[2] != version {
		return fmt.Errorf("its format is version %d, not %d", data[2], version)
	}
	u32 := func(at int) uint64 { return uint64(k.word(data[at:])) }
	base := u32(4)
	part := func(at int) ([]byte, error) {
		from, n := base+u32(at), u32(at+4)
		if base < headerLen || from > uint64(len(data)) || n > uint64(len(data))-from {
			return nil, errEnds
		}
		return data[from : from+n], nil
	}
	var err error
	if k.types, err = part(8); err != nil {
		return err
	}
	if k.strings, err = part(headerStrOff); err != nil {
		return err
	}
	if n := len(k.strings); n == 0 && k.base == nil || n > 0 && (k.strings[0] != 0 && k.base == nil || k.strings[n-1] != 0) {
		return errors.New("its strings do not begin and end with a zero byte")
	}
	k.rest = data[base+max(u32(8)+u32(12), u32(headerStrOff)+u32(headerStrOff+4)):]
	return k.walk()
}

// word returns the first four bytes of b as a number.
func (k *Kernel) word(b []byte) uint32 {
	if k.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// walk finds the records.
func (k *Kernel) walk() error {
	k.starts = make([]uint32, 0, len(k.types)/16)
	for at := uint32(0); int(at) < len(k.types); {
		if len(k.types)-int(at) < 12 {
			return errEnds
		}
		info := k.word(k.types[at+4:])
		kind := info >> 24 & 0x1f
		if kind == 0 || kind > kindEnum64 {
			return fmt.Errorf("type %d is of kind %d, which this version does not know", int(k.last())+1, kind)
		}
		n := uint32(12)
		if int(kind) < len(tails) {
			n += tails[kind].fixed + tails[kind].each*(info&0xffff)
		}
		if uint64(at)+uint64(n) > uint64(len(k.types)) {
			return errEnds
		}
		k.starts = append(k.starts, at)
		at += n
	}
	return nil
}

// BigEndian reports the kernel's byte order.
func (k *Kernel) BigEndian() bool { return k.big }

// A rawType is one type as it lies in the file.
type rawType struct {
	name, info, size uint32 // size is the number of a type where the kind has one
	tail             []byte
}

func (r *rawType) kind() uint32 { return r.info >> 24 & 0x1f }
func (r *rawType) vlen() int    { return int(r.info & 0xffff) }
func (r *rawType) flag() bool   { return r.info>>31 != 0 }

// record returns the record of a type that exists.
func (k *Kernel) record(id uint32) rawType {
	if n := k.inherited(); id <= n {
		return k.base.record(id)
	} else {
		id -= n
	}
	at, end := k.starts[id-1], uint32(len(k.types))
	if int(id) < len(k.starts) {
		end = k.starts[id]
	}
	b := k.types[at:end]
	return rawType{k.word(b), k.word(b[4:]), k.word(b[8:]), b[12:]}
}

// name returns the string at an offset.
func (k *Kernel) name(off uint32) (string, error) {
	if k.base != nil {
		if int(off) < len(k.base.strings) {
			return k.base.name(off)
		}
		off -= uint32(len(k.base.strings))
	}
	if int(off) >= len(k.strings) {
		return "", fmt.Errorf("a name is at %d of %d bytes", off, len(k.strings))
	}
	s := k.strings[off:]
	return string(s[:bytes.IndexByte(s, 0)]), nil
}

// offsets returns where name is among the strings: in all of a string, or if
// there is no such, as the end of others, which writers may share.
func (k *Kernel) offsets(name string) []uint32 {
	if name == "" || len(name) > 512 {
		return nil
	}
	// The name is looked for by the byte of it that names have least: looking for all
	// of it would stop at each place where its first byte is.
	rare := 0
	for i := range len(name) {
		if strings.IndexByte(rarestFirst, name[i]) < strings.IndexByte(rarestFirst, name[rare]) {
			rare = i
		}
	}
	var whole, ends []uint32
	for at := rare; ; at++ {
		i := bytes.IndexByte(k.strings[min(at, len(k.strings)):], name[rare])
		if i < 0 {
			break
		}
		at += i
		from, end := at-rare, at-rare+len(name)
		if end >= len(k.strings) || k.strings[end] != 0 || string(k.strings[from:end]) != name {
			continue
		}
		ends = append(ends, uint32(from))
		if from > 0 && k.strings[from-1] == 0 {
			whole = append(whole, uint32(from))
		}
	}
	if whole != nil {
		return whole
	}
	return ends
}

// rarestFirst are the letters and such by how often kernels' names have them;
// whatever is not among them is rarer.
const rarestFirst = "79J5Z8Q01j3WzYKX26V4HGBUqMFDLCwNPOIySRAxhvkTEgbumfdlpnocisarte_"

// matches reports whether a record's kind is k, which stands for both kinds of
// enums.
func (k TypeKind) matches(kind uint32) bool {
	return kind == uint32(k) || k == TypeEnum && kind == kindEnum64
}

// find returns the number of the type of that kind with a name at one of the offsets,
// 0 if there is none.
func (k *Kernel) find(kind TypeKind, l []uint32) uint32 {
	if l == nil {
		return 0
	}
	one := l[0]
	for i, at := range k.starts {
		n := k.word(k.types[at:])
		if n != one && (len(l) == 1 || !slices.Contains(l, n)) {
			continue
		}
		if kind.matches(k.word(k.types[at+4:]) >> 24 & 0x1f) {
			return k.inherited() + uint32(i+1)
		}
	}
	return 0
}

// Lookup returns the type of that kind and name; nil if the kernel has none.
func (k *Kernel) Lookup(kind TypeKind, name string) (btf.Type, error) {
	l := k.offsets(name)
	id := k.find(kind, l)
	if id == 0 {
		return k.inModules(func(m *Kernel) (btf.Type, error) { return m.own(kind, name, l) })
	}
	t, err := k.decode(id, false)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return t, nil
}

// Enumerator returns the enum that has an enumerator of that name, and its number
// in it; nil if there is none.
func (k *Kernel) Enumerator(name string) (*btf.Enum, int, error) {
	l := k.offsets(name)
	for id := uint32(1); l != nil && id <= k.last(); id++ {
		r := k.record(id)
		if r.kind() != kindEnum && r.kind() != kindEnum64 {
			continue
		}
		step := tails[r.kind()].each
		for i := range r.vlen() {
			if slices.Contains(l, k.word(r.tail[uint32(i)*step:])) {
				t, err := k.decode(id, false)
				if err != nil {
					return nil, 0, err
				}
				return t.(*btf.Enum), i, nil
			}
		}
	}
	return nil, 0, nil
}

// Tagged returns the names of the functions that have a tag (BTF_KIND_DECL_TAG), in
// the order of the file.
func (k *Kernel) Tagged(tag string) []string {
	if l, ok := k.tagged[tag]; ok {
		return l
	}
	var out []string
	at := k.offsets(tag)
	if k.base != nil {
		at = k.all(tag, k.base.offsets(tag))
	}
	for id := k.inherited() + 1; id <= k.last() && at != nil; id++ {
		r := k.record(id)
		if r.kind() != kindDeclTag || !slices.Contains(at, r.name) || k.u32(&r, 0) != 1<<32-1 || r.size == 0 || r.size > k.last() {
			continue
		}
		if f := k.record(r.size); f.kind() == kindFunc {
			if s, err := k.name(f.name); err == nil {
				out = append(out, s)
			}
		}
	}
	for _, m := range k.opened() {
		out = append(out, m.Tagged(tag)...)
	}
	if k.tagged == nil {
		k.tagged = map[string][]string{}
	}
	k.tagged[tag] = out
	return out
}

// Names returns the names of all types of a kind, in the order of the file: for
// suggestions.
func (k *Kernel) Names(kind TypeKind) []string {
	var out []string
	for id := k.inherited() + 1; id <= k.last(); id++ {
		r := k.record(id)
		if kind.matches(r.kind()) && r.name != 0 {
			if s, err := k.name(r.name); err == nil {
				out = append(out, s)
			}
		}
	}
	for _, m := range k.opened() {
		out = append(out, m.Names(kind)...)
	}
	return out
}
