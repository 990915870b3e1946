package main

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// runningKernel is the version of the kernel that is running.
func runningKernel() (v kernel.Version, ok bool) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return v, false
	}
	return kernel.ParseRelease(unix.ByteSliceToString(u.Release[:]))
}

// readTypes returns what is in a file of a kernel's types. Kernels from 6.16 on let
// their own be mapped, which takes a tenth of a millisecond; read, its 5 MB come a page
// at a time. It stays mapped: types are looked up as long as the process lives.
func readTypes(name string) ([]byte, error) {
	if filepath.Dir(name) != runningBTF {
		return os.ReadFile(name) // may change while it is in use
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > 0 && st.Size() == int64(int(st.Size())) {
		if b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
			return b, nil
		}
	}
	return os.ReadFile(name)
}

// bigEndian reports this machine's byte order.
func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }
