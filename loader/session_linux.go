package loader

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachUprobeSession attaches to the functions of a binary that match, where they are
// entered and where they return. cilium/ebpf has no call for it.
func attachUprobeSession(a *attachment) (io.Closer, error) {
	path, name, err := binarySymbol(a.Name)
	if err != nil {
		return nil, err
	}
	syms, err := functionsLike(path, name)
	if err != nil {
		return nil, err
	}
	offsets, err := functionOffsets(path, syms)
	if err != nil {
		return nil, err
	}
	file, err := unix.BytePtrFromString(path)
	if err != nil {
		return nil, err
	}
	const linkCreate, session = 28, 57 // BPF_LINK_CREATE, BPF_TRACE_UPROBE_SESSION
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(file)
	pins.Pin(&offsets[0])
	attr := struct {
		prog, target, attach, flags     uint32
		path, offsets, counter, cookies unsafe.Pointer
		count, how, pid, pad            uint32
	}{prog: uint32(a.prog.FD()), attach: session, path: unsafe.Pointer(file), offsets: unsafe.Pointer(&offsets[0]),
		count: uint32(len(offsets)), pid: uint32(a.pid())}
	fd, _, no := unix.Syscall(unix.SYS_BPF, linkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(a.prog)
	if no != 0 {
		return nil, fmt.Errorf("creating the link: %w", no)
	}
	return os.NewFile(fd, "uprobe session"), nil
}

// functionOffsets are where functions of a binary are in the file.
func functionOffsets(path string, names []string) (offsets []uint64, err error) {
	all, err := functionsOf(path)
	if err != nil {
		return nil, err
	}
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, s := range all {
		if slices.Contains(names, s.Name) {
			offsets = append(offsets, fileOffset(f, s.Value))
		}
	}
	slices.Sort(offsets)
	return slices.Compact(offsets), nil
}
