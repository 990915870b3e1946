package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage = 2 << 20  // of x86, and of arm64 with pages of 4 KiB
	growth   = 4 << 20  // how much more of its addresses the heap takes into use at once
	advised  = 6 << 20  // what a script of some hundred lines takes, and more
	ownPages = 40 << 10 // an object of this size has pages of its own, the next that are free
)

// prepareHeap asks the kernel for huge pages where the heap grows next: one fault
// gets 2 MiB, not 4 KiB. The advice is for addresses in use, and those that are may
// end soon; so the heap is made to grow by an object that ends with a huge page.
// Nobody touches that object, so it takes no memory.
//
// It is advice: where the kernel has no huge page at hand, or is told not to use
// them, everything is as without it.
func prepareHeap() {
	first := untouched(ownPages)
	end := uintptr(unsafe.Pointer(unsafe.SliceData(first))) + ownPages
	next := (end + growth + hugePage - 1) &^ (hugePage - 1)
	untouched(int(next - end))
	unix.Syscall(unix.SYS_MADVISE, next, advised, unix.MADV_HUGEPAGE)
}

// untouched returns an object of the heap: the caller does not know that it could be
// on the stack.
//
//go:noinline
func untouched(n int) []byte { return make([]byte, n) }
