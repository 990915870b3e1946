// Package interp executes IR: it is the meaning of every op, in both phases,
// for tests and differential runs. It is not used for compiling.
//
// It must not know Lua, BPF instructions or the kernel it runs on. Arithmetic
// is ir.Eval's; helpers, maps and contexts are simulated here, deterministically.
//
// A Machine has a module's maps and an Env: the packet, the context, the clock
// and whatever else a program can ask the kernel for. Runs share the maps; Env
// may be changed between them.
//
//	m := interp.New(module, interp.Env{Packet: frame, Ctx: map[string]uint64{"ingress_ifindex": 1}})
//	res, err := m.Run(f) // a program of the module
//	m.Env.Packet = next
//	res, err = m.Run(f)
//	for _, e := range m.Entries("counts") {
//		fmt.Printf("%x = %x\n", e.Key, e.Values[0])
//	}
//
// # An oracle
//
// Memory is made of objects (a slot, a map's value, the context, the packet),
// and an address is an object and an offset, so what the kernel's verifier
// would refuse is a Fault here: reading stack bytes that nothing has written,
// dereferencing null, leaving an object, an access whose region is not that of
// the memory, a map's value used after its entry was replaced or deleted, a
// packet load that its check does not cover or that is of an older generation,
// a slot used after its function returned, reading the bytes of an address as a
// number. A Fault in a program that the front end made is a bug of ours.
//
// # What is simulated how
//
// Hash maps are iterated in the order of their keys; a full LRU map evicts the
// entry used longest ago. Per-CPU maps have Env.CPUs copies of each value.
// trace_printk formats as the kernel does; Result.Trace has its lines. A
// BPF_PROG_TEST_RUN result is 32 bits wide, Result.Ret has all 64.
package interp
