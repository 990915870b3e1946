package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Structures of functions that programs implement (struct_ops). Objects have a
// variable for each, in .struct_ops.link where the kernel is told of it by a link
// (6.4), in .struct_ops where it is told by writing the map, which cilium/ebpf does
// not read. The two differ in a flag of the map only, so one is read as the other,
// and a link is used where the kernel has them.

const (
	opsSection     = ".struct_ops"
	opsLinkSection = ".struct_ops.link"
)

// StructOps returns the names of the object's structures of functions, sorted.
func (o *Object) StructOps() []string {
	return slices.DeleteFunc(names(o.spec.Maps), func(n string) bool { return o.spec.Maps[n].Type != ebpf.StructOpsMap })
}

// chooseOpsLinks makes the maps of structures of functions be attached by links, if
// the kernel has these. Without them loading tells the kernel.
func (o *Object) chooseOpsLinks() {
	const byLink = 1 << 13 // BPF_F_LINK
	for _, n := range o.StructOps() {
		m := o.spec.Maps[n]
		m.Flags &^= byLink
		if hasOpsLinks() {
			m.Flags |= byLink
			o.opsLinks = true
		}
	}
}

// hasOpsLinks reports whether the running kernel attaches structures of functions by
// links.
func hasOpsLinks() bool {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return false
	}
	var l *btf.Struct
	return types.TypeByName("bpf_struct_ops_link", &l) == nil
}

// linkOps returns an object in which .struct_ops is called .struct_ops.link: its
// section, and the DATASEC in .BTF. An object without one is returned as it is.
func linkOps(object []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil || f.Class != elf.ELFCLASS64 || f.Section(opsSection) == nil || f.Section(opsLinkSection) != nil {
		return object
	}
	out := slices.Clone(object)
	headers, size, strings := f.ByteOrder.Uint64(out[0x28:]), uint64(f.ByteOrder.Uint16(out[0x3a:])), int(f.ByteOrder.Uint16(out[0x3e:]))
	if strings >= len(f.Sections) {
		return object
	}
	// moved puts new contents of a section behind everything else.
	moved := func(section int, data []byte) {
		at := headers + uint64(section)*size
		f.ByteOrder.PutUint64(out[at+24:], uint64(len(out)))
		f.ByteOrder.PutUint64(out[at+32:], uint64(len(data)))
		out = append(out, data...)
	}
	for i, s := range f.Sections {
		var data []byte
		if i == strings || s.Name == opsSection || s.Name == ".BTF" {
			if data, err = s.Data(); err != nil {
				return object
			}
		}
		switch {
		case i == strings:
			moved(i, slices.Concat(data, []byte(opsLinkSection+"\x00")))
		case s.Name == opsSection:
			f.ByteOrder.PutUint32(out[headers+uint64(i)*size:], uint32(f.Sections[strings].Size))
		case s.Name == ".BTF":
			if data = renamedDatasec(data, f.ByteOrder); data == nil {
				return object
			}
			moved(i, data)
		}
	}
	return out
}

// btfTails is how many bytes follow a record's twelve in .BTF, by its kind: fixed,
// and for each part.
var btfTails = [20]struct{ fixed, each int }{1: {4, 0}, 3: {12, 0}, 4: {0, 12}, 5: {0, 12}, 6: {0, 8}, 13: {0, 8}, 14: {4, 0}, 15: {0, 12}, 17: {4, 0}, 19: {0, 12}}

// renamedDatasec returns types in which the DATASEC .struct_ops has the other name;
// nil if it is not there, or strings are not the last part.
func renamedDatasec(data []byte, order binary.ByteOrder) []byte {
	const datasec = 15
	if len(data) < 24 {
		return nil
	}
	u32 := func(at int) int { return int(order.Uint32(data[at:])) }
	head := u32(4)
	types, typesLen, strs, strsLen := head+u32(8), u32(12), head+u32(16), u32(20)
	if head < 24 || types+typesLen > len(data) || strs+strsLen != len(data) || strsLen == 0 {
		return nil
	}
	for at, end := types, types+typesLen; at+12 <= end; {
		info := u32(at + 4)
		kind := info >> 24 & 0x1f
		if kind >= len(btfTails) {
			return nil
		}
		name := u32(at)
		if kind == datasec && name < strsLen && bytes.HasPrefix(data[strs+name:], []byte(opsSection+"\x00")) {
			out := slices.Concat(data, []byte(opsLinkSection+"\x00"))
			order.PutUint32(out[at:], uint32(strsLen))
			order.PutUint32(out[20:], uint32(len(out)-strs))
			return out
		}
		at += 12 + btfTails[kind].fixed + btfTails[kind].each*(info&0xffff)
	}
	return nil
}
