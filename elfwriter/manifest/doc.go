// Package manifest is what an object says to luabpfc's own loader besides what
// every loader reads: the entries that maps begin with, where programs are to be
// attached, which maps are histograms. It is the section .luabpfc of the object.
//
// No other consumer reads it or says a word about it: the section has the type of
// a table of strings (SHT_STRTAB), which libbpf, its static linker, cilium/ebpf,
// iproute2 and xdp-tools pass over whatever its name is, and the flag SHF_ALLOC,
// so that llvm-strip -g and objcopy -g leave it as it is. The static linker
// (bpftool gen object) drops it, as it drops all that it does not know: its output
// is filled and attached by hand. The kernel never sees it.
//
// # Format
//
// The section is one or more parts, one behind the other, and zeros. A part is
//
//	"luabpfc" version:byte length:uvarint record*
//
// where length is that of the records. A record is
//
//	kind:uvarint length:uvarint body
//
// Readers skip records whose kind they don't know. uvarint and varint are the
// variable-length numbers of encoding/binary, a string is its length as uvarint
// and its bytes. The bodies, by kind:
//
//	1 entries     map:string key:uvarint value:uvarint (key bytes, value bytes)*
//	2 program     name:string (option:uvarint string)*
//	3 histogram   map:string step:varint
//
// Keys and values have the sizes given, in the byte order of the target; in a map
// with a value for each CPU the value is for all of them. Options are 1 the target
// (an interface, a file descriptor, a function), 2 the direction, 3 the cgroup's
// path, 4 the process, 5 the CPU, 6 the flags, and from 16 on the settings of a
// perf event: 16 freq, 17 period, 18 type, 19 config. From 4 on the string is a
// varint. A histogram counts by powers of two if its step is 0.
package manifest
