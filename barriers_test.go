package luabpfc_test

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// What kernels before 6.16 refuse without CAP_PERFMON, seen on later ones.
//
// The verifier follows a branch whose outcome it knows the other way too, as the CPU
// may for a moment. Where that way does what is not allowed (an access through null,
// an end with a record open) the program was refused until 6.15; since then the
// kernel puts a barrier in front of the instruction. So a barrier says that older
// kernels refuse the program. It puts them behind stores to the stack, too, for
// another reason, and those count for nothing.

// barrier is the instruction, which only the kernel makes.
const barrier = asm.OpCode(asm.StClass) | 0xc0

// beforeBarriers is how the text of mispredictions begins, behind the program's name.
const beforeBarriers = "kernels before 6.16 refuse it"

// mispredictions says where programs have a barrier that no store is in front of, ""
// if they have none.
func mispredictions(coll *ebpf.Collection) (string, error) {
	for name, p := range coll.Programs {
		info, err := p.Info()
		if err != nil {
			return "", err
		}
		insns, err := info.Instructions()
		if err != nil {
			return "", err
		}
		for i, in := range insns {
			if i > 0 && in.OpCode == barrier && !insns[i-1].OpCode.Class().IsStore() {
				return fmt.Sprintf("%s: %s: a barrier against a mispredicted branch in front of '%v'", name, beforeBarriers, insns[i+1]), nil
			}
		}
	}
	return "", nil
}
