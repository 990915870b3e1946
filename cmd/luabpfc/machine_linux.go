package main

import (
	"encoding/binary"

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

// bigEndian reports this machine's byte order.
func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }
