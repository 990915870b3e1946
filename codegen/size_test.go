package codegen

import "testing"

// TestRandomSizes logs how large random programs become, to compare changes of
// selection and allocation by.
func TestRandomSizes(t *testing.T) {
	slots, stack := 0, 0
	for seed := int64(0); seed < programs(100); seed++ {
		for _, m := range []*Output{compileChecked(t, generate(seed, 3), 3, seed), compileChecked(t, generatePointers(seed, 3), 3, seed)} {
			slots += m.Funcs[0].Slots()
			stack += m.Funcs[0].Stack
		}
	}
	t.Logf("%d slots, %d bytes of stack", slots, stack)
}
