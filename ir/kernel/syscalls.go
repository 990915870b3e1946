package kernel

import (
	_ "embed"
	"strings"
	"sync"
)

// The system calls with their arguments, as the tracepoints of a kernel name
// them: made by bench/btf/syscalls.sh. A line is a name, and for each argument
// "; ", its type and its name.
//
//go:embed syscalls.txt
var syscallsText string

// SystemCall is a system call.
type SystemCall struct {
	Name string
	Args []SyscallArg
}

// SyscallArg is an argument of a system call: "const char *", "filename".
type SyscallArg struct{ Type, Name string }

var syscalls = sync.OnceValue(func() map[string]*SystemCall {
	out := map[string]*SystemCall{}
	for line := range strings.Lines(syscallsText) {
		parts := strings.Split(strings.TrimSpace(line), "; ")
		c := &SystemCall{Name: parts[0]}
		for _, p := range parts[1:] {
			i := strings.LastIndexAny(p, " *")
			c.Args = append(c.Args, SyscallArg{strings.TrimSpace(p[:i+1]), p[i+1:]})
		}
		out[c.Name] = c
	}
	return out
})

// SyscallByName returns the system call of that name.
func SyscallByName(name string) (*SystemCall, bool) {
	c, ok := syscalls()[name]
	return c, ok
}

// SyscallNames returns the names of the system calls, in order.
func SyscallNames() (names []string) {
	for line := range strings.Lines(syscallsText) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		names = append(names, name)
	}
	return names
}

// SyscallRegisters returns where in struct pt_regs the arguments of a system call
// are, for the architectures whose system calls are handed a pointer to it.
func SyscallRegisters(arch string) (offsets [6]int32, ok bool) {
	switch arch {
	case "x86_64": // di, si, dx, r10, r8, r9
		return [6]int32{112, 104, 96, 56, 72, 64}, true
	case "arm64": // orig_x0, which the result does not overwrite; regs[1] to regs[5]
		return [6]int32{272, 8, 16, 24, 32, 40}, true
	}
	return offsets, false
}
