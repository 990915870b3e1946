package opt

import (
	"testing"

	"github.com/luabpfc/luabpfc/ir"
)

// TestTripsUntilEqual: a counter that ends where it is equal to its bound makes
// as many trips as a walk counts.
func TestTripsUntilEqual(t *testing.T) {
	for _, op := range []ir.Op{ir.OpNe, ir.OpEq} {
		for _, step := range []int64{1, -1} {
			for _, way := range []int64{0, 1, 7, maxWalk - 1, maxWalk, maxWalk + 1, -1} {
				for _, start := range []int64{0, 5, -3, 1<<63 - 1, -1 << 63} {
					x := &counted{counter: counter{step: step}, op: op, not: op == ir.OpEq, left: true, add: 2}
					bound := start + x.add + way*step
					n, ok := x.tripsFrom(start, bound)
					want, stop := int64(0), false
					for i := start; want <= maxWalk; want, i = want+1, i+step {
						if !x.stays(i, bound) {
							stop = true
							break
						}
					}
					if ok != stop || ok && n != want {
						t.Errorf("%v from %d to %d by %d: %d, %v, not %d, %v", op, start, bound, step, n, ok, want, stop)
					}
				}
			}
		}
	}
}
