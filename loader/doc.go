// Package loader takes the bytes of a compiled object to the kernel: it loads
// and pins, attaches socket filters and XDP programs, and reads maps, through
// cilium/ebpf.
//
// It must not know the compiler: any object that libbpf can load will do. A
// program that ships an object needs this package or any other loader, and
// nothing else of this module.
//
//	obj, err := loader.Open(elf)
//	if err != nil { ... }
//	defer obj.Close()
//	if err := obj.Load(); err != nil { ... }
//	if err := obj.AttachSocket("prog", "lo"); err != nil { ... }
//	m, err := obj.Map("map")
//	n, ok, err := m.Get(6)
//
// An Object is what is in the file until Load, and what is in the kernel from
// there to Close. A RejectError is the verifier's refusal with the script line
// it came to; an AccessError says what this process lacks to use BPF.
package loader
