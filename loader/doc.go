// Package loader takes the bytes of a compiled object to the kernel: it loads
// and pins, attaches programs of every kind that attaches by itself, reads and
// writes maps and variables, and receives records and what programs print,
// through cilium/ebpf.
//
// It must not know the compiler: any object that libbpf can load will do. A
// program that ships an object needs this package or any other loader, and
// nothing else of this module.
//
//	obj, err := loader.Open(elf)
//	if err != nil { ... }
//	defer obj.Close()
//	if err := obj.Load(); err != nil { ... }
//	l, err := obj.Attach("prog", loader.Target{Name: "lo"})
//	m, err := obj.Map("map")
//	n, ok, err := m.Get(6)
//
// Where a program attaches is a row of the table hooks, by its type and section.
//
// Pin and Leave keep what is loaded when the process ends, Unpin ends that.
// ReadSystem, Contents and Instructions look at what is in the kernel, everybody's;
// Examine at what the machine allows.
//
// An Object is what is in the file until Load, and what is in the kernel from
// there to Close. A RejectError is the verifier's refusal with the script line
// it came to; an AccessError says what this process lacks to use BPF.
package loader
