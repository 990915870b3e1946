package ir

import (
	"testing"
	"unsafe"
)

// TestSlabs: slabs fill the pieces of memory that the allocator has, on
// machines of 64 bits.
func TestSlabs(t *testing.T) {
	const page = 4096
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("values have another size here")
	}
	if n := page / int(unsafe.Sizeof(Value{})); n != pageValues {
		t.Errorf("%d values fill a page, not %d", n, pageValues)
	}
	if n := page / int(unsafe.Sizeof(Block{})); n != slabSize(1000)/2 {
		t.Errorf("%d blocks fill a page, not %d", n, slabSize(1000)/2)
	}
}
