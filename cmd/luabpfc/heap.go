package main

// longScript is the length, in bytes, from which a script's compile is left to the
// collector of garbage, which would count what prepareMemory sets aside.
const longScript = 16 << 10

// prepareMemory makes the first allocations of a compile cheap. Nothing of a usual
// script's compile is collected as garbage, so each page of memory is one that the
// process did not have before, and having the kernel find it costs more than all that
// is done with it: of 15 ms for 200 dense lines 3.
//
// Called early, where the stack is shallow: it grows once, to what compiling takes,
// and not from 8 KiB on in steps, each of which copies all frames.
func prepareMemory() {
	prepareHeap()
	deepStack(0)
}

//go:noinline
func deepStack(i int) byte {
	var frame [48 << 10]byte
	return frame[i]
}
