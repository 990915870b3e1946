package userspace

import (
	"maps"
	"slices"
)

// Names returns the operations of user space, sorted: bpf.ksym, syscall.sleep, those
// of ffi.C as C.strlen and methods of maps as map.poll.
func Names() []string { return slices.Sorted(maps.Keys(operations())) }
