// Package script runs the script stage: a chunk, once, from top to bottom, on
// the gopher-lua VM, up to its end, to the first user-space operation or to an
// error.
//
// It must not know the kernel stage or the IR: what the script declares goes to
// a Host, which compiles it (record) or loads it (live, luabpfc run).
//
//	var r diag.Reporter
//	st := script.Run(diag.NewFile("prog.lua", text), host, script.Options{Reporter: &r})
//	for _, m := range st.Maps() { ... }
//
// The central types are Stage, one run; Host; and the values that a script
// handles and Lua does not have: Map, Program, CType, CData.
//
// convert.go hands our syntax tree to gopher-lua as its own, with the index of
// our node where a line number goes: a function of the VM leads back to its
// source, and an error to its column. What gopher-lua's compiler or VM lacks
// becomes a call of ours there. bounds.go is the end of the stage and its
// limits, base.go and strings.go replace those functions of the standard library
// that would vary from run to run or escape the limits.
package script
