// Package btf writes an object's debug information, and reads the types of a
// kernel. What it writes is the sections .BTF (types,
// functions, variables, maps) and .BTF.ext (which function starts where, which
// line an instruction comes from, which instruction depends on the layout of the
// running kernel's types).
//
// Types are cilium/ebpf's btf.Type, and its Builder encodes them. What it lacks
// is here: .BTF.ext and its strings, the definitions that loaders expect in
// .maps, the cutting of type graphs, and the checks that a loader or the kernel
// would otherwise fail on, where the user can no longer see why.
//
// The package must not know of instructions, ELF or Lua. Offsets are bytes in a
// section, and whoever writes the object lays the sections out.
//
// [Object] says everything and [Object.Marshal] returns both sections:
//
//	filter := &btf.Func{Name: "filter", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
//		Return: i32, Params: []btf.FuncParam{{Name: "ctx", Type: ctx}}}}
//	maps, places, err := luabtf.Maps([]luabtf.MapDef{{Name: "counts", Type: 1,
//		MaxEntries: 64, Key: u32, Value: u64}})
//	license, text, err := luabtf.License("GPL")
//	o := luabtf.Object{
//		Datasecs: []*btf.Datasec{maps, license},
//		Sections: []luabtf.Section{{
//			Name:  "socket",
//			Funcs: []luabtf.FuncInfo{{Offset: 0, Func: filter}},
//			Lines: []luabtf.LineInfo{{Offset: 0, File: "prog.lua", Text: "return 0", Line: 3, Column: 5}},
//		}},
//	}
//	types, ext, err := o.Marshal(binary.LittleEndian)
//
// What the object file must have beside those two sections, so that the loaders
// agree with it:
//
//   - a section and a STT_FUNC symbol for each function, in .text for
//     subprograms; a function's linkage is that of its symbol (a static one has no
//     symbol that other files see, and is called through .text's section symbol);
//   - a section .maps of zero bytes, as long as the Datasec says, with a global
//     STT_OBJECT symbol of the map's name at each [Place], and a relocation for
//     each filled slot of Values;
//   - a section license with the text that [License] returns, and a global
//     STT_OBJECT symbol named [LicenseSymbol];
//   - for any other Datasec of variables a section of its name and size, with a
//     symbol for each variable at its offset.
//
// Equal types are written once, whoever made them. A structure that is reachable
// only through a pointer inside another one becomes a forward declaration, as C
// compilers do: a kernel structure would otherwise drag half of the kernel's
// types into the object. The types given are never changed.
//
// # Reading
//
// [OpenKernel] reads the types of a kernel, each when it is asked for:
//
//	k, err := luabtf.OpenKernel(data) // of /sys/kernel/btf/vmlinux
//	t, err := k.Lookup(luabtf.TypeStruct, "task_struct")
package btf
