package loader

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/pin"
	"golang.org/x/sys/unix"
)

// PinnedID returns what is pinned at path: "prog", "map" or "link", and its number.
func PinnedID(path string) (kind string, id uint32, err error) {
	x, err := pin.Load(path, nil)
	if err != nil {
		return "", 0, err
	}
	defer x.Close()
	o, ok := objectAt(x)
	if !ok {
		return "", 0, fmt.Errorf("'%s' is neither a program nor a map nor a link", path)
	}
	return o.kind, o.id, nil
}

// Contents reads the entries of the map with that number, by their types where the
// kernel knows them, in the order of their keys; at most max. rest says that there
// are more.
func Contents(id uint32, max int) (entries []Content, rest bool, err error) {
	m, err := ebpf.NewMapFromID(ebpf.MapID(id))
	if err != nil {
		return nil, false, access(err)
	}
	defer m.Close()
	switch m.Type() {
	case ebpf.RingBuf, ebpf.Queue, ebpf.Stack, ebpf.BloomFilter, ebpf.PerfEventArray, ebpf.UserRingbuf, ebpf.Arena,
		ebpf.SockMap, ebpf.SockHash, ebpf.ReusePortSockArray:
		return nil, false, nil
	}
	key, value := mapTypes(m)
	all, err := (&Map{m}).Entries()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, notSupported) {
		return nil, false, nil // what is no business of user space's
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading map %d: %w", id, err)
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		x, err1 := decode(a.Key)
		y, err2 := decode(b.Key)
		if err1 != nil || err2 != nil || x == y {
			return bytes.Compare(a.Key, b.Key)
		}
		if x < y {
			return -1
		}
		return 1
	})
	for _, e := range all {
		if m.Type() == ebpf.Array && len(all) > max && !slices.ContainsFunc(e.Values[0], func(b byte) bool { return b != 0 }) {
			continue // of a large array what is not zero
		}
		if len(entries) == max {
			return entries, true, nil
		}
		c := Content{Key: DecodeValue(key, e.Key)}
		for _, v := range e.Values {
			c.Values = append(c.Values, DecodeValue(value, v))
		}
		if len(c.Values) == 1 {
			c.Value, c.Values = c.Values[0], nil
		}
		entries = append(entries, c)
	}
	return entries, false, nil
}

// notSupported is the kernel's own ENOTSUPP, which no C library knows.
const notSupported = unix.Errno(524)

// mapInfo is the beginning of struct bpf_map_info.
type mapInfo struct {
	_                  [6]uint32
	_                  [16]byte
	_, _               uint32
	_, _               uint64
	btf, key, value, _ uint32
}

// mapTypes are the types of a map's keys and values, nil where the kernel does not
// know them.
func mapTypes(m *ebpf.Map) (key, value btf.Type) {
	var info mapInfo
	attr := struct {
		fd, size uint32
		info     unsafe.Pointer
	}{uint32(m.FD()), uint32(unsafe.Sizeof(info)), unsafe.Pointer(&info)}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)); errno != 0 || info.btf == 0 {
		return nil, nil
	}
	h, err := btf.NewHandleFromID(btf.ID(info.btf))
	if err != nil {
		return nil, nil
	}
	defer h.Close()
	spec, err := h.Spec(nil)
	if err != nil {
		return nil, nil
	}
	if info.key != 0 {
		key, _ = spec.TypeByID(btf.TypeID(info.key)) // nil: shown without a type
	}
	if info.value != 0 {
		value, _ = spec.TypeByID(btf.TypeID(info.value))
	}
	return key, value
}

// Instructions are those of the program with that number as the kernel has
// rewritten them, with the lines of its source.
func Instructions(id uint32) (asm.Instructions, error) {
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return nil, access(err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil, err
	}
	insns, err := info.Instructions()
	if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, ebpf.ErrRestrictedKernel) {
		return nil, nil
	}
	return insns, err
}
