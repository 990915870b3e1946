package main

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/luabpfc/luabpfc/ir/kernel"
)

// runningKernel is the version of the kernel that is running.
func runningKernel() (v kernel.Version, ok bool) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return v, false
	}
	n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &v.Major, &v.Minor)
	return v, n == 2
}

// bigEndian reports this machine's byte order.
func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }
