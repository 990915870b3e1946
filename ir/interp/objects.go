package interp

import "github.com/luabpfc/luabpfc/ir"

// Maps of what programs do not see themselves: devices, CPUs, sockets, and the
// storage that belongs to objects of the kernel.

// xdpRedirect is XDP_REDIRECT.
const xdpRedirect = 4

// redirectMap is bpf_redirect_map: what the flags say where the map has no such
// slot.
func redirectMap(c *helperCall) (word, error) {
	s, flags := c.args[0].obj.mp, c.args[2].bits
	key := putNumber(c.args[1].bits&0xffffffff, 4, c.m.module.BigEndian)
	if flags >= xdpRedirect {
		return word{}, nil
	}
	if s.entries[string(key)] == nil {
		return word{bits: flags}, nil
	}
	return word{bits: xdpRedirect}, nil
}

// localStorage is bpf_get_local_storage: the value of the cgroup that the program
// is attached to, of which there is one here.
func localStorage(c *helperCall) (word, error) {
	s := c.args[0].obj.mp
	if s.local == nil {
		s.local = &object{name: "the storage of map " + s.decl.Name, region: ir.RegionMap, data: make([]byte, s.decl.ValueSize)}
	}
	return word{obj: s.local}, nil
}
